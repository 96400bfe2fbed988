/* SPDX-License-Identifier: MIT */
/*
 * logind through sd-bus; see logind.h. Every call is asynchronous: connecting, the match and the
 * inhibitor go through the loop, so a bus that hangs hangs nobody.
 */
#include "broker/sources/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "libbroker/util/cleanup.h"

#define LOGIND_NAME      "org.freedesktop.login1"
#define LOGIND_PATH      "/org/freedesktop/login1"
#define LOGIND_INTERFACE "org.freedesktop.login1.Manager"
#define MESSAGES_A_CALL  32

struct logind {
	sd_bus *bus;
	struct loop_watch *watch;
	struct loop_timer *timer;
	int inhibitor;
	bool gone;
	logind_fn fn;
	void *data;
};

static void logind_gone(struct logind *l, const char *words)
{
	if (l->gone)
		return;
	l->gone = true;
	logind_release(l);
	l->fn(l->data, LOGIND_GONE, words);
}

static int inhibit_reply(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct logind *l = data;
	int fd, r;

	if (sd_bus_message_is_method_error(m, NULL)) {
		const sd_bus_error *e = sd_bus_message_get_error(m);

		logind_gone(l, e && e->message ? e->message : "logind refused the inhibitor");
		return 0;
	}
	r = sd_bus_message_read(m, "h", &fd);
	fd = r < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0) {
		logind_gone(l, "logind gave no inhibitor");
		return 0;
	}
	logind_release(l);
	l->inhibitor = fd;
	l->gone = false;
	l->fn(l->data, LOGIND_READY, NULL);
	return 0;
}

static int take_inhibitor(struct logind *l)
{
	return sd_bus_call_method_async(l->bus, NULL, LOGIND_NAME, LOGIND_PATH, LOGIND_INTERFACE,
					"Inhibit", inhibit_reply, l, "ssss", "sleep", "Idlebroker",
					"Jobs stop before the device sleeps", "delay");
}

static int prepare_for_sleep(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct logind *l = data;
	int sleeping;

	if (sd_bus_message_read(m, "b", &sleeping) < 0)
		return 0;
	l->fn(l->data, sleeping ? LOGIND_SLEEP : LOGIND_WAKE, NULL);
	if (!sleeping)
		take_inhibitor(l);
	return 0;
}

static int owner_changed(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct logind *l = data;
	const char *name, *before, *now;

	if (sd_bus_message_read(m, "sss", &name, &before, &now) < 0)
		return 0;
	if (now[0])
		take_inhibitor(l);
	else
		logind_gone(l, "logind left the system bus");
	return 0;
}

static void logind_update(struct logind *l)
{
	int events = sd_bus_get_events(l->bus);
	uint64_t at_us;

	loop_watch_events(l->watch, events < 0 ? 0 : (uint32_t)events);
	if (sd_bus_get_timeout(l->bus, &at_us) < 0 || at_us >= UINT64_MAX / 1000)
		loop_timer_at(l->timer, UINT64_MAX);
	else
		loop_timer_at(l->timer, at_us * 1000);
}

static void logind_process(struct logind *l)
{
	int r = 1;

	for (int i = 0; i < MESSAGES_A_CALL && r > 0; i++)
		r = sd_bus_process(l->bus, NULL);
	if (r < 0) {
		loop_watch_events(l->watch, 0);
		loop_timer_at(l->timer, UINT64_MAX);
		logind_gone(l, "the connection to the system bus broke");
		return;
	}
	logind_update(l);
	if (r > 0) /* more may be queued in the library, where no poll sees it */
		loop_timer_at(l->timer, 0);
}

static void logind_ready(void *data, int fd, int events)
{
	logind_process(data);
}

static void logind_timer(void *data)
{
	logind_process(data);
}

void logind_release(struct logind *l)
{
	if (l->inhibitor >= 0)
		close(steal_fd(&l->inhibitor));
}

void logind_free(struct logind *l)
{
	if (!l)
		return;
	logind_release(l);
	loop_unwatch(l->watch);
	loop_timer_free(l->timer);
	sd_bus_close_unref(l->bus);
	free(l);
}

DEFINE_CLEANUP(struct logind, logind, logind_free)

static int logind_subscribe(struct logind *l)
{
	int r = sd_bus_match_signal_async(l->bus, NULL, LOGIND_NAME, LOGIND_PATH, LOGIND_INTERFACE,
					  "PrepareForSleep", prepare_for_sleep, NULL, l);

	if (r < 0)
		return r;
	r = sd_bus_add_match_async(l->bus, NULL,
				   "type='signal',sender='org.freedesktop.DBus',"
				   "interface='org.freedesktop.DBus',member='NameOwnerChanged',"
				   "arg0='" LOGIND_NAME "'",
				   owner_changed, NULL, l);
	if (r < 0)
		return r;
	return take_inhibitor(l);
}

int logind_new(struct logind **out, struct loop *loop, logind_fn fn, void *data)
{
	_cleanup_(cleanup_logindp) struct logind *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct logind){.inhibitor = -1, .fn = fn, .data = data};
	r = loop_timer_new(loop, logind_timer, l, &l->timer);
	if (r < 0)
		return r;
	r = sd_bus_open_system(&l->bus);
	if (r < 0)
		return r;
	r = logind_subscribe(l);
	if (r < 0)
		return r;
	r = loop_watch(loop, sd_bus_get_fd(l->bus), POLLIN, logind_ready, l, &l->watch);
	if (r < 0)
		return r;
	loop_timer_at(l->timer, 0); /* the library begins to talk only when it is called */
	*out = steal_ptr(l);
	return 0;
}
