/* SPDX-License-Identifier: MIT */
/*
 * A runner for the tests that need the phone's kernel: a program is a table of cases.
 *
 * Each case runs in a process group of its own, with a time limit, and says why it fails. The
 * kernel's log is read after each case: a warning there fails the case that caused it, even if
 * all it looked at was right. Before each case the gate must be nobody's.
 *
 *   test_x            all cases
 *   test_x -l         their names
 *   test_x name...    those whose names contain one of the words
 *
 * The last line is "test_x: P passed, F failed, S skipped"; the exit status is 1 if one failed,
 * 77 if all were skipped.
 */
#ifndef TESTS_PHONE_SUITE_H
#define TESTS_PHONE_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SUITE_SKIP    77
#define SUITE_SECONDS 60

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct suite_case {
	const char *name;
	void (*run)(void);
	unsigned int seconds; /* 0: SUITE_SECONDS */
};

#define SUITE_CASE(fn)                   \
	{                                \
		.name = #fn, .run = (fn) \
	}

/** suite_run() - main() of a test program */
int suite_run(int argc, char **argv, const struct suite_case *cases, size_t n);

/** suite_fail() - say why, and end this process with status 1 */
__attribute__((noreturn, format(printf, 3, 4))) void suite_fail(const char *file, int line,
								const char *format, ...);

/** suite_skip() - say why, and end this process with SUITE_SKIP */
__attribute__((noreturn, format(printf, 1, 2))) void suite_skip(const char *format, ...);

/** suite_say() - a line for the reader of the log */
__attribute__((format(printf, 1, 2))) void suite_say(const char *format, ...);

#define FAIL(...) suite_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(ok, ...)                                               \
	do {                                                         \
		if (!(ok))                                           \
			suite_fail(__FILE__, __LINE__, __VA_ARGS__); \
	} while (0)

/* What a call returned (0 or more, or -errno) against what it should have. */
#define CHECK_RET(got, want) suite_check_ret(__FILE__, __LINE__, #got, (got), (want))
void suite_check_ret(const char *file, int line, const char *what, long got, long want);

/**
 * suite_fork() - run fn(arg) in a process of its own, which ends with 0 when fn returns
 * Return: its pid; the process dies with its parent.
 */
pid_t suite_fork(void (*fn)(void *arg), void *arg);

/** suite_join() - wait for a process of suite_fork(), which must end well; else the case fails */
void suite_join(pid_t pid);

/** suite_run_as_nobody() - fn(arg) by a user without rights who is in group `broker` or not */
void suite_run_as_nobody(bool in_group, void (*fn)(void *arg), void *arg);

/** suite_drop() - become that user for good; @keep_kill: but with CAP_KILL */
void suite_drop(bool in_group, bool keep_kill);

/** suite_now_ns() - CLOCK_MONOTONIC */
uint64_t suite_now_ns(void);

void suite_sleep_ms(unsigned int ms);

/** suite_random() - xorshift64*; @state: not 0 */
uint64_t suite_random(uint64_t *state);

/** suite_process_state() - the letter of /proc/PID/stat; 0 if there is no such process */
char suite_process_state(pid_t pid);

/** suite_count() - how often something is repeated: @name in the environment, else @usual */
unsigned long suite_count(const char *name, unsigned long usual);

/** suite_put() - write @text to a file of the kernel in one call; false if not taken whole */
bool suite_put(const char *path, const char *text);

#endif
