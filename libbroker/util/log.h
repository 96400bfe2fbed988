/* SPDX-License-Identifier: MIT */
/*
 * Structured log lines (logfmt) on standard error:
 *
 *   ts=2026-01-31T12:00:00.123Z level=info msg="job started" job=17 device="llvmpipe"
 *
 * Strings are quoted and escaped, so a stranger's text cannot forge a line. A line is
 * one write(2) of at most LOG_LINE_MAX bytes.
 */
#ifndef LIBBROKER_UTIL_LOG_H
#define LIBBROKER_UTIL_LOG_H

#include <stdint.h>

#define LOG_LINE_MAX 1024

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

struct log_field {
	const char *key; /* NULL ends the list */
	enum {
		LOG_FIELD_STRING,
		LOG_FIELD_INT,
		LOG_FIELD_UINT
	} type;
	union {
		const char *string;
		int64_t i;
		uint64_t u;
	};
};

#define LOG_STR(k, v)                                               \
	{                                                           \
		.key = (k), .type = LOG_FIELD_STRING, .string = (v) \
	}
#define LOG_INT(k, v)                                       \
	{                                                   \
		.key = (k), .type = LOG_FIELD_INT, .i = (v) \
	}
#define LOG_UINT(k, v)                                       \
	{                                                    \
		.key = (k), .type = LOG_FIELD_UINT, .u = (v) \
	}
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})

void log_set_level(enum log_level level);

/** log_level_parse() - "error", "warning", "info", "debug"; returns -EINVAL for others */
int log_level_parse(const char *name);

/** log_write() - one line; @msg is a constant, what varies goes into the fields */
void log_write(enum log_level level, const char *msg, const struct log_field *fields);

#define log_error(msg, ...)   log_write(LOG_LEVEL_ERROR, msg, LOG_FIELDS(__VA_ARGS__))
#define log_warning(msg, ...) log_write(LOG_LEVEL_WARNING, msg, LOG_FIELDS(__VA_ARGS__))
#define log_info(msg, ...)    log_write(LOG_LEVEL_INFO, msg, LOG_FIELDS(__VA_ARGS__))
#define log_debug(msg, ...)   log_write(LOG_LEVEL_DEBUG, msg, LOG_FIELDS(__VA_ARGS__))

#endif
