/* SPDX-License-Identifier: MIT */
/*
 * Lists of `brokerctl top`; see top_list.h. A row begins with its figures, which stand under their
 * headings, and ends with a name, which takes what is left of the line.
 */
#include "tools/top_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/text.h"

#define BAR_WIDTH 10u

struct column {
	const char *name;
	uint32_t width;
};

static bool is_wide(const struct top_writer *w)
{
	return w->page->width >= WIDE;
}

/* Headings to the right of their columns, then that of the name. */
static void put_heading(struct top_writer *w, const struct column *columns, size_t n,
			const char *name)
{
	top_newline(w);
	for (size_t i = 0; i < n; i++) {
		top_cell(w, TOP_HEAD, columns[i].width, true, columns[i].name);
		top_put(w, TOP_PLAIN, " ");
	}
	top_put(w, TOP_HEAD, name);
}

static void put_figure(struct top_writer *w, uint32_t width, const char *text)
{
	top_cell(w, TOP_PLAIN, width, true, text);
	top_put(w, TOP_PLAIN, " ");
}

static void put_number(struct top_writer *w, uint32_t width, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	put_figure(w, width, text);
}

static void put_share(struct top_writer *w, uint32_t width, int32_t permille)
{
	char text[24];

	if (permille == TOP_UNKNOWN)
		snprintf(text, sizeof(text), "-");
	else if (permille < 1000)
		snprintf(text, sizeof(text), "%d.%d%%", permille / 10, permille % 10);
	else
		snprintf(text, sizeof(text), "%d%%", permille / 10);
	put_figure(w, width, text);
}

static void put_rate(struct top_writer *w, uint32_t width, double rate)
{
	struct text_unit u;

	put_figure(w, width, rate < 0 ? "-" : text_count(&u, rate));
}

/* "1.5M" where there is little room, else "1.5 MiB". */
static void put_memory(struct top_writer *w, uint32_t width, bool known, uint64_t bytes)
{
	struct text_unit u;

	if (!known) {
		put_figure(w, width, "-");
		return;
	}
	text_bytes(&u, bytes);
	if (!is_wide(w)) {
		char *blank = strchr(u.text, ' ');

		blank[0] = blank[1];
		blank[1] = '\0';
	}
	put_figure(w, width, u.text);
}

static void put_more(struct top_writer *w, uint64_t n)
{
	top_newline(w);
	top_printf(w, TOP_DIM, "  and %" PRIu64 " more", n);
}

/* How many of @n rows are shown in @lines with a heading, and whether a line tells of the rest. */
static uint32_t rows_shown(uint32_t n, uint32_t lines, bool *more)
{
	uint32_t room = lines ? lines - 1 : 0;

	*more = n > room && room > 0;
	return n > room ? (room ? room - 1 : 0) : n;
}

void top_list_devices(struct top_writer *w, const struct top_reading *r, uint32_t lines)
{
	static const struct column columns[] = {{"JOB", 6}, {"JOBS", 6}, {"OTHERS", 6}};
	bool more;
	uint32_t shown = rows_shown(r->n_devices, lines, &more);

	if (!lines)
		return;
	put_heading(w, columns, 3, "DEVICE");
	if (!r->n_devices) {
		if (lines < 2)
			return;
		top_newline(w);
		top_put(w, TOP_DIM, "  none was found");
	}
	for (uint32_t i = 0; i < shown; i++) {
		const struct top_device *d = &r->device[i];

		top_newline(w);
		if (d->job)
			put_number(w, 6, d->job);
		else
			put_figure(w, 6, d->usable ? "-" : "unused");
		put_share(w, 6, d->jobs_permille);
		put_share(w, 6, d->others_permille);
		top_cell(w, d->usable ? TOP_PLAIN : TOP_DIM, top_room(w), false, d->name);
	}
	if (more)
		put_more(w, r->n_devices - shown);
}

uint32_t top_list_jobs_want(const struct top_reading *r)
{
	uint64_t all = r->waiting + r->running + r->parked;

	return 1 + (r->n_jobs ? r->n_jobs : 1) + (all > r->n_jobs);
}

