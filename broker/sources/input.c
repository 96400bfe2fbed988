/* SPDX-License-Identifier: MIT */
/*
 * Input: when did the owner last use the device?
 *
 * Every event device of the owner (input_class.c) is watched. What is read from one is thrown
 * away in the same function: only the time leaves this file, never a code or a value.
 *
 * A finger on glass gives 120 to 240 events a second, and the first one has closed the gate. So
 * after an input all devices are put to sleep for a short while, and a timer empties them: if
 * something had come, that is one more input and one more while; if not, the devices are watched
 * again and no timer is left. The while is a fraction of the idle time, at most 250 ms, and an
 * input found at its end counts from then, so the error is on the owner's side.
 *
 * Devices come and go by inotify on <dev>/input, or on <dev> while that folder does not exist. A
 * node is made first and given its rights later, so a change of rights is a reason to try again.
 * A built-in device that goes is a lost sensor; a mouse that is unplugged is not. A reload
 * forgets what was there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "broker/sources/input_class.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define INPUT_DEVICES_MAX 64
#define QUIET_MAX_NS      (250 * NS_PER_MS)
#define QUIET_MIN_NS      (10 * NS_PER_MS)
#define DRAIN_READS_MAX   16
#define IN_NODE           (IN_CREATE | IN_ATTRIB | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF)

struct input;

struct input_device {
	struct input *owner; /* NULL: the slot is free */
	char name[16]; /* event7 */
	int fd;
	bool built_in;
	struct loop_watch *watch;
};

struct input {
	struct sensor sensor;
	struct input_device device[INPUT_DEVICES_MAX];
	unsigned int n_built_in, most_built_in;
	int inotify;
	int dir_watch; /* inotify's number of <dev>/input, or -1 */
	int parent_watch; /* of <dev>, while that is not there, or -1 */
	struct loop_watch *hotplug;
	struct loop_timer *quiet_timer;
	bool quiet;
};

DEFINE_CLEANUP(DIR, dir, closedir)

static struct input_device *input_find(struct input *in, const char *name)
{
	for (int i = 0; i < INPUT_DEVICES_MAX; i++)
		if (in->device[i].owner && !strcmp(in->device[i].name, name))
			return &in->device[i];
	return NULL;
}

static void input_drop(struct input_device *d)
{
	loop_unwatch(d->watch);
	close(d->fd);
	d->owner->n_built_in -= d->built_in;
	*d = (struct input_device){.fd = -1};
}

/* Returns 1 if something had come, 0 if not, -errno when the device is gone. */
static int input_drain(int fd)
{
	char discarded[4096];
	int came = 0;

	for (int i = 0; i < DRAIN_READS_MAX; i++) {
		ssize_t n = read(fd, discarded, sizeof(discarded));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n <= 0)
			break;
		came = 1;
	}
	explicit_bzero(discarded, sizeof(discarded));
	return came;
}

static void input_say_state(struct input *in, const char *unreadable, int error)
{
	unsigned int n = 0;

	for (int i = 0; i < INPUT_DEVICES_MAX; i++)
		n += in->device[i].owner != NULL;
	if (unreadable)
		sensor_say(&in->sensor, GATE_SENSOR_LOST,
			   "%.80s: %s; run the broker as root or in the group 'input'", unreadable,
			   strerror(error));
	else if (in->n_built_in < in->most_built_in)
		sensor_say(&in->sensor, GATE_SENSOR_LOST,
			   "%u of %u built-in input devices are gone; if that is right, reload the "
			   "broker",
			   in->most_built_in - in->n_built_in, in->most_built_in);
	else if (n)
		sensor_say(&in->sensor, GATE_SENSOR_OK, "%u input devices, %u of them built in", n,
			   in->n_built_in);
	else
		sensor_say(&in->sensor, GATE_SENSOR_ABSENT, "no input device of an owner");
}

static void input_scan(struct input *in);

