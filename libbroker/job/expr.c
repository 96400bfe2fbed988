/* SPDX-License-Identifier: MIT */
/*
 * Integer expressions; see expr.h for the grammar.
 *
 * Parsing is recursive descent that writes postfix code as it goes, so precedence lives in the
 * call tree alone. Three limits hold whatever the text: nesting (the C stack), operations, and the
 * depth of the evaluation stack. Both nesting and stack are at most EXPR_DEPTH_MAX, which is
 * checked while compiling, so expr_eval() needs no check of its own.
 */
#include "libbroker/job/expr.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_SIZE   96
#define NAME_SHOWN 20

struct parser {
	const char *at;
	const char *const *names;
	unsigned int n_names;
	unsigned int nesting, stack;
	unsigned int n;
	struct expr_code code[EXPR_OPS_MAX];
	char *why;
};

static int parse_sum(struct parser *p);

static void skip_space(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
}

static bool take(struct parser *p, char c)
{
	skip_space(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

static int fail_here(struct parser *p, const char *expected)
{
	char c = *p->at;

	if (!c)
		snprintf(p->why, WHY_SIZE, "the expression ends where %s should stand", expected);
	else
		snprintf(p->why, WHY_SIZE, "'%c' stands where %s should",
			 c > ' ' && c < 127 ? c : '?', expected);
	return -EINVAL;
}

/* @pops: operands that the operation takes from the stack; it leaves one. */
static int emit(struct parser *p, enum expr_op op, int64_t value, unsigned int pops)
{
	if (p->n == EXPR_OPS_MAX) {
		snprintf(p->why, WHY_SIZE, "more than %d operations and operands", EXPR_OPS_MAX);
		return -E2BIG;
	}
	p->stack = p->stack - pops + 1;
	if (p->stack > EXPR_DEPTH_MAX) {
		snprintf(p->why, WHY_SIZE, "nested more than %d deep", EXPR_DEPTH_MAX);
		return -E2BIG;
	}
	p->code[p->n++] = (struct expr_code){.op = (uint8_t)op, .value = value};
	return 0;
}

static int parse_number(struct parser *p)
{
	int64_t value = 0;

	for (; isdigit((unsigned char)*p->at); p->at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p->at - '0', &value)) {
			snprintf(p->why, WHY_SIZE, "a number is over 9223372036854775807");
			return -E2BIG;
		}
	}
	if (*p->at == '.' || isalpha((unsigned char)*p->at) || *p->at == '_') {
		snprintf(p->why, WHY_SIZE,
			 "only whole numbers can be calculated with; a fraction stands alone");
		return -EINVAL;
	}
	return emit(p, EXPR_CONST, value, 0);
}

static int parse_call(struct parser *p, enum expr_op op)
{
	int r;

	if (!take(p, '('))
		return fail_here(p, "'('");
	r = parse_sum(p);
	if (r < 0)
		return r;
	if (!take(p, ','))
		return fail_here(p, "','");
	r = parse_sum(p);
	if (r < 0)
		return r;
	if (!take(p, ')'))
		return fail_here(p, "')'");
	return emit(p, op, 0, 2);
}

static int fail_name(struct parser *p, const char *name, size_t len)
{
	int at = snprintf(p->why, WHY_SIZE, "\"%.*s\" is no loop counter in scope",
			  len < NAME_SHOWN ? (int)len : NAME_SHOWN, name);

	for (unsigned int i = 0; i < p->n_names && at < WHY_SIZE; i++)
		at += snprintf(p->why + at, (size_t)(WHY_SIZE - at), "%s%s", i ? ", " : " (",
			       p->names[i]);
	if (p->n_names && at < WHY_SIZE)
		snprintf(p->why + at, (size_t)(WHY_SIZE - at), ")");
	return -EINVAL;
}

static int parse_name(struct parser *p)
{
	const char *name = p->at;
	size_t len;

	while (isalnum((unsigned char)*p->at) || *p->at == '_')
		p->at++;
	len = (size_t)(p->at - name);
	if (len == 3 && !memcmp(name, "min", 3))
		return parse_call(p, EXPR_MIN);
	if (len == 3 && !memcmp(name, "max", 3))
		return parse_call(p, EXPR_MAX);
	for (unsigned int i = 0; i < p->n_names; i++)
		if (strlen(p->names[i]) == len && !memcmp(p->names[i], name, len))
			return emit(p, EXPR_VAR, i, 0);
	return fail_name(p, name, len);
}

static int parse_atom(struct parser *p)
{
	int r;

	skip_space(p);
	if (take(p, '-')) {
		r = parse_atom(p);
		return r < 0 ? r : emit(p, EXPR_NEG, 0, 1);
	}
	if (take(p, '(')) {
		r = parse_sum(p);
		if (r < 0)
			return r;
		return take(p, ')') ? 0 : fail_here(p, "')' or an operator");
	}
	if (isdigit((unsigned char)*p->at))
		return parse_number(p);
	if (isalpha((unsigned char)*p->at) || *p->at == '_')
		return parse_name(p);
	return fail_here(p, "a number, a loop counter or '('");
}

/* Every way down passes here or parse_atom()'s '-', which the length of the text bounds. */
static int parse_unary(struct parser *p)
{
	int r;

	if (p->nesting == EXPR_DEPTH_MAX) {
		snprintf(p->why, WHY_SIZE, "nested more than %d deep", EXPR_DEPTH_MAX);
		return -E2BIG;
	}
	p->nesting++;
	r = parse_atom(p);
	p->nesting--;
	return r;
}

