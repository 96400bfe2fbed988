/* SPDX-License-Identifier: MIT */
/*
 * The structs of the interface as a fuzzer sends them: right ones, that get deep, with now and then
 * something wrong in them.
 */
#ifndef TESTS_PHONE_FUZZ_STRUCTS_H
#define TESTS_PHONE_FUZZ_STRUCTS_H

#include <linux/idlegate.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union fuzz_struct {
	struct idlegate_info info;
	struct idlegate_state state;
	struct idlegate_host host;
	struct idlegate_policy policy;
	struct idlegate_zones zones;
	struct idlegate_fact fact;
	struct idlegate_join join;
	unsigned char bytes[2048];
};

/** fuzz_make() - a struct for a request, right in half of the cases */
void fuzz_make(union fuzz_struct *out, unsigned long request, uint64_t *random);

/** fuzz_must_fail() - a reserved field or an unknown flag is not zero */
bool fuzz_must_fail(const union fuzz_struct *in, unsigned long request);

/** fuzz_pick() - a number below @n */
uint32_t fuzz_pick(uint64_t *random, uint32_t n);

/** fuzz_value() - a number of 64 bits, often one at a limit of some kind */
uint64_t fuzz_value(uint64_t *random);

/** fuzz_spoil() - change a few bytes */
void fuzz_spoil(void *data, size_t size, uint64_t *random);

#endif