static void input_begin_quiet(struct input *in)
{
	uint64_t quiet = in->sensor.ctx.config->gate.idle_after_ns / 4;

	if (quiet > QUIET_MAX_NS)
		quiet = QUIET_MAX_NS;
	if (quiet < QUIET_MIN_NS)
		quiet = QUIET_MIN_NS;
	in->quiet = true;
	for (int i = 0; i < INPUT_DEVICES_MAX; i++)
		if (in->device[i].owner)
			loop_watch_events(in->device[i].watch, 0);
	loop_timer_at(in->quiet_timer, clock_now_ns() + quiet);
}

static void input_end_quiet(struct input *in)
{
	in->quiet = false;
	for (int i = 0; i < INPUT_DEVICES_MAX; i++)
		if (in->device[i].owner)
			loop_watch_events(in->device[i].watch, POLLIN);
}

static void input_came(struct input *in)
{
	sensor_fact(&in->sensor, &(struct gate_fact){.kind = GATE_FACT_INPUT});
	input_begin_quiet(in);
}

static void input_ready(void *data, int fd, int events)
{
	struct input_device *d = data;
	struct input *in = d->owner;
	int came = input_drain(fd);

	if (came < 0 || (!came && (events < 0 || events & (POLLHUP | POLLERR | POLLNVAL)))) {
		input_drop(d);
		input_scan(in);
		return;
	}
	if (came)
		input_came(in);
}

static void input_quiet_over(void *data)
{
	struct input *in = data;
	bool came = false, gone = false;

	for (int i = 0; i < INPUT_DEVICES_MAX; i++) {
		struct input_device *d = &in->device[i];
		int r = d->owner ? input_drain(d->fd) : 0;

		came |= r > 0;
		if (r < 0) {
			input_drop(d);
			gone = true;
		}
	}
	if (came)
		input_came(in);
	else
		input_end_quiet(in);
	if (gone)
		input_scan(in);
}

/* Returns 0 also when the device is none of the owner's or has gone; -errno: cannot be read. */
static int input_add(struct input *in, int dir, const char *name)
{
	_cleanup_close_ int fd = -1;
	struct input_device *d = in->device;
	struct input_class class;
	int r;

	if (input_find(in, name))
		return 0;
	input_classify(&class, in->sensor.ctx.config->roots.sys, name);
	if (!class.owner)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV || errno == ENXIO ? 0 : -errno;
	while (d < in->device + INPUT_DEVICES_MAX && d->owner)
		d++;
	if (d == in->device + INPUT_DEVICES_MAX)
		return -ENOSPC;
	r = loop_watch(in->sensor.ctx.loop, fd, in->quiet ? 0 : POLLIN, input_ready, d, &d->watch);
	if (r < 0)
		return r;
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->fd = steal_fd(&fd);
	d->owner = in;
	d->built_in = class.built_in;
	in->n_built_in += d->built_in;
	if (in->most_built_in < in->n_built_in)
		in->most_built_in = in->n_built_in;
	return 0;
}

/* Drops devices whose node is gone: a pipe that stands in for one gives no other sign. */
static void input_drop_gone(struct input *in, int dir)
{
	for (int i = 0; i < INPUT_DEVICES_MAX; i++)
		if (in->device[i].owner &&
		    (dir < 0 ||
		     (faccessat(dir, in->device[i].name, F_OK, 0) < 0 && errno == ENOENT)))
			input_drop(&in->device[i]);
}