static int parse_product(struct parser *p)
{
	int r = parse_unary(p);

	while (r >= 0) {
		enum expr_op op;

		if (take(p, '*'))
			op = EXPR_MUL;
		else if (take(p, '/'))
			op = EXPR_DIV;
		else if (take(p, '%'))
			op = EXPR_MOD;
		else
			return 0;
		r = parse_unary(p);
		if (r >= 0)
			r = emit(p, op, 0, 2);
	}
	return r;
}

static int parse_sum(struct parser *p)
{
	int r = parse_product(p);

	while (r >= 0) {
		enum expr_op op;

		if (take(p, '+'))
			op = EXPR_ADD;
		else if (take(p, '-'))
			op = EXPR_SUB;
		else
			return 0;
		r = parse_product(p);
		if (r >= 0)
			r = emit(p, op, 0, 2);
	}
	return r;
}

/* "-"? digits ("." digits)? ([eE] [+-]? digits)?, with a point or an exponent: a fraction. */
static bool is_fraction(const char *s)
{
	size_t digits;
	bool fraction = false;

	s += *s == '-';
	digits = strspn(s, "0123456789");
	s += digits;
	if (digits && *s == '.') {
		fraction = true;
		digits = strspn(s + 1, "0123456789");
		s += 1 + digits;
	}
	if (digits && (*s == 'e' || *s == 'E')) {
		fraction = true;
		s += 1 + (s[1] == '+' || s[1] == '-');
		digits = strspn(s, "0123456789");
		s += digits;
	}
	return fraction && digits && !*s;
}

/* strtof() would read "0.5" by the program's locale. */
static int parse_fraction(struct expr *out, const char *text, char why[96])
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	float value;

	if (!c)
		return -ENOMEM;
	value = strtof_l(text, NULL, c);
	freelocale(c);
	if (!isfinite(value)) {
		snprintf(why, WHY_SIZE, "the number is past what a 32-bit float can hold");
		return -EINVAL;
	}
	expr_float(out, value);
	return 0;
}

int expr_parse(struct expr *out, const char *text, const char *const *names, unsigned int n_names,
	       char why[96])
{
	struct parser p = {.at = text, .names = names, .n_names = n_names, .why = why};
	int r;

	*out = (struct expr){};
	if (strnlen(text, EXPR_TEXT_MAX + 1) > EXPR_TEXT_MAX) {
		snprintf(why, WHY_SIZE, "longer than %d characters", EXPR_TEXT_MAX);
		return -E2BIG;
	}
	if (is_fraction(text))
		return parse_fraction(out, text, why);
	r = parse_sum(&p);
	if (r < 0)
		return r;
	skip_space(&p);
	if (*p.at)
		return fail_here(&p, "an operator or the end");
	out->code = malloc(p.n * sizeof(*out->code));
	if (!out->code) {
		snprintf(why, WHY_SIZE, "out of memory");
		return -ENOMEM;
	}
	memcpy(out->code, p.code, p.n * sizeof(*out->code));
	out->n = (uint8_t)p.n;
	return 0;
}

int expr_const(struct expr *out, int64_t value)
{
	*out = (struct expr){.n = 1, .code = malloc(sizeof(*out->code))};
	if (!out->code) {
		out->n = 0;
		return -ENOMEM;
	}
	*out->code = (struct expr_code){.op = EXPR_CONST, .value = value};
	return 0;
}

void expr_float(struct expr *out, float value)
{
	*out = (struct expr){.constant = value};
}

void expr_free(struct expr *e)
{
	free(e->code);
	*e = (struct expr){};
}

static int apply(enum expr_op op, int64_t a, int64_t b, int64_t *out)
{
	switch (op) {
	case EXPR_ADD:
		return __builtin_add_overflow(a, b, out) ? -ERANGE : 0;
	case EXPR_SUB:
		return __builtin_sub_overflow(a, b, out) ? -ERANGE : 0;
	case EXPR_MUL:
		return __builtin_mul_overflow(a, b, out) ? -ERANGE : 0;
	case EXPR_DIV:
	case EXPR_MOD:
		if (b == 0)
			return -EDOM;
		if (a == INT64_MIN && b == -1)
			return -ERANGE;
		*out = op == EXPR_DIV ? a / b : a % b;
		return 0;
	case EXPR_MIN:
		*out = a < b ? a : b;
		return 0;
	case EXPR_MAX:
		*out = a > b ? a : b;
		return 0;
	default:
		return -EINVAL;
	}
}

int expr_eval(const struct expr *e, const uint64_t *counters, int64_t *out)
{
	int64_t stack[EXPR_DEPTH_MAX];
	unsigned int top = 0;

	if (!e->n)
		return -EINVAL;
	for (unsigned int i = 0; i < e->n; i++) {
		const struct expr_code *c = &e->code[i];
		int r;

		if (c->op == EXPR_CONST) {
			stack[top++] = c->value;
		} else if (c->op == EXPR_VAR) {
			if (counters[c->value] > INT64_MAX)
				return -ERANGE;
			stack[top++] = (int64_t)counters[c->value];
		} else if (c->op == EXPR_NEG) {
			if (__builtin_sub_overflow(0, stack[top - 1], &stack[top - 1]))
				return -ERANGE;
		} else {
			top--;
			r = apply(c->op, stack[top - 1], stack[top], &stack[top - 1]);
			if (r < 0)
				return r;
		}
	}
	*out = stack[0];
	return 0;
}
