/* SPDX-License-Identifier: MIT */
/*
 * The page of `brokerctl top`; see top_layout.h. From above: the gate and its holds, three graphs,
 * the devices, the jobs, the programs. The two long lists share what the rest leaves.
 */
#include "tools/top_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/columns.h"
#include "tools/text.h"
#include "tools/top_list.h"
#include "tools/top_page.h"

#define HOLD_LINES_MAX 3
#define DEVICES_SHOWN  4
#define LABEL_WIDTH    8u
#define VALUE_WIDTH    9u
#define HEAT_MAX_MC    1000000
#define HEAT_SPAN_MC   10000 /* a graph of heat shows at least so much */

static void put_head(struct top_writer *w, const struct top_reading *r)
{
	char right[96];
	struct text_unit ago, up;
	int n = 0;

	top_newline(w);
	top_put(w, TOP_PLAIN, "gate ");
	top_put(w, r->open ? TOP_GOOD : TOP_BAD, r->open ? "OPEN" : "CLOSED");
	if (r->has_changed)
		top_printf(w, TOP_PLAIN, " %s", text_duration(&ago, r->changed_ago_ns));
	right[0] = '\0';
	if (r->duty_permille != TOP_UNKNOWN)
		n = snprintf(right, sizeof(right), "duty %d %%", r->duty_permille / 10);
	if (w->page->width >= WIDE)
		snprintf(right + n, sizeof(right) - (size_t)n, "  %s  up %s", r->tier,
			 text_duration(&up, r->uptime_ns));
	if (columns_text(right) + 1 > top_room(w))
		return;
	top_skip_to(w, w->page->width - columns_text(right));
	top_put(w, TOP_PLAIN, right);
}

static void put_holds(struct top_writer *w, const struct top_reading *r)
{
	uint32_t lines = 0;

	for (uint32_t i = 0; i < r->n_holds; i++) {
		const struct top_hold *h = &r->hold[i];
		struct text_unit left;
		char text[96];

		if (h->clears)
			snprintf(text, sizeof(text), "%s %s", h->name,
				 text_duration(&left, h->clear_in_ns));
		else
			snprintf(text, sizeof(text), "%s", h->name);
		if (i && columns_text(text) + 2 <= top_room(w)) {
			top_put(w, TOP_PLAIN, ", ");
		} else {
			if (lines++ == HOLD_LINES_MAX)
				break;
			top_newline(w);
			top_put(w, TOP_PLAIN, i ? "      " : "holds ");
		}
		top_put(w, TOP_BAD, text);
	}
}

static void put_label(struct top_writer *w, const char *label, const char *value)
{
	top_newline(w);
	top_cell(w, TOP_PLAIN, LABEL_WIDTH, false, label);
	top_cell(w, TOP_BOLD, VALUE_WIDTH, false, value);
}

/* "41.2 C" */
static void degrees(char *out, size_t room, int32_t mc)
{
	snprintf(out, room, "%s%d.%d C", mc < 0 ? "-" : "", mc / 1000 * (mc < 0 ? -1 : 1),
		 mc % 1000 / 100 * (mc < 0 ? -1 : 1));
}

/* Whole tens of degrees around all that is known, so that a tremble looks like one. */
static void heat_range(const struct top_ring *ring, int32_t *low, int32_t *high)
{
	int32_t least = HEAT_MAX_MC, most = -HEAT_MAX_MC;

	for (uint32_t i = 0; i < ring->n; i++) {
		int32_t v = top_ring_get(ring, i);

		if (v < -HEAT_MAX_MC || v > HEAT_MAX_MC)
			continue; /* none, or none that can be */
		least = v < least ? v : least;
		most = v > most ? v : most;
	}
	*low = (least < 0 ? least - HEAT_SPAN_MC + 1 : least) / HEAT_SPAN_MC * HEAT_SPAN_MC;
	*high = *low + HEAT_SPAN_MC;
	while (*high < most)
		*high += HEAT_SPAN_MC;
}

static void put_heat(struct top_writer *w, const struct top_reading *r, const struct top_ring *ring)
{
	char graph[TOP_LINE_BYTES], value[24];
	int32_t low, high;

	if (r->hottest_mc == TOP_UNKNOWN)
		return;
	degrees(value, sizeof(value), r->hottest_mc);
	put_label(w, "heat", value);
	heat_range(ring, &low, &high);
	top_graph(graph, ring, top_room(w), low, high, w->ascii);
	top_put(w, TOP_GRAPH, graph);
}