static void put_bar(struct top_writer *w, const struct top_job *job)
{
	double share = job->total ? (double)job->done / (double)job->total : 0;
	uint32_t full = share >= 1 ? BAR_WIDTH : (uint32_t)(share * BAR_WIDTH);
	char bar[BAR_WIDTH + 3] = "[";

	memset(bar + 1, '#', full);
	memset(bar + 1 + full, '.', BAR_WIDTH - full);
	strcpy(bar + 1 + BAR_WIDTH, "]");
	top_put(w, TOP_GRAPH, bar);
	top_put(w, TOP_PLAIN, " ");
}

/* What the job does, in four letters where there is little room. */
static const char *phase_word(const char *phase, bool wide)
{
	static const char *const words[][2] = {
		{"running", "run"}, {"parked", "park"}, {"waiting", "wait"}, {"starting", "strt"}};

	for (size_t i = 0; !wide && i < ARRAY_SIZE(words); i++)
		if (!strcmp(phase, words[i][0]))
			return words[i][1];
	return phase;
}

static void put_job(struct top_writer *w, const struct top_job *job)
{
	bool wide = is_wide(w), on_device = job->device[0];
	double share = job->total ? (double)job->done / (double)job->total : 0;
	char text[32];
	struct text_unit u;

	top_newline(w);
	put_number(w, wide ? 6 : 4, job->id);
	top_cell(w, TOP_PLAIN, wide ? 8 : 4, false, phase_word(job->phase, wide));
	top_put(w, TOP_PLAIN, " ");
	if (wide)
		put_bar(w, job);
	snprintf(text, sizeof(text), "%u%%", share >= 1 ? 100 : (unsigned int)(share * 100));
	put_figure(w, 4, text);
	put_rate(w, wide ? 8 : 5, job->slices_s);
	put_share(w, 6, on_device ? job->permille : TOP_UNKNOWN);
	if (wide)
		put_figure(w, 8, text_duration(&u, job->device_ns));
	top_cell(w, TOP_OURS, top_room(w), false, job->name);
}

void top_list_jobs(struct top_writer *w, const struct top_reading *r, uint32_t lines)
{
	static const struct column narrow[] = {
		{"JOB", 4}, {"DOES", 4}, {"DONE", 4}, {"SL/S", 5}, {"SHARE", 6}};
	static const struct column wide[] = {{"JOB", 6},   {"DOES    ", 8}, {"", 12},
					     {"DONE", 4},  {"SLICES/S", 8}, {"SHARE", 6},
					     {"ON DEV", 8}};
	uint64_t all = r->waiting + r->running + r->parked;
	bool more;
	uint32_t shown = rows_shown(r->n_jobs, lines, &more);

	if (!lines)
		return;
	if (is_wide(w))
		put_heading(w, wide, 7, "NAME");
	else
		put_heading(w, narrow, 5, "NAME");
	if (lines < 2)
		return;
	if (r->jobs_denied || !r->n_jobs) {
		top_newline(w);
		top_put(w, TOP_DIM,
			r->jobs_denied ? "  for members of the group broker" : "  none");
		return;
	}
	for (uint32_t i = 0; i < shown; i++)
		put_job(w, &r->job[i]);
	if (more || (all > r->n_jobs && shown + 2 <= lines))
		put_more(w, (all > r->n_jobs ? all : r->n_jobs) - shown);
}

