/* SPDX-License-Identifier: MIT */
/*
 * The pages of `brokerctl top`: whole ones for a phone's terminal and a usual one, what must hold
 * on any screen, and the graphs.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "tools/columns.h"
#include "tools/text.h"
#include "tools/top_layout.h"

struct scene {
	struct top_reading r;
	struct top_sampler history;
	struct top_page page;
};

static void ring_fill(struct top_ring *ring, const int32_t *values, uint32_t n)
{
	memcpy(ring->value, values, n * sizeof(*values));
	ring->n = ring->next = n;
}

static void add_job(struct top_reading *r, uint64_t id, const char *phase, const char *name,
		    uint64_t done, int32_t permille, double slices_s)
{
	struct top_job *job = &r->job[r->n_jobs++];

	*job = (struct top_job){.id = id,
				.done = done,
				.total = 1000,
				.device_ns = 90 * NS_PER_S,
				.permille = permille,
				.slices_s = slices_s,
				.dispatches_s = -1};
	snprintf(job->phase, sizeof(job->phase), "%s", phase);
	snprintf(job->name, sizeof(job->name), "%s", name);
	snprintf(job->device, sizeof(job->device), "%s", permille == TOP_UNKNOWN ? "" : "msm-0");
}

static void add_client(struct top_reading *r, int64_t pid, const char *comm, int32_t permille,
		       uint64_t ns, uint64_t memory)
{
	struct top_client *c = &r->client[r->n_clients++];

	*c = (struct top_client){.pid = pid,
				 .uid = 1000,
				 .permille = permille,
				 .has_ns = permille != TOP_UNKNOWN,
				 .ns = ns,
				 .has_memory = memory > 0,
				 .memory = memory};
	snprintf(c->comm, sizeof(c->comm), "%s", comm);
	strcpy(c->device, "ff9a0000.gpu");
}

static struct scene *scene_new(void)
{
	static const int32_t heat[] = {38000, 39500, TOP_UNKNOWN, 41200};
	static const int32_t battery[] = {0, 50, 83, 83};
	struct scene *s = calloc(1, sizeof(*s));
	struct top_reading *r = &s->r;

	r->uptime_ns = 3720 * NS_PER_S;
	strcpy(r->tier, "module");
	strcpy(r->source, "ebpf");
	r->has_changed = true;
	r->changed_ago_ns = 2100 * NS_PER_MS;
	r->duty_permille = 850;
	r->hottest_mc = 41200;
	r->battery_percent = 83;
	r->battery_mc = 31500;
	r->has_discharging = r->discharging = true;
	r->n_holds = 2;
	strcpy(r->hold[0].name, "user-active");
	r->hold[0].clears = true;
	r->hold[0].clear_in_ns = 57900 * NS_PER_MS;
	strcpy(r->hold[1].name, "not-charging");
	r->n_changes = 2;
	r->change[0] = (struct top_change){.ago_ns = 2100 * NS_PER_MS};
	r->change[1] = (struct top_change){.ago_ns = 3700 * NS_PER_S, .open = true};
	r->n_devices = 1;
	r->device[0] = (struct top_device){.id = "msm-0",
					   .name = "Adreno (TM) 540 of a rather long name",
					   .usable = true,
					   .job = 17,
					   .jobs_permille = 412,
					   .others_permille = 1000};
	r->waiting = 5000;
	r->running = r->parked = 1;
	add_job(r, 17, "running", "train", 420, 412, 248.7);
	add_job(r, 18, "parked", "a-name-that-is-longer-than-a-phone-is-wide", 1000, 0, 0);
	add_job(r, 20, "waiting", "next", 0, TOP_UNKNOWN, -1);
	add_client(r, 4711, "game", 950, 3700 * NS_PER_S, 256 << 20);
	add_client(r, 301, "compositor", 31, 12 * NS_PER_S, 40 << 20);
	add_client(r, 99, "old-driver", TOP_UNKNOWN, 0, 0);
	r->n_others = 1;
	r->others[0] = (struct top_others){
		.device = "ff9a0000.gpu", .n = 3, .permille = 19, .has_ns = true, .ns = NS_PER_S};
	ring_fill(&s->history.heat, heat, ARRAY_SIZE(heat));
	ring_fill(&s->history.battery, battery, ARRAY_SIZE(battery));
	return s;
}

static void lay_out(struct scene *s, uint32_t width, uint32_t height, bool keys, bool ascii)
{
	top_layout(&s->page, &s->r, &s->history,
		   &(struct top_options){.width = width,
					 .height = height,
					 .keys = keys,
					 .ascii = ascii,
					 .step_ns = NS_PER_S});
}

static void want_page(const struct top_page *page, const char *const *lines, uint32_t n)
{
	for (uint32_t i = 0; i < page->n || i < n; i++) {
		const char *got = i < page->n ? page->line[i].text : "(nothing)";
		const char *want = i < n ? lines[i] : "(nothing)";
		size_t len = strlen(got);

		while (len && got[len - 1] == ' ')
			len--;
		cr_assert(len == strlen(want) && !strncmp(got, want, len), "line %u\n%s\n%s", i,
			  got, want);
	}
}

Test(top_layout, a_phones_terminal)
{
	static const char *const lines[] = {
		"gate CLOSED 2.1 s              duty 85 %",
		"holds user-active 57 s, not-charging",
		"heat    41.2 C                      ▄▄ ▅",
		"battery 83 % out                    ▁▅▇▇",
		"gate    23 s     ████████████████████▄▁▁",
		"   JOB   JOBS OTHERS DEVICE",
		"    17  41.2%   100% Adreno (TM) 540 of…",
		" JOB DOES DONE  SL/S  SHARE NAME",
		"  17 run   42%   249  41.2% train",
		"  18 park 100%     0   0.0% a-name-that…",
		"  20 wait   0%     -      - next",
		"  and 4999 more",
		"    PID  SHARE    MEM PROGRAM",
		"   4711  95.0% 256.0M game",
		"    301   3.1%  40.0M compositor",
		"     99      -      - old-driver",
		"      -   1.9%      - 3 of other users",
		"",
		"",
		"q quit  p pause  sort: s t m n",
	};
	struct scene *s = scene_new();

	lay_out(s, 40, 20, true, false);
	want_page(&s->page, lines, ARRAY_SIZE(lines));
	free(s);
}

Test(top_layout, a_usual_terminal)
{
	static const char *const lines[] = {
		"gate CLOSED 2.1 s                                   duty 85 %  module  up 1h 02m",
		"holds user-active 57 s, not-charging",
		"heat    41.2 C                                                              :: =",
		"battery 83 % out 31.5 C                                                     _=**",
		"gate    1m 03s   ############################################################+__",
		"   JOB   JOBS OTHERS DEVICE",
		"    17  41.2%   100% Adreno (TM) 540 of a rather long name",
		"   JOB DOES                  DONE SLICES/S  SHARE   ON DEV NAME",
		"    17 running  [####......]  42%      249  41.2%   1m 30s train",
		"    18 parked   [##########] 100%        0   0.0%   1m 30s a-name-that-is-longe~",
		"    20 waiting  [..........]   0%        -      -   1m 30s next",
		"  and 4999 more",
		"    PID   USER  SHARE   ON DEV    MEMORY DEVICE         PROGRAM",
		"   4711   1000  95.0%   1h 01m 256.0 MiB ff9a0000.gpu   game",
		"    301   1000   3.1%     12 s  40.0 MiB ff9a0000.gpu   compositor",
		"     99   1000      -        -         - ff9a0000.gpu   old-driver",
		"      -      -   1.9%    1.0 s         - ff9a0000.gpu   3 of other users",
	};
	struct scene *s = scene_new();

	lay_out(s, 80, 24, false, true);
	want_page(&s->page, lines, ARRAY_SIZE(lines));
	free(s);
}

Test(top_layout, lists_share_a_low_screen)
{
	static const char *const lines[] = {
		"gate OPEN 2.1 s                duty 85 %",
		"gate    23 s     ████████████████████▄▁▁",
		"   JOB   JOBS OTHERS DEVICE",
		"    17  41.2%   100% Adreno (TM) 540 of…",
		" JOB DOES DONE  SL/S  SHARE NAME",
		"  17 run   42%   249  41.2% train",
		"  and 5001 more",
		"    PID  SHARE    MEM PROGRAM",
		"   4711  95.0% 256.0M game",
		"  and 3 more",
	};
	struct scene *s = scene_new();

	s->r.open = true;
	s->r.n_holds = 0;
	s->r.hottest_mc = s->r.battery_percent = TOP_UNKNOWN;
	lay_out(s, 40, 10, false, false);
	want_page(&s->page, lines, ARRAY_SIZE(lines));
	free(s);
}

Test(top_layout, nothing_is_there)
{
	static const char *const lines[] = {
		"gate CLOSED",
		"gate    23 s",
		"   JOB   JOBS OTHERS DEVICE",
		"  none was found",
		" JOB DOES DONE  SL/S  SHARE NAME",
		"  for members of the group broker",
		"    PID  SHARE    MEM PROGRAM",
		"6 processes cannot be looked into: run …",
		"  none (fdinfo)",
	};
	struct scene *s = calloc(1, sizeof(*s));

	top_read(&s->r, &(struct top_replies){.jobs_denied = true}, 1, 1);
	strcpy(s->r.source, "fdinfo");
	strcpy(s->r.message, "6 processes cannot be looked into: run the broker as root");
	lay_out(s, 40, 24, false, false);
	want_page(&s->page, lines, ARRAY_SIZE(lines));
	free(s);
}

Test(top_layout, programs_stand_in_the_order_that_was_asked_for)
{
	static const struct {
		enum top_sort sort;
		int64_t pids[4];
	} cases[] = {
		{TOP_SORT_SHARE, {2, 1, 4, 3}},
		{TOP_SORT_TIME, {4, 1, 2, 3}},
		{TOP_SORT_MEMORY, {1, 2, 3, 4}},
		{TOP_SORT_NAME, {3, 2, 1, 4}},
	};
	struct scene *s = calloc(1, sizeof(*s));

	add_client(&s->r, 4, "d", 0, 900, 0);
	add_client(&s->r, 3, "a", TOP_UNKNOWN, 0, 0);
	add_client(&s->r, 2, "b", 70, 20, 5);
	add_client(&s->r, 1, "c", 60, 20, 6);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		top_layout(&s->page, &s->r, &s->history,
			   &(struct top_options){.width = 40,
						 .height = 40,
						 .sort = cases[i].sort,
						 .step_ns = NS_PER_S});
		for (int k = 0; k < 4; k++)
			cr_assert_eq(atoll(s->page.line[s->page.n - 4 + (uint32_t)k].text),
				     cases[i].pids[k], "case %zu, row %d", i, k);
	}
	free(s);
}

/* A mark that joins, wide signs, and rows enough for any screen. */
static struct scene *crowd_new(void)
{
	struct scene *s = scene_new();
	struct top_reading *r = &s->r;

