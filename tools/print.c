/* SPDX-License-Identifier: MIT */
/* Replies in words; see print.h. */
#include "tools/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libbroker/util/cleanup.h"
#include "tools/text.h"

#define LABEL_WIDTH 10u
#define WIDE        70u /* from here on a row has all columns */

uint64_t print_u64(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value < 0 ? 0 : (uint64_t)value;
}

const char *print_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

void print_names(char *out, size_t room, const json_t *names)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < json_array_size(names) && len < room; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		int n = snprintf(out + len, room - len, "%s%s", i ? ", " : "", name ? name : "?");

		len += n > 0 ? (size_t)n : 0;
	}
}

void print_wrapped(const char *text, unsigned int indent, unsigned int columns)
{
	_cleanup_free_ char *clean = text_clean(text, false);

	text_wrap(stdout, clean, indent, columns);
}

void print_line(const char *label, const char *fmt, ...)
{
	_cleanup_free_ char *clean = NULL, *wrapped = NULL;
	char text[2048];
	size_t len = 0;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	clean = text_clean(text, false);
	f = open_memstream(&wrapped, &len);
	if (!f)
		return;
	text_wrap(f, clean, LABEL_WIDTH, text_columns());
	fclose(f);
	if (len > LABEL_WIDTH)
		printf("%-*s%s", (int)LABEL_WIDTH, label, wrapped + LABEL_WIDTH);
	else
		printf("%s\n", label);
}

void print_time(char out[24], int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, 24, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, 24, "?");
}

static unsigned int percent(const json_t *job)
{
	uint64_t total = print_u64(job, "dispatches_total");
	double share = total ? (double)print_u64(job, "dispatches_done") / (double)total : 0;

	return share >= 1 ? 100 : (unsigned int)(share * 100);
}

/* The state, or for a job that has not ended what it does now. */
static const char *activity(const json_t *job)
{
	const char *phase = print_text(job, "phase");

	return !phase[0] || !strcmp(phase, "ended") ? print_text(job, "state") : phase;
}

void print_job_row(const json_t *job, unsigned int columns)
{
	_cleanup_free_ char *name = NULL;
	struct text_unit device;
	unsigned int room;

	if (!job) {
		printf(columns < WIDE ? "%6s %-9s %4s %s\n" : "%6s %-9s %4s %5s %9s %s\n", "ID",
		       "STATE", "DONE", columns < WIDE ? "NAME" : "UID", "DEVICE", "NAME");
		return;
	}
	name = text_clean(print_text(job, "name"), false);
	printf("%6" PRIu64 " %-9s %3u%% ", print_u64(job, "id"), activity(job), percent(job));
	room = columns > 22 + 8 ? columns - 22 : 8;
	if (columns >= WIDE) {
		printf("%5" PRIu64 " %9s ", print_u64(job, "uid"),
		       text_duration(&device, print_u64(job, "device_ns")));
		room -= 16;
	}
	if (text_width(name) > room)
		text_put(stdout, name, room);
	else
		fputs(name, stdout);
	putchar('\n');
}

void print_job_reason(const json_t *job)
{
	const char *reason = print_text(job, "reason"), *waits_for = print_text(job, "waits_for");
	size_t len = strlen(waits_for);
	const char *stop = len && waits_for[len - 1] == '.' ? "" : ".";
	char text[1024];

	if (reason[0])
		snprintf(text, sizeof(text), "Job %" PRIu64 " is %s: %s", print_u64(job, "id"),
			 activity(job), reason);
	else if (!waits_for[0])
		snprintf(text, sizeof(text), "Job %" PRIu64 " is %s.", print_u64(job, "id"),
			 activity(job));
	else
		snprintf(text, sizeof(text), "Job %" PRIu64 " %swaits for %s%s",
			 print_u64(job, "id"),
			 !strcmp(activity(job), "parked") ? "is parked and " : "", waits_for, stop);
	print_wrapped(text, 0, text_columns());
}

static void put_time(const char *label, const json_t *job, const char *key)
{
	char when[24];

	if (!print_u64(job, key))
		return;
	print_time(when, (int64_t)print_u64(job, key));
	print_line(label, "%s", when);
}

void print_job(const json_t *job)
{
	struct text_unit used, of, memory;

	print_line("job", "%" PRIu64 " \"%s\"", print_u64(job, "id"), print_text(job, "name"));
	print_line("state", "%s, %s", print_text(job, "state"), print_text(job, "phase"));
	if (print_text(job, "reason")[0])
		print_line("reason", "%s", print_text(job, "reason"));
	if (print_text(job, "waits_for")[0])
		print_line("waits for", "%s", print_text(job, "waits_for"));
	print_line("progress", "%u %%, %" PRIu64 " of %" PRIu64 " dispatches", percent(job),
		   print_u64(job, "dispatches_done"), print_u64(job, "dispatches_total"));
	text_duration(&used, print_u64(job, "device_ns"));
	if (print_u64(job, "device_limit_ns"))
		print_line("used", "%s of %s on the device", used.text,
			   text_duration(&of, print_u64(job, "device_limit_ns")));
	else
		print_line("used", "%s on the device", used.text);
	print_line("memory", "%s", text_bytes(&memory, print_u64(job, "memory")));
	if (print_text(job, "device")[0])
		print_line("device", "%s", print_text(job, "device"));
	print_line("user", "%" PRIu64 ", priority %" JSON_INTEGER_FORMAT, print_u64(job, "uid"),
		   json_integer_value(json_object_get(job, "priority")));
	print_line("runs", "%" PRIu64 "%s", print_u64(job, "runs"),
		   json_is_true(json_object_get(job, "checkpoint")) ? ", with a checkpoint" : "");
	put_time("submitted", job, "submitted_s");
	put_time("started", job, "started_s");
	put_time("ended", job, "ended_s");
	put_time("deadline", job, "deadline_s");
}
