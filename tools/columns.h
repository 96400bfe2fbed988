/* SPDX-License-Identifier: MIT */
/*
 * How many columns of a terminal a text takes: one a code point, two for those of East Asia and
 * pictures, none for marks that join the one before. By a short table of its own, so it is the
 * same in every locale. For clean text (text.h).
 */
#ifndef TOOLS_COLUMNS_H
#define TOOLS_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

/** columns_of() - 0, 1 or 2 */
unsigned int columns_of(uint32_t code);

/** columns_text() - of a whole text */
unsigned int columns_text(const char *text);

/**
 * columns_cut() - the longest beginning that fits
 * @used: the columns that it takes: @columns, or one less before a wide one; may be NULL
 * Return: its bytes; it never ends inside a code point or before a mark that joins it.
 */
size_t columns_cut(const char *text, unsigned int columns, unsigned int *used);

#endif
