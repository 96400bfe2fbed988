/* SPDX-License-Identifier: MIT */
/*
 * Writing a page of top_layout.h: one line after the other, cell by cell, none wider than the
 * page.
 */
#ifndef TOOLS_TOP_PAGE_H
#define TOOLS_TOP_PAGE_H

#include "tools/top_layout.h"

struct top_writer {
	struct top_page *page;
	struct top_line *line; /* NULL: the page is full, and what is put is lost */
	bool ascii;
	uint32_t column, bytes; /* written of the line */
};

void top_begin(struct top_writer *w, struct top_page *page, const struct top_options *options);

/** top_lines_left() - how many more there is room for, beside @kept at the end */
uint32_t top_lines_left(const struct top_writer *w, uint32_t kept);

/** top_newline() - what follows goes to the next line */
void top_newline(struct top_writer *w);

/** top_room() - columns left on the line */
uint32_t top_room(const struct top_writer *w);

/** top_put() - text, cut at the end of the line */
void top_put(struct top_writer *w, enum top_style style, const char *text);
void top_printf(struct top_writer *w, enum top_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * top_cell() - text in @width columns: too long a one is cut and marked so
 * @right: stands at the right end of them
 */
void top_cell(struct top_writer *w, enum top_style style, uint32_t width, bool right,
	      const char *text);

/** top_skip_to() - blanks up to this column, if the line is not there yet */
void top_skip_to(struct top_writer *w, uint32_t column);

#endif