	for (int i = 0; i < 200; i++)
		add_client(r, i, i % 2 ? "日本語日本語" : "e\xcc\x81\xcc\x81 résumé", i, 1, 1);
	for (int i = 0; i < 80; i++)
		add_job(r, (uint64_t)i, "starting", "日本語日本語日本語日本語日本語日本語日本語", 1,
			1, 1e9);
	for (int i = 0; i < 15; i++)
		r->device[r->n_devices++] = r->device[0];
	for (int i = 2; i < TOP_HOLDS_MAX; i++)
		r->hold[i] = r->hold[0];
	r->n_holds = TOP_HOLDS_MAX;
	strcpy(r->message, "A sentence, longer than a phone — and wide: 日本語日本語日本語");
	return s;
}

static void want_sound(const struct top_page *page, bool ascii)
{
	for (uint32_t i = 0; i < page->n; i++) {
		const struct top_line *l = &page->line[i];
		uint32_t at = 0;

		cr_assert_leq(columns_text(l->text), page->width, "%s", l->text);
		for (const char *p = l->text; *p;) {
			uint32_t code;
			unsigned int n = text_decode(p, &code);

			cr_assert(n && code >= 0x20 && (!ascii || code < 0x7f), "%s", l->text);
			p += n;
		}
		for (uint32_t k = 0; k < l->n_spans; k++) {
			const struct top_span *s = &l->span[k];

			cr_assert_geq(s->start, at);
			cr_assert_gt(s->len, 0);
			at = s->start + s->len;
			cr_assert_leq(at, strlen(l->text));
			cr_assert_neq(l->text[s->start] & 0xc0, 0x80);
			cr_assert_neq(l->text[at] & 0xc0, 0x80);
		}
	}
}

