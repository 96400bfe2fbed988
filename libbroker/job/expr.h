/* SPDX-License-Identifier: MIT */
/*
 * Integer expressions over loop counters: "step * 128 % 60000", "(n + 63) / 64",
 * "min(i, 9)". Compiled once to a short postfix program; evaluated with 64-bit signed
 * arithmetic in which overflow and division by zero are errors, never undefined.
 * A float constant stands alone ("0.05" or the JSON number), for f32 push constants.
 *
 * Grammar:  sum     = product (("+" | "-") product)*
 *           product = unary (("*" | "/" | "%") unary)*
 *           unary   = "-" unary | number | name | ("min" | "max") "(" sum "," sum ")" | "(" sum ")"
 */
#ifndef LIBBROKER_JOB_EXPR_H
#define LIBBROKER_JOB_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPR_OPS_MAX   32
#define EXPR_DEPTH_MAX 16
#define EXPR_TEXT_MAX  256

enum expr_op {
	EXPR_CONST,
	EXPR_VAR,
	EXPR_ADD,
	EXPR_SUB,
	EXPR_MUL,
	EXPR_DIV,
	EXPR_MOD,
	EXPR_NEG,
	EXPR_MIN,
	EXPR_MAX
};

struct expr_code {
	uint8_t op;
	int64_t value; /* CONST: the number; VAR: the depth of the loop counter */
};

struct expr {
	uint8_t n; /* 0: a float constant */
	float constant;
	struct expr_code *code; /* owned; expr_free() */
};

/**
 * expr_parse() - compile
 * @names: the loop counters in scope, outermost first
 * Return: 0; -EINVAL (with a sentence in @why); -E2BIG; -ENOMEM.
 */
int expr_parse(struct expr *out, const char *text, const char *const *names, unsigned int n_names,
	       char why[96]);
int expr_const(struct expr *out, int64_t value); /* 0 or -ENOMEM */
void expr_float(struct expr *out, float value);
void expr_free(struct expr *e);

/** expr_eval() - Return: 0; -ERANGE on overflow; -EDOM on division by zero. */
int expr_eval(const struct expr *e, const uint64_t *counters, int64_t *out);

#endif
