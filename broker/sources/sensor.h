/* SPDX-License-Identifier: MIT */
/*
 * What every source has: a context, a state that is told when it changes, and words for it; and
 * reading the one-value files of sysfs.
 *
 * Order matters to the gate: a source gives its values first and says OK after them, so that no
 * old value can open the gate at the moment a sensor comes back.
 */
#ifndef BROKER_SOURCES_SENSOR_H
#define BROKER_SOURCES_SENSOR_H

#include "broker/sources/source.h"

struct sensor {
	struct source_ctx ctx;
	enum gate_sensor id;
	const char *name;
	const char *tier; /* static; "none" until the source says more */
	enum gate_sensor_state state;
	char detail[sizeof(((struct source_status *)0)->detail)];
};

void sensor_init(struct sensor *s, const struct source_ctx *ctx, const struct source_ops *ops);
void sensor_fact(const struct sensor *s, const struct gate_fact *fact);

/** sensor_say() - the state and its words; a fact and a log line only when the state changes */
void sensor_say(struct sensor *s, enum gate_sensor_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void sensor_status(const struct sensor *s, struct source_status *out);

/** sensor_mine() - @holds, with SENSOR_LOST if this sensor is lost: the mask for source_pace() */
uint32_t sensor_mine(const struct sensor *s, uint32_t holds);

/** dir_open() - a directory to use as dirfd, "@root/@sub"; returns it or -errno */
int dir_open(const char *root, const char *sub);

/**
 * attr_read() - a one-line file, without its line end
 * @size: of @buf, at least 2; a longer value is -EFBIG
 * Return: length or -errno.
 */
int attr_read(int dirfd, const char *name, char *buf, size_t size);

/** attr_read_s64() - a decimal number; returns 0, -errno, or -EBADMSG for anything else */
int attr_read_s64(int dirfd, const char *name, int64_t *out);

/** attr_unknown() - whether an error says "no value here" rather than "broken" */
bool attr_unknown(int r);

#endif