Test(top_layout, nothing_is_wider_or_higher_than_the_screen)
{
	struct scene *scenes[] = {scene_new(), crowd_new()};

	for (size_t i = 0; i < ARRAY_SIZE(scenes); i++) {
		struct scene *s = scenes[i];

		for (uint32_t width = 0; width <= TOP_WIDTH_MAX + 10;
		     width += width < 90 ? 1 : 40) {
			for (uint32_t height = 0; height <= 60; height += height < 12 ? 1 : 7) {
				lay_out(s, width, height, height % 2, width % 2);
				cr_assert_leq(s->page.n, height);
				cr_assert_leq(s->page.width, width);
				want_sound(&s->page, width % 2);
			}
		}
		lay_out(s, 40, 1000, true, false);
		cr_assert_leq(s->page.n, TOP_HEIGHT_MAX);
		free(s);
	}
}

Test(top_layout, a_full_screen_keeps_its_keys)
{
	struct scene *s = crowd_new();

	for (uint32_t height = 1; height < 40; height++) {
		lay_out(s, 40, height, true, false);
		cr_assert_eq(s->page.n, height);
		cr_assert_eq(strncmp(s->page.line[height - 1].text, "q quit", 6), 0, "%u: %s",
			     height, s->page.line[height - 1].text);
	}
	top_layout(
		&s->page, &s->r, &s->history,
		&(struct top_options){
			.width = 40, .height = 9, .keys = true, .note = "not you", .step_ns = 1});
	cr_assert_str_eq(s->page.line[8].text, "not you");
	free(s);
}

