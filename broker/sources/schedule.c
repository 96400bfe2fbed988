/* SPDX-License-Identifier: MIT */
/*
 * Schedule: is this an hour in which the owner allows work?
 *
 * One timer on the wall clock, set to the next edge of the configured windows and never
 * periodic. The kernel cancels it when the clock is set (or when the machine wakes up), which
 * wakes us to ask again. Without windows there is no timer. A new time zone counts from the next
 * edge or reload.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "broker/sources/schedule_time.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

struct schedule {
	struct sensor sensor;
	int timer;
	struct loop_watch *watch;
};

static int schedule_arm(struct schedule *s, time_t at)
{
	struct itimerspec spec = {.it_value = {.tv_sec = at == SCHEDULE_NEVER ? 0 : at}};

	if (timerfd_settime(s->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) < 0)
		return errno == ECANCELED ? 0 : -errno; /* cancelled: armed all the same */
	return 0;
}

static void schedule_tell(struct schedule *s)
{
	const struct config *config = s->sensor.ctx.config;
	char when[64] = "for ever";
	struct tm tm;
	bool allowed;
	time_t at;
	int r;

	tzset();
	at = schedule_next(config->windows, config->n_windows, time(NULL), &allowed);
	r = schedule_arm(s, at);
	if (r < 0) {
		sensor_say(&s->sensor, GATE_SENSOR_LOST, "timer on the wall clock: %s",
			   strerror(-r));
		return;
	}
	if (at != SCHEDULE_NEVER && localtime_r(&at, &tm))
		strftime(when, sizeof(when), "until %a %H:%M or before", &tm);
	sensor_fact(&s->sensor, &(struct gate_fact){.kind = GATE_FACT_SCHEDULE, .on = allowed});
	if (config->n_windows)
		sensor_say(&s->sensor, GATE_SENSOR_OK, "%u windows; %s now, %s", config->n_windows,
			   allowed ? "allowed" : "not allowed", when);
	else
		sensor_say(&s->sensor, GATE_SENSOR_OK, "no windows: every hour is allowed");
}

static void schedule_ready(void *data, int fd, int events)
{
	struct schedule *s = data;
	uint64_t expirations;
	ssize_t n = read(fd, &expirations, sizeof(expirations));

	if (n < 0 && errno == EAGAIN)
		return;
	schedule_tell(s); /* it expired, or the clock was set (ECANCELED) */
}

static void schedule_reload(void *source)
{
	schedule_tell(source);
}

static void schedule_status(void *source, struct source_status *out)
{
	struct schedule *s = source;

	sensor_status(&s->sensor, out);
}

static void schedule_close(void *source)
{
	struct schedule *s = source;

	loop_unwatch(s->watch);
	if (s->timer >= 0)
		close(s->timer);
	free(s);
}

DEFINE_CLEANUP(struct schedule, schedule, schedule_close)

static int schedule_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_schedulep) struct schedule *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	sensor_init(&s->sensor, ctx, &source_schedule);
	s->sensor.tier = "timerfd";
	s->timer = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (s->timer < 0)
		return -errno;
	r = loop_watch(ctx->loop, s->timer, POLLIN, schedule_ready, s, &s->watch);
	if (r < 0)
		return r;
	schedule_tell(s);
	*out = steal_ptr(s);
	return 0;
}

const struct source_ops source_schedule = {
	.name = "schedule",
	.sensor = GATE_SENSOR_SCHEDULE,
	.open = schedule_open,
	.reload = schedule_reload,
	.status = schedule_status,
	.close = schedule_close,
};
