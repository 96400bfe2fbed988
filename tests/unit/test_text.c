/* SPDX-License-Identifier: MIT */
/* Text for a terminal: tables of what goes in and what a person sees. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "tools/text.h"

Test(text, strangers_text_cannot_steer_a_terminal)
{
	static const struct {
		const char *in, *out;
		bool lines;
	} cases[] = {
		{"plain", "plain", false},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", false},
		{"\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80", false},
		{"\x1b[2Jgone", "?[2Jgone", false},
		{"a\rb\bc\x7f", "a?b?c?", false},
		{"a\nb\tc", "a?b?c", false},
		{"a\nb\tc\r", "a\nb\tc?", true},
		{"\xc2\x9b[31m", "?[31m", false}, /* C1: the one-character CSI */
		{"x\xe2\x80\xaey", "x?y", false}, /* right-to-left override */
		{"\xe2\x81\xa6z", "?z", false}, /* isolate */
		{"\xff\xfe", "??", false},
		{"\xc0\x9b", "??", false}, /* overlong */
		{"\xe2\x82", "??", false}, /* cut off */
		{"\xed\xa0\x80", "???", false}, /* surrogate */
		{"\xf5\x80\x80\x80", "????", false}, /* beyond Unicode */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *clean = text_clean(cases[i].in, cases[i].lines);

		cr_assert_str_eq(clean, cases[i].out, "case %zu: %s", i, clean);
	}
}

Test(text, durations)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{0, "0 ms"},
		{999 * NS_PER_MS, "999 ms"},
		{1500 * NS_PER_MS, "1.5 s"},
		{9999 * NS_PER_MS, "9.9 s"},
		{59 * NS_PER_S, "59 s"},
		{60 * NS_PER_S, "1m 00s"},
		{3599 * NS_PER_S, "59m 59s"},
		{3600 * NS_PER_S, "1h 00m"},
		{90061 * NS_PER_S, "1d 1h"},
		{UINT64_MAX, "213503d 23h"},
	};
	struct text_unit u;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_str_eq(text_duration(&u, cases[i].ns), cases[i].text);
}

Test(text, sizes_and_counts)
{
	struct text_unit u;

	cr_assert_str_eq(text_bytes(&u, 0), "0 B");
	cr_assert_str_eq(text_bytes(&u, 1023), "1023 B");
	cr_assert_str_eq(text_bytes(&u, 1536), "1.5 KiB");
	cr_assert_str_eq(text_bytes(&u, (1 << 20) - 1), "1.0 MiB");
	cr_assert_str_eq(text_bytes(&u, UINT64_MAX), "16.0 EiB");
	cr_assert_str_eq(text_count(&u, 0), "0");
	cr_assert_str_eq(text_count(&u, 1.25), "1.2");
	cr_assert_str_eq(text_count(&u, 999), "999");
	cr_assert_str_eq(text_count(&u, 12345), "12.3k");
	cr_assert_str_eq(text_count(&u, 999999), "1.0M");
}

Test(text, durations_from_the_command_line)
{
	static const struct {
		const char *text;
		int result;
		uint64_t seconds;
	} cases[] = {
		{"90", 0, 90},
		{"90s", 0, 90},
		{"10m", 0, 600},
		{"1h30m", 0, 5400},
		{"2d", 0, 172800},
		{"1d1h1m1s", 0, 90061},
		{"", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"m", -EINVAL, 0},
		{"1x", -EINVAL, 0},
		{"30m1h", -EINVAL, 0},
		{"1h1h", -EINVAL, 0},
		{" 5", -EINVAL, 0},
		{"1.5h", -EINVAL, 0},
		{"99999999999999999999", -EINVAL, 0},
		{"5000000000d", -EINVAL, 0},
		{"1h30", 0, 3630},
		{"5 ", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t seconds = 0;

		cr_assert_eq(text_parse_duration(cases[i].text, &seconds), cases[i].result, "%s",
			     cases[i].text);
		cr_assert_eq(seconds, cases[i].seconds, "%s", cases[i].text);
	}
}

static char *wrapped(const char *text, unsigned int indent, unsigned int columns)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	text_wrap(f, text, indent, columns);
	fclose(f);
	return out;
}

Test(text, wrapped_lines_fit)
{
	_cleanup_free_ char *a = wrapped("one two three four", 2, 12);
	_cleanup_free_ char *b = wrapped("", 2, 12);
	_cleanup_free_ char *c = wrapped("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 \xc3\xb6\xc3\xb6\xc3\xb6"
					 "\xc3\xb6\xc3\xb6",
					 0, 10);

	cr_assert_str_eq(a, "  one two\n  three four\n");
	cr_assert_str_eq(b, "\n");
	cr_assert_str_eq(c, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 \xc3\xb6\xc3\xb6\xc3\xb6\xc3\xb6"
			    "\xc3\xb6\n");
}

Test(text, columns_are_cut_and_filled)
{
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	text_put(f, "abcdef", 4);
	text_put(f, "ab", 4);
	text_put(f, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 4);
	text_put(f, "whole", 0);
	fclose(f);
	cr_assert_str_eq(out, "abc…ab  \xc3\xa4\xc3\xa4\xc3\xa4…whole");
	free(out);
}

Test(text, a_progress_line_fits_any_terminal)
{
	static const struct text_progress cases[] = {
		{0, 0, 0, NULL},
		{0, 1000, 0, NULL},
		{500, 1000, 10, NULL},
		{1000, 1000, 10, NULL},
		{2000, 1000, 10, NULL},
		{1, UINT64_MAX, 1e-9, NULL},
		{UINT64_MAX - 1, UINT64_MAX, 1e18, NULL},
		{300, 1000, 5, "waits for the gate: the owner uses the device"},
	};
	char line[512];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (unsigned int columns = 20; columns <= 200; columns++) {
			text_progress(line, sizeof(line), &cases[i], columns);
			cr_assert_leq(text_width(line), columns, "%s", line);
			cr_assert_eq(line[0], '[');
		}
	text_progress(line, sizeof(line), &cases[2], 60);
	cr_assert_str_eq(line, "[#################.................]  50 %  10/s  50 s left");
	text_progress(line, sizeof(line), &cases[3], 40);
	cr_assert_str_eq(line, "[###############################] 100 %");
	text_progress(line, sizeof(line), &cases[7], 80);
	cr_assert_not_null(strstr(line, " 30 %  waits for the gate"));
}
