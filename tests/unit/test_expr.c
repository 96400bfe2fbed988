/* SPDX-License-Identifier: MIT */
/* Expressions: values, precedence, every error, and that no text can upset the evaluator. */
#include <criterion/criterion.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/job/expr.h"
#include "libbroker/util/cleanup.h"

static const char *const names[] = {"i", "step", "minor"};
static const uint64_t counters[] = {7, 1000, 3};

static int run(const char *text, int64_t *out, char why[96])
{
	struct expr e;
	int r = expr_parse(&e, text, names, ARRAY_SIZE(names), why);

	if (r < 0)
		return r;
	r = expr_eval(&e, counters, out);
	expr_free(&e);
	return r;
}

Test(expr, values)
{
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = {
		{"0", 0},
		{"9223372036854775807", INT64_MAX},
		{"-9223372036854775807 - 1", INT64_MIN},
		{"i", 7},
		{"minor", 3},
		{" ( i ) ", 7},
		{"1+2*3", 7},
		{"(1+2)*3", 9},
		{"10-3-2", 5},
		{"100/10/5", 2},
		{"100/(10/5)", 50},
		{"2*7%4", 2},
		{"2*(7%4)", 6},
		{"-7/2", -3},
		{"-7%2", -1},
		{"7/-2", -3},
		{"--i", 7},
		{"-i*2", -14},
		{"-(i*2)", -14},
		{"3 - -4", 7},
		{"step * 128 % 60000", 8000},
		{"(step + 63) / 64", 16},
		{"min(i, 9)", 7},
		{"max(i, 9)", 9},
		{"max(min(step, 10), i) + 1", 11},
		{"min(-1, 1) * max (2 , 3)", -3},
		{"\ti\t+\t1", 8},
		{"((((((((((1))))))))))", 1},
		{"1+(1+(1+(1+(1+(1+(1+(1+(1+(1)))))))))", 10},
	};

	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		char why[96] = "";
		int64_t v = -12345;

		cr_expect_eq(run(rows[k].text, &v, why), 0, "%s: %s", rows[k].text, why);
		cr_expect_eq(v, rows[k].value, "%s is %lld", rows[k].text, (long long)v);
	}
}

Test(expr, parse_errors_say_what_is_wrong)
{
	static const struct {
		const char *text;
		int code;
		const char *why;
	} rows[] = {
		{"", -EINVAL, "ends where a number"},
		{"   ", -EINVAL, "ends where a number"},
		{"1+", -EINVAL, "ends where a number"},
		{"*1", -EINVAL, "'*' stands where a number"},
		{"1 2", -EINVAL, "'2' stands where an operator"},
		{"1)", -EINVAL, "')' stands where an operator"},
		{"(1", -EINVAL, "ends where ')'"},
		{"()", -EINVAL, "')' stands where a number"},
		{"i step", -EINVAL, "'s' stands where an operator"},
		{"j", -EINVAL, "\"j\" is no loop counter in scope (i, step, minor)"},
		{"I", -EINVAL, "\"I\" is no loop counter"},
		{"mino", -EINVAL, "\"mino\" is no loop counter"},
		{"min", -EINVAL, "ends where '('"},
		{"min(1)", -EINVAL, "')' stands where ','"},
		{"min(1,2", -EINVAL, "ends where ')'"},
		{"min(1,2,3)", -EINVAL, "',' stands where ')'"},
		{"1.5 + 1", -EINVAL, "a fraction stands alone"},
		{"i * 0.5", -EINVAL, "a fraction stands alone"},
		{"1e3x", -EINVAL, "a fraction stands alone"},
		{"0x10", -EINVAL, "whole numbers"},
		{".5", -EINVAL, "'.' stands where a number"},
		{"1.", -EINVAL, "a fraction stands alone"},
		{"1\n", -EINVAL, "'?' stands where"},
		{"i \xff", -EINVAL, "'?' stands where"},
		{"i ^ 2", -EINVAL, "'^' stands where"},
		{"1e39", -EINVAL, "32-bit float"},
		{"-1e999", -EINVAL, "32-bit float"},
		{"9223372036854775808", -E2BIG, "over 9223372036854775807"},
		{"99999999999999999999999999", -E2BIG, "over 9223372036854775807"},
		{"((((((((((((((((((1))))))))))))))))))", -E2BIG, "nested"},
		{"i+i+i+i+i+i+i+i+i+i+i+i+i+i+i+i+i", -E2BIG, "more than 32"},
	};

	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		char why[96] = "";
		int64_t v;

		cr_expect_eq(run(rows[k].text, &v, why), rows[k].code, "%s", rows[k].text);
		cr_expect(strstr(why, rows[k].why), "%s: %s", rows[k].text, why);
	}
}

