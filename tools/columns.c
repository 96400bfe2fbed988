/* SPDX-License-Identifier: MIT */
/*
 * Columns of a terminal; see columns.h. The ranges are those of Unicode from which people name
 * things.
 */
#include "tools/columns.h"

#include "libbroker/util/cleanup.h"
#include "tools/text.h"

struct range {
	uint32_t first, last;
};

static const struct range joins[] = {
	{0x300, 0x36f},     {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},
	{0x64b, 0x65f},     {0x6d6, 0x6dc},   {0x900, 0x902},   {0x93a, 0x93a},
	{0x93c, 0x93c},     {0x941, 0x948},   {0x94d, 0x94d},   {0xe31, 0xe31},
	{0xe34, 0xe3a},     {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
	{0x200b, 0x200d},   {0x2060, 0x2064}, {0x20d0, 0x20ff}, {0x302a, 0x302d},
	{0x3099, 0x309a},   {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff},
	{0xe0100, 0xe01ef},
};

static const struct range wide[] = {
	{0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x25fd, 0x25fe},
	{0x2614, 0x2615},   {0x2648, 0x2653},   {0x26a1, 0x26a1},   {0x26bd, 0x26be},
	{0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},
	{0x2753, 0x2757},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
	{0x4e00, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
	{0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f004, 0x1f004},
	{0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f64f},
	{0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff},
	{0x20000, 0x3fffd},
};

static bool is_in(const struct range *list, size_t n, uint32_t code)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (code < list[mid].first)
			n = mid;
		else if (code > list[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

unsigned int columns_of(uint32_t code)
{
	if (is_in(joins, ARRAY_SIZE(joins), code))
		return 0;
	return is_in(wide, ARRAY_SIZE(wide), code) ? 2 : 1;
}

size_t columns_cut(const char *text, unsigned int columns, unsigned int *used)
{
	unsigned int n = 0;
	size_t at = 0;

	while (text[at]) {
		uint32_t code = 0xfffd;
		unsigned int bytes = text_decode(text + at, &code), w;

		w = bytes ? columns_of(code) : 1;
		if (n + w > columns)
			break;
		n += w;
		at += bytes ? bytes : 1;
	}
	if (used)
		*used = n;
	return at;
}

unsigned int columns_text(const char *text)
{
	unsigned int n;

	columns_cut(text, ~0u, &n);
	return n;
}