/* Watch <dev>/input if it is there, else <dev>, in which it may appear. */
static int input_watch_dirs(struct input *in)
{
	const char *dev = in->sensor.ctx.config->roots.dev;
	char path[CONFIG_PATH_MAX + 8];

	snprintf(path, sizeof(path), "%s/input", dev);
	in->dir_watch = inotify_add_watch(in->inotify, path, IN_NODE | IN_ONLYDIR);
	if (in->dir_watch < 0 && errno != ENOENT)
		return -errno;
	if (in->dir_watch < 0 && in->parent_watch < 0) {
		in->parent_watch =
			inotify_add_watch(in->inotify, dev, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
		if (in->parent_watch < 0)
			return -errno;
		/* It may have come between the two. */
		in->dir_watch = inotify_add_watch(in->inotify, path, IN_NODE | IN_ONLYDIR);
	}
	if (in->dir_watch >= 0 && in->parent_watch >= 0) {
		inotify_rm_watch(in->inotify, in->parent_watch);
		in->parent_watch = -1;
	}
	return 0;
}

static void input_scan(struct input *in)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	int fd = dir_open(in->sensor.ctx.config->roots.dev, "input");
	char unreadable[64] = "";
	struct dirent *e;
	int error = 0;

	input_drop_gone(in, fd);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir && fd != -ENOENT) {
		if (fd >= 0)
			close(fd);
		input_say_state(in, "<dev>/input", fd < 0 ? -fd : ENOMEM);
		return;
	}
	while (dir && (e = readdir(dir))) {
		int r;

		if (strncmp(e->d_name, "event", 5) || strlen(e->d_name) >= 16)
			continue;
		r = input_add(in, dirfd(dir), e->d_name);
		if (r < 0) {
			snprintf(unreadable, sizeof(unreadable), "input/%.15s", e->d_name);
			error = -r;
		}
	}
	input_say_state(in, unreadable[0] ? unreadable : NULL, error);
}

static void input_look(struct input *in)
{
	int r = in->dir_watch < 0 ? input_watch_dirs(in) : 0;

	if (r < 0)
		sensor_say(&in->sensor, GATE_SENSOR_LOST,
			   "%.100s: %s; input devices cannot be found there",
			   in->sensor.ctx.config->roots.dev, strerror(-r));
	else
		input_scan(in);
}

static void input_hotplug(void *data, int fd, int events)
{
	struct input *in = data;
	union {
		struct inotify_event align;
		char buf[4096];
	} u;
	ssize_t n = read(fd, u.buf, sizeof(u.buf));
	bool moved = in->dir_watch < 0;

	for (char *p = u.buf; n > 0 && p < u.buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;

		moved |= e->wd == in->dir_watch && e->mask & (IN_DELETE_SELF | IN_IGNORED);
		p += sizeof(*e) + e->len;
	}
	if (n <= 0)
		return;
	if (moved)
		in->dir_watch = -1;
	input_look(in);
}

static void input_reload(void *source)
{
	struct input *in = source;

	in->most_built_in = in->n_built_in;
	input_look(in);
}

static void input_status(void *source, struct source_status *out)
{
	struct input *in = source;

	sensor_status(&in->sensor, out);
}

static void input_close(void *source)
{
	struct input *in = source;

	for (int i = 0; i < INPUT_DEVICES_MAX; i++)
		if (in->device[i].owner)
			input_drop(&in->device[i]);
	loop_unwatch(in->hotplug);
	loop_timer_free(in->quiet_timer);
	if (in->inotify >= 0)
		close(in->inotify);
	free(in);
}

DEFINE_CLEANUP(struct input, input, input_close)

static int input_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_inputp) struct input *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return -ENOMEM;
	sensor_init(&in->sensor, ctx, &source_input);
	in->sensor.tier = "evdev";
	in->dir_watch = -1;
	in->parent_watch = -1;
	in->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (in->inotify < 0)
		return -errno;
	r = loop_timer_new(ctx->loop, input_quiet_over, in, &in->quiet_timer);
	if (r < 0)
		return r;
	r = loop_watch(ctx->loop, in->inotify, POLLIN, input_hotplug, in, &in->hotplug);
	if (r < 0)
		return r;
	input_look(in);
	*out = steal_ptr(in);
	return 0;
}

const struct source_ops source_input = {
	.name = "input",
	.sensor = GATE_SENSOR_INPUT,
	.open = input_open,
	.reload = input_reload,
	.status = input_status,
	.close = input_close,
};
