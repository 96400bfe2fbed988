/* SPDX-License-Identifier: MIT */
/*
 * What `brokerctl top` shows, as lines of text with styles, for a screen of any size. Pure: a
 * reading and a size in, a page out; whoever draws it only copies.
 *
 * No line is wider than the page, by columns (columns.h), and no page higher than the screen.
 * What has no room is left out from the end: rows of a list (and a row then says how many), then
 * whole lists.
 */
#ifndef TOOLS_TOP_LAYOUT_H
#define TOOLS_TOP_LAYOUT_H

#include "tools/top_sample.h"

#define TOP_WIDTH_MAX  240
#define TOP_HEIGHT_MAX 120
#define TOP_LINE_BYTES (TOP_WIDTH_MAX * 4 + 64) /* marks that join take room and no column */
#define TOP_SPANS_MAX  12

enum top_style {
	TOP_PLAIN,
	TOP_BOLD,
	TOP_DIM,
	TOP_HEAD, /* the headings of a list */
	TOP_GOOD,
	TOP_BAD,
	TOP_GRAPH,
	TOP_OURS,
};

struct top_span {
	enum top_style style;
	uint16_t start, len; /* bytes of the line's text */
};

struct top_line {
	char text[TOP_LINE_BYTES];
	struct top_span span[TOP_SPANS_MAX]; /* in order; what none covers is plain */
	uint32_t n_spans;
};

struct top_page {
	uint32_t width, height, n;
	struct top_line line[TOP_HEIGHT_MAX];
};

enum top_sort {
	TOP_SORT_SHARE,
	TOP_SORT_TIME,
	TOP_SORT_MEMORY,
	TOP_SORT_NAME,
};

struct top_options {
	uint32_t width, height;
	bool ascii; /* the terminal shows nothing else */
	bool keys; /* the last line tells which keys there are */
	enum top_sort sort; /* of the clients */
	uint64_t step_ns; /* time that one column of a graph stands for */
	const char *note; /* for the last line, or NULL */
};

/** top_layout() - @r with its rates; @history: its graphs */
void top_layout(struct top_page *page, const struct top_reading *r,
		const struct top_sampler *history, const struct top_options *options);

/** top_layout_lost() - instead of it: the broker does not answer, in its words */
void top_layout_lost(struct top_page *page, const char *why, const struct top_options *options);

/* The graphs, one code point a column, the newest at the right; @out: TOP_LINE_BYTES. */

/** top_graph() - values from @low to @high in eight heights; unknown ones are blank */
void top_graph(char *out, const struct top_ring *ring, uint32_t width, int32_t low, int32_t high,
	       bool ascii);
/** top_gate_strip() - full where the gate was open all the step, half where for a part of it */
void top_gate_strip(char *out, const struct top_reading *r, uint32_t width, uint64_t step_ns,
		    bool ascii);

#endif