static int falls(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int compare(const struct top_client *a, const struct top_client *b, enum top_sort sort)
{
	int r = 0;

	switch (sort) {
	case TOP_SORT_SHARE: /* the unknown is the least */
		r = (a->permille < b->permille) - (a->permille > b->permille);
		break;
	case TOP_SORT_TIME:
		r = falls(a->ns, b->ns);
		break;
	case TOP_SORT_MEMORY:
		r = falls(a->memory, b->memory);
		break;
	case TOP_SORT_NAME:
		r = strcmp(a->comm, b->comm);
		break;
	}
	return r ? r : (a->pid > b->pid) - (a->pid < b->pid);
}

static void sort_clients(uint32_t *order, const struct top_reading *r, enum top_sort sort)
{
	for (uint32_t i = 0; i < r->n_clients; i++) {
		uint32_t at = i;

		for (; at && compare(&r->client[order[at - 1]], &r->client[i], sort) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
}

uint32_t top_list_clients_want(const struct top_reading *r)
{
	uint32_t rows = r->n_clients + r->n_others;

	return 1 + (rows ? rows : 1) + (r->message[0] != '\0');
}

static void put_client(struct top_writer *w, const struct top_client *c)
{
	bool wide = is_wide(w);
	struct text_unit u;
	char name[96];

	top_newline(w);
	put_number(w, 7, (uint64_t)c->pid);
	if (wide)
		put_number(w, 6, (uint64_t)c->uid);
	put_share(w, 6, c->permille);
	if (wide)
		put_figure(w, 8, c->has_ns ? text_duration(&u, c->ns) : "-");
	put_memory(w, wide ? 9 : 6, c->has_memory, c->memory);
	if (wide) {
		top_cell(w, TOP_PLAIN, 14, false, c->device[0] ? c->device : "-");
		top_put(w, TOP_PLAIN, " ");
	}
	if (c->job)
		snprintf(name, sizeof(name), "%s (job %" PRIu64 ")", c->comm, c->job);
	else
		snprintf(name, sizeof(name), "%s", c->pid ? c->comm : "the kernel");
	top_cell(w, c->ours ? TOP_OURS : TOP_PLAIN, top_room(w), false, name);
}

static void put_others(struct top_writer *w, const struct top_others *o)
{
	bool wide = is_wide(w);
	struct text_unit u;
	char name[64];

	top_newline(w);
	put_figure(w, 7, "-");
	if (wide)
		put_figure(w, 6, "-");
	put_share(w, 6, o->permille);
	if (wide)
		put_figure(w, 8, o->has_ns ? text_duration(&u, o->ns) : "-");
	put_memory(w, wide ? 9 : 6, o->has_memory, o->memory);
	if (wide) {
		top_cell(w, TOP_PLAIN, 14, false, o->device[0] ? o->device : "-");
		top_put(w, TOP_PLAIN, " ");
	}
	snprintf(name, sizeof(name), "%" PRIu64 " of other users", o->n);
	top_cell(w, TOP_DIM, top_room(w), false, name);
}

static void put_clients_heading(struct top_writer *w)
{
	static const struct column narrow[] = {{"PID", 7}, {"SHARE", 6}, {"MEM", 6}};
	static const struct column wide[] = {{"PID", 7},    {"USER", 6},   {"SHARE", 6},
					     {"ON DEV", 8}, {"MEMORY", 9}, {"DEVICE        ", 14}};

	if (is_wide(w))
		put_heading(w, wide, 6, "PROGRAM");
	else
		put_heading(w, narrow, 3, "PROGRAM");
}

void top_list_clients(struct top_writer *w, const struct top_reading *r, enum top_sort sort,
		      uint32_t lines)
{
	uint32_t order[TOP_CLIENTS_MAX], rows = r->n_clients + r->n_others, shown;
	bool more;

	if (!lines)
		return;
	put_clients_heading(w);
	if (r->message[0] && lines > 2) {
		lines--;
		top_newline(w);
		top_cell(w, TOP_BAD, top_room(w), false, r->message);
	}
	if (!rows && lines > 1) {
		top_newline(w);
		top_printf(w, TOP_DIM, "  none (%s)", r->source);
	}
	sort_clients(order, r, sort);
	shown = rows_shown(rows, lines, &more);
	for (uint32_t i = 0; i < shown; i++) {
		if (i < r->n_clients)
			put_client(w, &r->client[order[i]]);
		else
			put_others(w, &r->others[i - r->n_clients]);
	}
	if (more)
		put_more(w, rows - shown);
}
