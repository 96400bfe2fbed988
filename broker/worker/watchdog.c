/* SPDX-License-Identifier: MIT */
/* The thread that watches over slices; see watchdog.h. */
#include "broker/worker/watchdog.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "broker/worker/control.h"
#include "broker/worker/watch_look.h"
#include "libbroker/proto/grant.h"
#include "libbroker/util/clock.h"

static struct {
	int control, kick;
	bool software;
	uint32_t asleep; /* the thread sleeps without a time-out */
	uint64_t stretch; /* counts stretches; odd while one stands */
	uint64_t began_ns, limit_ns;
	const char *what;
} dog;

static uint64_t cpu_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static _Noreturn void bite(void)
{
	struct worker_msg msg = {.type = WORKER_MSG_FAILED};

	snprintf(msg.text, sizeof(msg.text), "%s ran longer than %llu ms", page_load(&dog.what),
		 (unsigned long long)(page_load(&dog.limit_ns) / NS_PER_MS));
	control_send(dog.control, &msg);
	_exit(1);
}

static int look(struct watch_look *last)
{
	struct watch_facts f = {.stretch = page_load(&dog.stretch), .software = dog.software};
	int ms;

	f.began_ns = page_load(&dog.began_ns);
	f.limit_ns = page_load(&dog.limit_ns);
	f.asleep = page_load(&dog.asleep);
	f.cpu_ns = dog.software ? cpu_now_ns() : 0;
	f.now_ns = clock_now_ns();
	ms = watch_look(last, &f);
	if (ms == WATCH_BITE && page_load(&dog.stretch) == f.stretch)
		bite();
	return ms == WATCH_BITE ? 1 : ms; /* it ended at the last moment: look at the next */
}

static void *watch(void *data)
{
	struct pollfd p[2] = {{.fd = dog.control, .events = POLLRDHUP},
			      {.fd = dog.kick, .events = POLLIN}};
	struct watch_look last = {.stretch = 0};

	for (;;) {
		uint64_t count;
		int wait_ms = look(&last);

		if (poll(p, 2, wait_ms) < 0 && errno != EINTR)
			_exit(1);
		if (p[0].revents & (POLLRDHUP | POLLHUP | POLLERR))
			_exit(0);
		if (p[1].revents && read(dog.kick, &count, sizeof(count)) < 0 && errno != EAGAIN)
			_exit(1);
	}
	return data;
}

int watchdog_start(int control, bool software)
{
	pthread_t thread;
	sigset_t all, old;
	int r;

	dog.control = control;
	dog.software = software;
	dog.asleep = 1;
	dog.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dog.kick < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, NULL, watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -r;
}

static void kick(void)
{
	uint64_t one = 1;

	/* Fails only when the counter is full, and then the thread is awake anyway. */
	if (write(dog.kick, &one, sizeof(one)) < 0)
		return;
}

void watchdog_begin(const char *what, uint64_t limit_ns)
{
	uint64_t stretch = dog.stretch | 1;

	if (stretch == dog.stretch)
		stretch += 2;
	page_store(&dog.limit_ns, limit_ns);
	page_store(&dog.began_ns, clock_now_ns());
	page_store(&dog.what, what);
	__atomic_store_n(&dog.stretch, stretch, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&dog.asleep, 0, __ATOMIC_SEQ_CST))
		kick();
}

void watchdog_end(void)
{
	if (dog.stretch & 1)
		page_store(&dog.stretch, dog.stretch + 1);
}

void watchdog_rest(void)
{
	watchdog_end();
	page_store(&dog.asleep, 1);
}
