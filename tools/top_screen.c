/* SPDX-License-Identifier: MIT */
/*
 * top on a terminal: draws pages, takes keys. All thinking is elsewhere (top_sample.h,
 * top_layout.h).
 *
 * One poll() waits for keys until the next sample is due; signals end it early. A signal that
 * ends the program does so by the way out, so the terminal is as it was before. While the broker
 * does not answer, it is asked again at each sample.
 */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "tools/text.h"
#include "tools/top.h"

#define NOTE_NS (4 * NS_PER_S) /* how long a note stands */

struct screen {
	struct top_run *run;
	bool lost; /* the broker did not answer */
	char why[640];
	char note[96];
	uint64_t note_until_ns;
};

static volatile sig_atomic_t ended;

static void on_end(int sig)
{
	ended = sig;
}

/* Before curses sets its own, which would leave without coming back here. */
static void catch_ends(void)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_end};

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		sigaction(ends[i], &action, NULL);
}

static chtype attributes(enum top_style style)
{
	bool colour = has_colors();

	switch (style) {
	case TOP_BOLD:
		return A_BOLD;
	case TOP_DIM:
		return A_DIM;
	case TOP_HEAD:
		return A_REVERSE;
	case TOP_GOOD:
	case TOP_BAD:
		return (colour ? (chtype)COLOR_PAIR(style) : 0) | A_BOLD;
	case TOP_GRAPH:
	case TOP_OURS:
		return colour ? (chtype)COLOR_PAIR(style) : 0;
	case TOP_PLAIN:
		break;
	}
	return A_NORMAL;
}

static void start_colours(void)
{
	if (!has_colors())
		return;
	start_color();
	use_default_colors();
	init_pair(TOP_GOOD, COLOR_GREEN, -1);
	init_pair(TOP_BAD, COLOR_RED, -1);
	init_pair(TOP_GRAPH, COLOR_CYAN, -1);
	init_pair(TOP_OURS, COLOR_GREEN, -1);
}

static void draw_line(int y, const struct top_line *line)
{
	int at = 0;

	move(y, 0);
	for (uint32_t i = 0; i < line->n_spans; i++) {
		const struct top_span *s = &line->span[i];

		addnstr(line->text + at, s->start - at);
		attrset(attributes(s->style));
		addnstr(line->text + s->start, s->len);
		attrset(A_NORMAL);
		at = s->start + s->len;
	}
	addstr(line->text + at);
}

static void draw(struct screen *s)
{
	struct top_run *run = s->run;
	int rows, columns;

	getmaxyx(stdscr, rows, columns);
	run->options.width = columns > 0 ? (uint32_t)columns : 1;
	run->options.height = rows > 0 ? (uint32_t)rows : 1;
	run->options.keys = true;
	run->options.note = clock_now_ns() < s->note_until_ns ? s->note : NULL;
	if (s->lost)
		top_layout_lost(&run->page, s->why, &run->options);
	else
		top_layout(&run->page, &run->reading, &run->sampler, &run->options);
	erase();
	for (uint32_t i = 0; i < run->page.n; i++)
		draw_line((int)i, &run->page.line[i]);
	refresh();
}

static void note(struct screen *s, const char *text)
{
	_cleanup_free_ char *clean = text_clean(text, false);

	snprintf(s->note, sizeof(s->note), "%.*s", (int)sizeof(s->note) - 1, clean);
	s->note_until_ns = clock_now_ns() + NOTE_NS;
}

static void sample(struct screen *s)
{
	_cleanup_free_ char *clean = NULL;

	s->lost = top_fetch(s->run) < 0;
	if (!s->lost)
		return;
	clean = text_clean(idlebroker_error(s->run->ctl->conn), false);
	snprintf(s->why, sizeof(s->why), "%.*s", (int)sizeof(s->why) - 1, clean);
}

/* The broker says who may. */
static void pause_or_resume(struct screen *s)
{
	const char *method = s->run->reading.paused ? "Resume" : "Pause";

	if (s->lost)
		return;
	if (client_call(s->run->ctl->conn, method, json_object(), NULL) < 0)
		note(s, idlebroker_error(s->run->ctl->conn));
	else
		note(s, s->run->reading.paused ? "resumed" : "paused until p or brokerctl resume");
	sample(s);
}

/* Returns whether to go on. */
static bool take_key(struct screen *s, int key)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'p':
		pause_or_resume(s);
		break;
	case 's':
		s->run->options.sort = TOP_SORT_SHARE;
		break;
	case 't':
		s->run->options.sort = TOP_SORT_TIME;
		break;
	case 'm':
		s->run->options.sort = TOP_SORT_MEMORY;
		break;
	case 'n':
		s->run->options.sort = TOP_SORT_NAME;
		break;
	case 'L' & 0x1f: /* what others wrote over the screen goes */
		clearok(curscr, TRUE);
		break;
	}
	return true;
}

/* Waits for keys until @due_ns. Returns whether to go on. */
static bool wait_for_keys(struct screen *s, uint64_t due_ns)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	uint64_t now = clock_now_ns();
	int ms = due_ns > now ? (int)((due_ns - now + NS_PER_MS - 1) / NS_PER_MS) : 0;
	int r = poll(&p, 1, ms), key;

	if (ended || (r < 0 && errno != EINTR))
		return false;
	if (r > 0 && !(p.revents & POLLIN))
		return false; /* the terminal is gone */
	while ((key = getch()) != ERR)
		if (!take_key(s, key))
			return false;
	/* Readable, and nothing to read: the same. */
	return !(r > 0 && (p.revents & POLLHUP));
}

static void run_screen(struct screen *s)
{
	uint64_t due = 0;
	bool on = true;

	while (on && !ended) {
		if (clock_now_ns() >= due) {
			sample(s);
			due = clock_now_ns() + s->run->interval_ns;
		}
		draw(s);
		on = wait_for_keys(s, due);
	}
}

int top_screen(struct top_run *run)
{
	struct screen s = {.run = run};
	SCREEN *terminal;

	catch_ends();
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return ctl_error(CTL_FAILED,
				 "this terminal is not known (TERM=%s); top --once prints "
				 "one screen as text",
				 getenv("TERM"));
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	start_colours();
	run_screen(&s);
	endwin();
	delscreen(terminal);
	return CTL_OK;
}
