/* SPDX-License-Identifier: MIT */
/*
 * Failing the kernel's allocations on purpose (failslab, fail_page_alloc), only those that some
 * code asks for: the caller must stand in the stack. Needs a kernel with FAULT_INJECTION.
 */
#ifndef TESTS_PHONE_FAULT_H
#define TESTS_PHONE_FAULT_H

#include <stdbool.h>

/* The code that a failing allocation must come from. */
struct fault_range {
	unsigned long long start, end;
};

/** fault_module() - the code of a loaded module */
struct fault_range fault_module(const char *name);

/** fault_function() - one function of the kernel itself */
struct fault_range fault_function(const char *name);

/** fault_begin() - from now on only what comes from @range can fail; skips without the support */
void fault_begin(struct fault_range range);

/** fault_at_random() - of all tasks, and of interrupts: so many of a hundred fail; 0 ends it */
void fault_at_random(unsigned int percent);

/** fault_arm() - the @n-th allocation of this task from here fails; 0: none */
void fault_arm(unsigned int n);

/** fault_struck() - whether that one has come; disarms */
bool fault_struck(void);

#endif
