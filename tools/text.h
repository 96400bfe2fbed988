/* SPDX-License-Identifier: MIT */
/*
 * Text for a terminal: strangers' text made safe, numbers with units that a person reads, and
 * lines that fit. Pure but for text_columns(); widths count one column a code point.
 */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_UNIT_MAX 24

/**
 * text_clean() - a copy without control characters, line breaks, bidirectional overrides and
 * broken UTF-8, each replaced by '?'
 * @lines: keep line breaks and tabs
 * Return: the caller frees; never NULL (ends the program when memory is out).
 */
char *text_clean(const char *text, bool lines);

/** text_decode() - the code point at @text; returns its bytes, 0: it is no UTF-8 */
unsigned int text_decode(const char *text, uint32_t *code);

/** text_columns() - of the terminal: $COLUMNS, else what it says, else 80; 20 to 200 */
unsigned int text_columns(void);

/** text_width() - columns of clean text */
unsigned int text_width(const char *text);

/** text_put() - clean text, cut to @width with "…", filled up with blanks; 0: as it is */
void text_put(FILE *out, const char *text, unsigned int width);

/** text_wrap() - clean text in lines of at most @columns, each indented by @indent */
void text_wrap(FILE *out, const char *text, unsigned int indent, unsigned int columns);

/* The buffer is returned, for use inside a printf. */
struct text_unit {
	char text[TEXT_UNIT_MAX];
};
const char *text_duration(struct text_unit *u,
			  uint64_t ns); /* "850 ms", "12.5 s", "3m 20s", "2d 4h" */
const char *text_bytes(struct text_unit *u, uint64_t bytes); /* "512 B", "1.5 MiB" */
const char *text_count(struct text_unit *u, double n); /* "950", "12.3k", "4.1M" */

/** text_parse_duration() - "90", "90s", "10m", "1h30m", "2d" to seconds; -EINVAL */
int text_parse_duration(const char *text, uint64_t *seconds);

/* What a progress line shows. */
struct text_progress {
	uint64_t done, total;
	double rate; /* a second; 0: not known yet */
	const char *note; /* clean; instead of rate and time left; or NULL */
};

/** text_progress() - "[####......]  42 %  1.2k/s  3m 20s left" in at most @columns */
void text_progress(char *out, size_t room, const struct text_progress *p, unsigned int columns);

#endif
