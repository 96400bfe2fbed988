/* SPDX-License-Identifier: MIT */
/* Noticing a resume; see resume.h. The timer itself is years away and never expires. */
#include "broker/sources/resume.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"

#define FAR_AWAY_S   (10ll * 365 * 86400)
/* The clocks are read one after the other, so they may seem to drift by a little. */
#define SLEPT_MIN_NS (20 * (int64_t)NS_PER_MS)

struct resume {
	int timer;
	struct loop_watch *watch;
	int64_t ahead_ns;
	resume_fn fn;
	void *data;
};

bool resume_slept(int64_t ahead_before, int64_t ahead_now)
{
	return ahead_now - ahead_before >= SLEPT_MIN_NS;
}

static int64_t clocks_apart(void)
{
	struct timespec boot, mono;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	return (boot.tv_sec - mono.tv_sec) * (int64_t)NS_PER_S + boot.tv_nsec - mono.tv_nsec;
}

static int resume_arm(struct resume *r)
{
	struct itimerspec spec = {.it_value = {.tv_sec = time(NULL) + FAR_AWAY_S}};

	if (timerfd_settime(r->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) <
		    0 &&
	    errno != ECANCELED)
		return -errno;
	return 0;
}

static void resume_ready(void *data, int fd, int events)
{
	struct resume *r = data;
	int64_t ahead = clocks_apart();
	uint64_t expirations;

	if (read(fd, &expirations, sizeof(expirations)) < 0 && errno == EAGAIN)
		return;
	resume_arm(r);
	if (resume_slept(r->ahead_ns, ahead)) {
		r->ahead_ns = ahead;
		r->fn(r->data);
	}
}

void resume_free(struct resume *r)
{
	if (!r)
		return;
	loop_unwatch(r->watch);
	if (r->timer >= 0)
		close(r->timer);
	free(r);
}

DEFINE_CLEANUP(struct resume, resume, resume_free)

int resume_new(struct resume **out, struct loop *loop, resume_fn fn, void *data)
{
	_cleanup_(cleanup_resumep) struct resume *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	*r = (struct resume){.fn = fn, .data = data, .ahead_ns = clocks_apart()};
	r->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (r->timer < 0)
		return -errno;
	ret = resume_arm(r);
	if (ret < 0)
		return ret;
	ret = loop_watch(loop, r->timer, POLLIN, resume_ready, r, &r->watch);
	if (ret < 0)
		return ret;
	*out = steal_ptr(r);
	return 0;
}
