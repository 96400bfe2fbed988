/* SPDX-License-Identifier: MIT */
/* What every source has; see sensor.h. */
#include "broker/sources/sensor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

static const char *const state_names[] = {
	[GATE_SENSOR_UNHEARD] = "unheard",
	[GATE_SENSOR_OK] = "ok",
	[GATE_SENSOR_LOST] = "lost",
	[GATE_SENSOR_ABSENT] = "absent",
};

void sensor_init(struct sensor *s, const struct source_ctx *ctx, const struct source_ops *ops)
{
	*s = (struct sensor){
		.ctx = *ctx,
		.id = ops->sensor,
		.name = ops->name,
		.tier = "none",
		.state = GATE_SENSOR_UNHEARD,
	};
}

void sensor_fact(const struct sensor *s, const struct gate_fact *fact)
{
	s->ctx.fact(s->ctx.data, fact);
}

void sensor_say(struct sensor *s, enum gate_sensor_state state, const char *fmt, ...)
{
	struct gate_fact fact = {.kind = GATE_FACT_SENSOR, .sensor = {.id = s->id, .state = state}};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->detail, sizeof(s->detail), fmt, ap);
	va_end(ap);
	if (s->state == state)
		return;
	s->state = state;
	log_write(state == GATE_SENSOR_LOST ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "sensor",
		  LOG_FIELDS(LOG_STR("sensor", s->name), LOG_STR("state", state_names[state]),
			     LOG_STR("tier", s->tier), LOG_STR("detail", s->detail)));
	sensor_fact(s, &fact);
}

void sensor_status(const struct sensor *s, struct source_status *out)
{
	*out = (struct source_status){
		.name = s->name,
		.tier = s->state == GATE_SENSOR_ABSENT ? "none" : s->tier,
		.ok = s->state == GATE_SENSOR_OK || s->state == GATE_SENSOR_ABSENT,
	};
	memcpy(out->detail, s->detail, sizeof(out->detail));
}

uint32_t sensor_mine(const struct sensor *s, uint32_t holds)
{
	if (s->state == GATE_SENSOR_LOST)
		holds |= IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	return holds;
}

int dir_open(const char *root, const char *sub)
{
	char path[2 * CONFIG_PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, sub);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int attr_read(int dirfd, const char *name, char *buf, size_t size)
{
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return -errno;
	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n == size)
		return -EFBIG;
	while (n && (buf[n - 1] == '\n' || buf[n - 1] == ' '))
		n--;
	buf[n] = '\0';
	return (int)n;
}

int attr_read_s64(int dirfd, const char *name, int64_t *out)
{
	char buf[32], *end;
	int r = attr_read(dirfd, name, buf, sizeof(buf));
	int64_t v;

	if (r == -EFBIG)
		return -EBADMSG;
	if (r < 0)
		return r;
	errno = 0;
	v = strtoll(buf, &end, 10);
	if (end == buf || *end || errno)
		return -EBADMSG;
	*out = v;
	return 0;
}

bool attr_unknown(int r)
{
	return r == -ENOENT || r == -ENODEV || r == -ENXIO || r == -ENODATA || r == -EINVAL ||
	       r == -EAGAIN || r == -EOPNOTSUPP;
}