Test(top_layout, a_lost_broker_is_told_in_its_words)
{
	static const char *const lines[] = {
		"no answer from the broker",
		"/run/idlebroker/broker: no such",
		"socket: is brokerd running?",
		"trying again; q quits",
	};
	static const char *const low[] = {"no answer from the broker", "trying again; q quits"};
	static const char why[] = "/run/idlebroker/broker: no such socket: is brokerd running?";
	struct top_page *page = malloc(sizeof(*page));

	top_layout_lost(page, why, &(struct top_options){.width = 34, .height = 20});
	want_page(page, lines, ARRAY_SIZE(lines));
	top_layout_lost(page, why, &(struct top_options){.width = 34, .height = 2});
	want_page(page, low, ARRAY_SIZE(low));
	for (uint32_t width = 0; width < 50; width++) {
		top_layout_lost(page, why, &(struct top_options){.width = width, .height = 20});
		want_sound(page, false);
	}
	free(page);
}

Test(top_graph, heights_go_from_low_to_high)
{
	static const struct {
		int32_t values[5];
		uint32_t n, width;
		int32_t low, high;
		const char *blocks, *letters;
	} cases[] = {
		{{0}, 0, 3, 0, 100, "   ", "   "},
		{{0, 50, 100}, 3, 3, 0, 100, "▁▅█", "_=#"},
		{{0, 50, 100}, 3, 5, 0, 100, "  ▁▅█", "  _=#"},
		{{0, 50, 100}, 3, 2, 0, 100, "▅█", "=#"}, /* the newest stay */
		{{12, TOP_UNKNOWN, 13}, 3, 3, 0, 100, "▁ ▂", "_ ."},
		{{-50, 900, 99}, 3, 3, 0, 100, "▁██", "_##"}, /* beyond the range */
		{{7, 7}, 2, 2, 7, 7, "▁▁", "__"},
		{{INT32_MAX, INT32_MIN + 1}, 2, 2, INT32_MIN + 1, INT32_MAX, "█▁", "#_"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct top_ring ring = {};
		char out[TOP_LINE_BYTES];

		ring_fill(&ring, cases[i].values, cases[i].n);
		top_graph(out, &ring, cases[i].width, cases[i].low, cases[i].high, false);
		cr_assert_str_eq(out, cases[i].blocks, "case %zu: %s", i, out);
		top_graph(out, &ring, cases[i].width, cases[i].low, cases[i].high, true);
		cr_assert_str_eq(out, cases[i].letters, "case %zu: %s", i, out);
	}
}

/* One column a second, the newest at the right. */
Test(top_graph, the_gates_strip_follows_its_changes)
{
	static const struct {
		const char *what;
		bool open;
		uint32_t n;
		struct top_change change[3]; /* in ms here */
		uint64_t uptime_ms;
		const char *letters;
	} cases[] = {
		{"no change: as it is now", false, 0, {}, 9000, "______"},
		{"it started lately", false, 0, {}, 2500, "   ___"},
		{"open for 2 s", true, 1, {{2000, true}}, 9000, "____##"},
		{"open for 2.5 s", true, 1, {{2500, true}}, 9000, "___+##"},
		{"a short close is seen",
		 true,
		 3,
		 {{1300, true}, {1400, false}, {9000, true}},
		 9500,
		 "####+#"},
		{"long ago", true, 1, {{90000, true}}, 99000, "######"},
		{"closed at the start, unknown before",
		 true,
		 2,
		 {{1000, true}, {3000, false}},
		 4000,
		 "  ___#"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct top_reading *r = calloc(1, sizeof(*r));
		char out[TOP_LINE_BYTES];

		r->open = cases[i].open;
		r->uptime_ns = cases[i].uptime_ms * NS_PER_MS;
		r->n_changes = cases[i].n;
		for (uint32_t k = 0; k < cases[i].n; k++)
			r->change[k] =
				(struct top_change){.ago_ns = cases[i].change[k].ago_ns * NS_PER_MS,
						    .open = cases[i].change[k].open};
		top_gate_strip(out, r, 6, NS_PER_S, true);
		cr_assert_str_eq(out, cases[i].letters, "%s: '%s'", cases[i].what, out);
		free(r);
	}
}

/* With as many changes as the broker keeps, what was before them is not known. */
Test(top_graph, the_gates_strip_ends_where_the_history_does)
{
	struct top_reading *r = calloc(1, sizeof(*r));
	char out[TOP_LINE_BYTES];

	r->uptime_ns = 3600 * NS_PER_S;
	r->n_changes = TOP_CHANGES_MAX;
	for (uint32_t k = 0; k < TOP_CHANGES_MAX; k++)
		r->change[k] = (struct top_change){.ago_ns = (k + 1) * 100 * NS_PER_MS};
	top_gate_strip(out, r, 4, NS_PER_S, true);
	cr_assert_str_eq(out, "  __");
	top_gate_strip(out, r, 4, NS_PER_S, false);
	cr_assert_str_eq(out, "  ▁▁");
	free(r);
}
