/* SPDX-License-Identifier: MIT */
/*
 * Criterion's notation without Criterion, where its way to start a test does not work: under
 * ThreadSanitizer, and in an emulator of another processor. Each test runs in a fork of its own,
 * one after the other; a report of the sanitizer fails its test. `make SAN=thread` puts this
 * folder first in the include path; for an emulator set CPPFLAGS=-Itests/tsan.
 */
#ifndef TESTS_TSAN_CRITERION_H
#define TESTS_TSAN_CRITERION_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct plain_options {
	void (*init)(void);
	void (*fini)(void);
	double timeout;
	const char *description;
	bool disabled;
};

struct plain_test {
	struct plain_test *next;
	const char *suite, *name;
	void (*fn)(void);
	struct plain_options own;
};

struct plain_suite {
	struct plain_suite *next;
	const char *name;
	struct plain_options options;
};

static struct plain_test *plain_tests;
static struct plain_suite *plain_suites;

#define PLAIN_SKIPPED           77
#define PLAIN_FIRST(first, ...) first
#define PLAIN_REST(first, ...)  __VA_OPT__(, ) __VA_ARGS__

#define TestSuite(s, ...)                                                                 \
	__attribute__((constructor)) static void plain_suite_of_##s(void)                 \
	{                                                                                 \
		static struct plain_suite suite = {.name = #s, .options = {__VA_ARGS__}}; \
		suite.next = plain_suites;                                                \
		plain_suites = &suite;                                                    \
	}                                                                                 \
	struct plain_suite

#define Test(s, n, ...)                                                                        \
	static void plain_##s##_##n(void);                                                     \
	__attribute__((constructor)) static void plain_add_##s##_##n(void)                     \
	{                                                                                      \
		static struct plain_test test = {                                              \
			.suite = #s, .name = #n, .fn = plain_##s##_##n, .own = {__VA_ARGS__}}; \
		test.next = plain_tests;                                                       \
		plain_tests = &test;                                                           \
	}                                                                                      \
	static void plain_##s##_##n(void)

#define plain_check(ok, text, ...)                                                                 \
	do {                                                                                       \
		if (ok)                                                                            \
			break;                                                                     \
		fprintf(stderr, "%s:%d: %s. " __VA_OPT__(PLAIN_FIRST(__VA_ARGS__)) "\n", __FILE__, \
			__LINE__, text __VA_OPT__(PLAIN_REST(__VA_ARGS__)));                       \
		_exit(1);                                                                          \
	} while (0)

#define cr_assert(c, ...)            plain_check(c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...)        plain_check(!(c), "not " #c, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)      plain_check((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)     plain_check((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)      plain_check((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)     plain_check((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)      plain_check((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)     plain_check((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...)       plain_check(!(a), #a " is NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...)   plain_check(a, #a " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)  plain_check(!strcmp(a, b), #a " equals " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) plain_check(strcmp(a, b), #a " differs from " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) \
	plain_check(fabs((double)(a) - (double)(b)) <= (e), #a " is about " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...)  plain_check(!memcmp(a, b, n), #a " equals " #b, __VA_ARGS__)
#define cr_assert_str_not_empty(a, ...) plain_check(*(a), #a " is not empty", __VA_ARGS__)
#define cr_assert_fail(...)             plain_check(false, "failed", __VA_ARGS__)
#define cr_skip_test(...)               _exit(PLAIN_SKIPPED)

#define cr_log_error(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))

/* Criterion goes on after one of these has failed; here it ends the test. */
#define cr_expect        cr_assert
#define cr_expect_not    cr_assert_not
#define cr_expect_eq     cr_assert_eq
#define cr_expect_gt     cr_assert_gt
#define cr_expect_lt     cr_assert_lt
#define cr_expect_null   cr_assert_null
#define cr_expect_str_eq cr_assert_str_eq

static void plain_run(const struct plain_test *t)
{
	struct plain_options o = t->own;

	for (const struct plain_suite *s = plain_suites; s; s = s->next)
		if (!strcmp(s->name, t->suite)) {
			o.init = o.init ? o.init : s->options.init;
			o.fini = o.fini ? o.fini : s->options.fini;
		}
	if (o.init)
		o.init();
	t->fn();
	if (o.fini)
		o.fini();
	exit(0); /* the sanitizer turns this into its own code when it reported */
}

int main(void)
{
	unsigned int tested = 0, failed = 0, skipped = 0;

	for (const struct plain_test *t = plain_tests; t; t = t->next, tested++) {
		pid_t pid;
		int status = -1;

		fflush(NULL);
		pid = fork();
		if (!pid)
			plain_run(t);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			abort();
		if (WIFEXITED(status) && WEXITSTATUS(status) == PLAIN_SKIPPED)
			skipped++;
		else if (status) {
			failed++;
			printf("[FAIL] %s::%s\n", t->suite, t->name);
		}
	}
	printf("[====] Synthesis: Tested: %u | Passing: %u | Failing: %u | Skipped: %u\n", tested,
	       tested - failed - skipped, failed, skipped);
	return failed != 0;
}

#endif
