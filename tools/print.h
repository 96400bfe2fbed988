/* SPDX-License-Identifier: MIT */
/* Replies in words. Everything printed here is made safe for a terminal first. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Fields of a reply; 0 or "" when they are not there. */
uint64_t print_u64(const json_t *object, const char *key);
const char *print_text(const json_t *object, const char *key); /* not clean yet */

/** print_names() - an array of texts as "a, b" */
void print_names(char *out, size_t room, const json_t *names);

/** print_line() - "label     text", wrapped behind the label's column */
void print_line(const char *label, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** print_wrapped() - cleaned and wrapped */
void print_wrapped(const char *text, unsigned int indent, unsigned int columns);

/** print_time() - "2026-01-31 12:00:00", local */
void print_time(char out[24], int64_t seconds);

void print_gate(const json_t *gate);
void print_job(const json_t *job);
void print_job_row(const json_t *job, unsigned int columns); /* NULL: the headings */
void print_job_reason(const json_t *job); /* one sentence: what it does or waits for */

#endif
