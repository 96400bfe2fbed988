/* SPDX-License-Identifier: MIT */
/*
 * One pass over the words of a SPIR-V module: for each id what it is, how it is decorated and how
 * many bytes it has. Types are defined before they are used, so sizes come out of the same pass.
 * Any content is safe: lengths, ids and indices are all checked; a module that does not hold
 * together is -EINVAL.
 */
#ifndef BROKER_WORKER_SPIRV_SCAN_H
#define BROKER_WORKER_SPIRV_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libbroker/job/job.h"

#define SPIRV_BOUND_MAX        (1u << 20) /* ids of a module */
#define SPIRV_ENTRIES_MAX      4
#define SPIRV_CAPABILITIES_MAX 64
#define SPIRV_NONE             UINT32_MAX

enum spirv_op {
	SPIRV_OP_ENTRY_POINT = 15,
	SPIRV_OP_EXECUTION_MODE = 16,
	SPIRV_OP_CAPABILITY = 17,
	SPIRV_OP_TYPE_BOOL = 20,
	SPIRV_OP_TYPE_INT = 21,
	SPIRV_OP_TYPE_FLOAT = 22,
	SPIRV_OP_TYPE_VECTOR = 23,
	SPIRV_OP_TYPE_MATRIX = 24,
	SPIRV_OP_TYPE_ARRAY = 28,
	SPIRV_OP_TYPE_RUNTIME_ARRAY = 29,
	SPIRV_OP_TYPE_STRUCT = 30,
	SPIRV_OP_TYPE_POINTER = 32,
	SPIRV_OP_CONSTANT = 43,
	SPIRV_OP_CONSTANT_COMPOSITE = 44,
	SPIRV_OP_SPEC_CONSTANT = 50,
	SPIRV_OP_SPEC_CONSTANT_COMPOSITE = 51,
	SPIRV_OP_VARIABLE = 59,
	SPIRV_OP_DECORATE = 71,
	SPIRV_OP_MEMBER_DECORATE = 72,
	SPIRV_OP_EXECUTION_MODE_ID = 331,
};

enum spirv_storage {
	SPIRV_STORAGE_UNIFORM_CONSTANT = 0,
	SPIRV_STORAGE_INPUT = 1,
	SPIRV_STORAGE_UNIFORM = 2,
	SPIRV_STORAGE_WORKGROUP = 4,
	SPIRV_STORAGE_PRIVATE = 6,
	SPIRV_STORAGE_FUNCTION = 7,
	SPIRV_STORAGE_PUSH_CONSTANT = 9,
	SPIRV_STORAGE_STORAGE_BUFFER = 12,
};

struct spirv_id {
	uint32_t def; /* index of the first word of the instruction that defines it; 0 = none */
	uint32_t set, binding, spec_id, array_stride, builtin; /* SPIRV_NONE: not decorated so */
	bool buffer_block;
	bool plain; /* a type of whole 32-bit words, neither matrix nor struct */
	uint64_t size; /* of a type, bytes, laid out naturally; saturates */
};

struct spirv_entry {
	uint32_t model;
	const char *name; /* inside the module, NUL-terminated there */
	uint32_t local_size[3]; /* LocalSize; 0 = not given */
	uint32_t function;
};

struct spirv_scan {
	const uint32_t *words;
	size_t n_words;
	uint32_t bound;
	struct spirv_id *ids; /* owned */
	uint32_t n_entries, n_capabilities;
	struct spirv_entry entries[SPIRV_ENTRIES_MAX];
	uint32_t capabilities[SPIRV_CAPABILITIES_MAX];
	bool reads_num_workgroups;
	uint32_t workgroup_size; /* id of the constant decorated WorkgroupSize, or 0 */
	const struct job_kernel *kernel; /* for the values of specialization constants */
};

/** spirv_scan() - Return: 0 (spirv_scan_deinit()); -EINVAL with words in @err; -ENOMEM */
int spirv_scan(struct spirv_scan *out, const uint32_t *words, size_t n_words,
	       const struct job_kernel *kernel, struct error *err);
void spirv_scan_deinit(struct spirv_scan *scan);

/**
 * spirv_scan_next() - the instruction at *@at, and *@at moves behind it
 * Start with *@at = 0. Return: true with @op, @first (index of its first word) and @len.
 */
bool spirv_scan_next(const struct spirv_scan *scan, size_t *at, uint32_t *op, size_t *first,
		     uint32_t *len);

/** spirv_scan_op() - which instruction defines @id, with its words; 0 if none does */
uint32_t spirv_scan_op(const struct spirv_scan *scan, uint32_t id, const uint32_t **words,
		       uint32_t *len);

/** spirv_scan_constant() - a 32-bit integer constant, specialized as the job says; or -EINVAL */
int spirv_scan_constant(const struct spirv_scan *scan, uint32_t id, uint32_t *value);

#endif