Test(expr, evaluation_errors)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{"1/0", -EDOM},
		{"1%0", -EDOM},
		{"1/(i-7)", -EDOM},
		{"9223372036854775807 + 1", -ERANGE},
		{"-9223372036854775807 - 2", -ERANGE},
		{"9223372036854775807 * 2", -ERANGE},
		{"(-9223372036854775807 - 1) / -1", -ERANGE},
		{"(-9223372036854775807 - 1) % -1", -ERANGE},
		{"-(-9223372036854775807 - 1)", -ERANGE},
	};
	static const uint64_t huge[] = {(uint64_t)INT64_MAX + 1, 0, 0};
	char why[96];
	struct expr e;
	int64_t v;

	for (size_t k = 0; k < ARRAY_SIZE(rows); k++)
		cr_expect_eq(run(rows[k].text, &v, why), rows[k].code, "%s", rows[k].text);
	cr_assert_eq(expr_parse(&e, "i", names, 3, why), 0);
	cr_expect_eq(expr_eval(&e, huge, &v), -ERANGE);
	expr_free(&e);
}

Test(expr, a_fraction_stands_alone_and_knows_no_locale)
{
	static const struct {
		const char *text;
		float value;
	} rows[] = {{"0.05", 0.05f}, {"-0.5", -0.5f},    {"1e-3", 1e-3f},
		    {"2E2", 200.0f}, {"1.25e+1", 12.5f}, {"0.0", 0.0f}};

	setlocale(LC_ALL, "de_DE.UTF-8");
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		char why[96] = "";
		struct expr e;
		int64_t v;

		cr_expect_eq(expr_parse(&e, rows[k].text, NULL, 0, why), 0, "%s", why);
		cr_expect_eq(e.n, 0);
		cr_expect_eq(e.constant, rows[k].value, "%s", rows[k].text);
		cr_expect_eq(expr_eval(&e, NULL, &v), -EINVAL, "a float is no integer");
		expr_free(&e);
	}
}

Test(expr, text_is_limited)
{
	char text[EXPR_TEXT_MAX + 2], why[96] = "";
	int64_t v = 0;

	memset(text, ' ', sizeof(text));
	text[0] = '1';
	text[EXPR_TEXT_MAX] = '\0';
	cr_expect_eq(run(text, &v, why), 0);
	cr_expect_eq(v, 1);
	text[EXPR_TEXT_MAX] = ' ';
	text[EXPR_TEXT_MAX + 1] = '\0';
	cr_expect_eq(run(text, &v, why), -E2BIG);
	memset(text, '-', EXPR_TEXT_MAX - 1);
	memcpy(text + EXPR_TEXT_MAX - 1, "1", 2);
	cr_expect_eq(run(text, &v, why), -E2BIG);
	memset(text, '(', EXPR_TEXT_MAX);
	text[EXPR_TEXT_MAX] = '\0';
	cr_expect_eq(run(text, &v, why), -E2BIG);
}

/* Random token strings: whatever parses evaluates within its stack, to a value or an error. */
Test(expr, random_texts_are_harmless)
{
	static const char *const tokens[] = {"1", "i", "step", "(",    ")", "+", "-",  "*",
					     "/", "%", "min(", "max(", ",", " ", "23", "0"};
	unsigned int seed = 1, parsed = 0;

	for (int round = 0; round < 200000; round++) {
		char text[128] = "", why[96];
		int64_t v;
		int r;

		for (int n = rand_r(&seed) % 12; n >= 0; n--)
			strcat(text, tokens[(unsigned int)rand_r(&seed) % ARRAY_SIZE(tokens)]);
		r = run(text, &v, why);
		parsed += r == 0;
		cr_assert(r == 0 || r == -EINVAL || r == -ERANGE || r == -EDOM, "%s: %d", text, r);
	}
	cr_expect_gt(parsed, 5000);
}
