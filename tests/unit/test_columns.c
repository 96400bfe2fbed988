/* SPDX-License-Identifier: MIT */
/* Columns of a terminal: what texts take, and where they may be cut. */
#include <criterion/criterion.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/columns.h"

Test(columns, texts_take_what_a_terminal_gives_them)
{
	static const struct {
		const char *text;
		unsigned int columns;
	} cases[] = {
		{"", 0},
		{"plain", 5},
		{"gr\xc3\xbc\xc3\x9f", 4},
		{"\xe6\x97\xa5\xe6\x9c\xac", 4}, /* two of East Asia */
		{"\xf0\x9f\x98\x80", 2}, /* a face */
		{"e\xcc\x81", 1}, /* an accent of its own */
		{"\xe2\x96\x88\xe2\x96\x81", 2}, /* blocks of graphs */
		{"a\xe2\x80\x8d"
		 "b",
		 2}, /* a joiner */
		{"\xea\xb0\x80", 2}, /* Hangul */
		{"\xef\xbc\xa1", 2}, /* a wide A */
		{"\xff\xfe", 2}, /* no UTF-8: one each */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(columns_text(cases[i].text), cases[i].columns, "case %zu: %u", i,
			     columns_text(cases[i].text));
}

Test(columns, ranges_end_where_they_end)
{
	static const struct {
		uint32_t code;
		unsigned int columns;
	} cases[] = {
		{0x2ff, 1},   {0x300, 0},   {0x36f, 0},    {0x370, 1},   {0x10ff, 1},
		{0x1100, 2},  {0x115f, 2},  {0x1160, 1},   {0xfe0f, 0},  {0xe01ef, 0},
		{0xe01f0, 1}, {0x3fffd, 2}, {0x10ffff, 1}, {0x20000, 2},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(columns_of(cases[i].code), cases[i].columns, "%x", cases[i].code);
}

Test(columns, a_cut_is_between_what_belongs_together)
{
	static const struct {
		const char *text;
		unsigned int columns;
		size_t bytes;
		unsigned int used;
	} cases[] = {
		{"plain", 3, 3, 3},
		{"plain", 9, 5, 5},
		{"plain", 0, 0, 0},
		{"\xe6\x97\xa5\xe6\x9c\xac", 3, 3, 2}, /* half of a wide one is none */
		{"e\xcc\x81x", 1, 3, 1}, /* the accent comes along */
		{"\xf0\x9f\x98\x80", 1, 0, 0},
		{"\xc3\xbc\xc3\xbc", 1, 2, 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned int used = 99;

		cr_assert_eq(columns_cut(cases[i].text, cases[i].columns, &used), cases[i].bytes,
			     "case %zu", i);
		cr_assert_eq(used, cases[i].used, "case %zu", i);
	}
}
