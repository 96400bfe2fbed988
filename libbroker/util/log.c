/* SPDX-License-Identifier: MIT */
/* logfmt on standard error; see log.h. Safe from any thread: one write(2) a line. */
#include "libbroker/util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level max_level = LOG_LEVEL_INFO;
static const char *const level_names[] = {"error", "warning", "info", "debug"};

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void line_add(struct line *line, const char *fmt, ...)
{
	size_t room = sizeof(line->text) - line->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line->text + line->len, room, fmt, ap);
	va_end(ap);
	if (n > 0)
		line->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void line_add_quoted(struct line *line, const char *s)
{
	line_add(line, "\"");
	for (; *s && line->len < sizeof(line->text) - 8; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			line_add(line, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			line_add(line, "\\x%02x", c);
		else
			line_add(line, "%c", c);
	}
	line_add(line, "\"");
}

static void line_add_time(struct line *line)
{
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	line_add(line, "ts=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec / 1000000);
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

int log_level_parse(const char *name)
{
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		if (!strcmp(name, level_names[i]))
			return i;
	return -EINVAL;
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields)
{
	struct line line = {.len = 0};

	if (level > max_level)
		return;
	line_add_time(&line);
	line_add(&line, " level=%s msg=", level_names[level]);
	line_add_quoted(&line, msg);
	for (; fields->key; fields++) {
		line_add(&line, " %s=", fields->key);
		if (fields->type == LOG_FIELD_STRING)
			line_add_quoted(&line, fields->string ? fields->string : "");
		else if (fields->type == LOG_FIELD_INT)
			line_add(&line, "%" PRId64, fields->i);
		else
			line_add(&line, "%" PRIu64, fields->u);
	}
	if (line.len > sizeof(line.text) - 2)
		line.len = sizeof(line.text) - 2;
	line.text[line.len++] = '\n';
	/* Nothing useful can be done when standard error is gone. */
	if (write(STDERR_FILENO, line.text, line.len) < 0)
		return;
}