static void put_battery(struct top_writer *w, const struct top_reading *r,
			const struct top_ring *ring)
{
	char graph[TOP_LINE_BYTES], value[24], more[48];

	if (r->battery_percent == TOP_UNKNOWN)
		return;
	snprintf(value, sizeof(value), "%d %%%s", r->battery_percent, r->discharging ? " out" : "");
	put_label(w, "battery", value);
	if (w->page->width >= WIDE && r->battery_mc != TOP_UNKNOWN) {
		degrees(more, sizeof(more), r->battery_mc);
		top_cell(w, TOP_PLAIN, 8, false, more);
	}
	top_graph(graph, ring, top_room(w), 0, 100, w->ascii);
	top_put(w, TOP_GRAPH, graph);
}

static void put_gate(struct top_writer *w, const struct top_reading *r, uint64_t step_ns)
{
	uint32_t width = w->page->width > LABEL_WIDTH + VALUE_WIDTH
				 ? w->page->width - LABEL_WIDTH - VALUE_WIDTH
				 : 0;
	char strip[TOP_LINE_BYTES];
	struct text_unit span;

	put_label(w, "gate", text_duration(&span, step_ns * width));
	top_gate_strip(strip, r, top_room(w), step_ns, w->ascii);
	top_put(w, TOP_GRAPH, strip);
}

static void put_note(struct top_writer *w, const struct top_options *o)
{
	if (o->note && o->note[0])
		top_put(w, TOP_BAD, o->note);
	else if (w->page->width >= WIDE)
		top_put(w, TOP_DIM,
			"q quit   p pause or resume   sort: s share, t time, m memory, "
			"n name");
	else
		top_put(w, TOP_DIM, "q quit  p pause  sort: s t m n");
}

/* What each of the two lists gets of @room: half, and what the other one leaves. */
static void share_room(uint32_t room, uint32_t *first, uint32_t *second)
{
	uint32_t half = room / 2;
	uint32_t a = *first < half ? *first : half;
	uint32_t b = *second < room - a ? *second : room - a;

	*first = *first < room - b ? *first : room - b;
	*second = b;
}

void top_layout(struct top_page *page, const struct top_reading *r,
		const struct top_sampler *history, const struct top_options *options)
{
	uint32_t kept = options->keys ? 1 : 0, jobs, clients, devices;
	struct top_writer w;

	top_begin(&w, page, options);
	put_head(&w, r);
	put_holds(&w, r);
	put_heat(&w, r, &history->heat);
	put_battery(&w, r, &history->battery);
	put_gate(&w, r, options->step_ns ? options->step_ns : 1);
	devices = top_lines_left(&w, kept) / 3;
	devices = devices < DEVICES_SHOWN + 1 ? devices : DEVICES_SHOWN + 1;
	top_list_devices(&w, r, devices);
	jobs = top_list_jobs_want(r);
	clients = top_list_clients_want(r);
	share_room(top_lines_left(&w, kept), &jobs, &clients);
	top_list_jobs(&w, r, jobs);
	top_list_clients(&w, r, options->sort, clients);
	if (!options->keys || !page->height)
		return;
	/* A screen of few lines has its keys all the same. */
	if (page->n == page->height)
		page->n--;
	while (page->n + 1 < page->height)
		top_newline(&w);
	top_newline(&w);
	put_note(&w, options);
}

void top_layout_lost(struct top_page *page, const char *why, const struct top_options *options)
{
	struct top_writer w;

	top_begin(&w, page, options);
	top_newline(&w);
	top_put(&w, TOP_BAD, "no answer from the broker");
	while (*why && top_lines_left(&w, 1)) {
		size_t len, cut;

		top_newline(&w);
		len = columns_cut(why, page->width, NULL);
		cut = len;
		while (why[len] && cut && why[cut] != ' ')
			cut--;
		cut = cut ? cut : len;
		if (!cut)
			break;
		top_printf(&w, TOP_PLAIN, "%.*s", (int)cut, why);
		why += cut;
		why += strspn(why, " ");
	}
	top_newline(&w);
	top_put(&w, TOP_DIM, "trying again; q quits");
}
