/* SPDX-License-Identifier: MIT */
/* The pass over a module's words; see spirv_scan.h. */
#include "broker/worker/spirv_scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

#define MAGIC                     0x07230203u
#define HEADER_WORDS              5
#define BUILTIN_NUM_WORKGROUPS    24
#define BUILTIN_WORKGROUP_SIZE    25
#define EXECUTION_MODE_LOCAL_SIZE 17
#define SIZE_SATURATED            (1ull << 40)

enum decoration {
	DECORATION_SPEC_ID = 1,
	DECORATION_BUFFER_BLOCK = 3,
	DECORATION_ARRAY_STRIDE = 6,
	DECORATION_BUILTIN = 11,
	DECORATION_BINDING = 33,
	DECORATION_DESCRIPTOR_SET = 34,
};

bool spirv_scan_next(const struct spirv_scan *scan, size_t *at, uint32_t *op, size_t *first,
		     uint32_t *len)
{
	size_t here = *at ? *at : HEADER_WORDS;

	if (here >= scan->n_words)
		return false;
	*op = scan->words[here] & 0xffff;
	*len = scan->words[here] >> 16;
	if (*len == 0 || *len > scan->n_words - here)
		return false;
	*first = here;
	*at = here + *len;
	return true;
}

uint32_t spirv_scan_op(const struct spirv_scan *scan, uint32_t id, const uint32_t **words,
		       uint32_t *len)
{
	uint32_t def = id < scan->bound ? scan->ids[id].def : 0;

	if (!def)
		return 0;
	*words = scan->words + def;
	*len = scan->words[def] >> 16;
	return scan->words[def] & 0xffff;
}

int spirv_scan_constant(const struct spirv_scan *scan, uint32_t id, uint32_t *value)
{
	const uint32_t *w;
	uint32_t len;
	uint32_t op = spirv_scan_op(scan, id, &w, &len);

	if ((op != SPIRV_OP_CONSTANT && op != SPIRV_OP_SPEC_CONSTANT) || len != 4)
		return -EINVAL;
	*value = w[3];
	if (op == SPIRV_OP_CONSTANT || scan->ids[id].spec_id == SPIRV_NONE)
		return 0;
	for (uint32_t i = 0; i < scan->kernel->n_spec; i++)
		if (scan->kernel->spec[i].id == scan->ids[id].spec_id)
			*value = scan->kernel->spec[i].bits;
	return 0;
}

static uint64_t size_times(uint64_t size, uint64_t n)
{
	uint64_t product;

	if (__builtin_mul_overflow(size, n, &product) || product > SIZE_SATURATED)
		return SIZE_SATURATED;
	return product;
}

static void decorate(struct spirv_scan *s, const uint32_t *w, uint32_t len)
{
	struct spirv_id *id;
	uint32_t value = len > 3 ? w[3] : 0;

	if (len < 3 || w[1] >= s->bound)
		return;
	id = &s->ids[w[1]];
	switch (w[2]) {
	case DECORATION_SPEC_ID:
		id->spec_id = value;
		break;
	case DECORATION_BUFFER_BLOCK:
		id->buffer_block = true;
		break;
	case DECORATION_ARRAY_STRIDE:
		id->array_stride = value;
		break;
	case DECORATION_BINDING:
		id->binding = value;
		break;
	case DECORATION_DESCRIPTOR_SET:
		id->set = value;
		break;
	case DECORATION_BUILTIN:
		id->builtin = value;
		if (value == BUILTIN_NUM_WORKGROUPS)
			s->reads_num_workgroups = true;
		if (value == BUILTIN_WORKGROUP_SIZE)
			s->workgroup_size = w[1];
		break;
	}
}

/* An array, a struct or a vector from parts that are defined before it. */
static int compound(struct spirv_scan *s, uint32_t op, const uint32_t *w, uint32_t len,
		    struct spirv_id *id)
{
	uint32_t n;

	if (op != SPIRV_OP_TYPE_STRUCT && (len < 4 || w[2] >= s->bound))
		return -EINVAL;
	switch (op) {
	case SPIRV_OP_TYPE_VECTOR:
	case SPIRV_OP_TYPE_MATRIX:
		id->size = size_times(s->ids[w[2]].size, w[3]);
		id->plain = op == SPIRV_OP_TYPE_VECTOR && s->ids[w[2]].plain;
		return 0;
	case SPIRV_OP_TYPE_ARRAY:
		/* A length that is computed while specializing: too large for all but buffers. */
		id->size = SIZE_SATURATED;
		if (spirv_scan_constant(s, w[3], &n) == 0) {
			uint64_t stride = id->array_stride != SPIRV_NONE ? id->array_stride : 0;

			if (s->ids[w[2]].size > stride)
				stride = s->ids[w[2]].size;
			id->size = size_times(stride, n);
		}
		id->plain = s->ids[w[2]].plain;
		return 0;
	}
	for (uint32_t i = 2; i < len; i++) {
		if (w[i] >= s->bound)
			return -EINVAL;
		id->size += s->ids[w[i]].size;
		if (id->size > SIZE_SATURATED)
			id->size = SIZE_SATURATED;
	}
	return 0;
}

static int define_type(struct spirv_scan *s, uint32_t op, const uint32_t *w, uint32_t len)
{
	struct spirv_id *id = &s->ids[w[1]];

	switch (op) {
	case SPIRV_OP_TYPE_BOOL:
		id->size = 4;
		return 0;
	case SPIRV_OP_TYPE_INT:
	case SPIRV_OP_TYPE_FLOAT:
		if (len < 3 || w[2] > 64)
			return -EINVAL;
		id->size = w[2] / 8;
		id->plain = w[2] == 32;
		return 0;
	case SPIRV_OP_TYPE_VECTOR:
	case SPIRV_OP_TYPE_MATRIX:
	case SPIRV_OP_TYPE_ARRAY:
	case SPIRV_OP_TYPE_STRUCT:
		return compound(s, op, w, len, id);
	default:
		id->size = SIZE_SATURATED;
		return 0;
	}
}

static int add_entry(struct spirv_scan *s, const uint32_t *w, uint32_t len)
{
	struct spirv_entry *e;
	const char *name = (const char *)(w + 3);

	if (len < 4 || s->n_entries == SPIRV_ENTRIES_MAX ||
	    !memchr(name, '\0', (len - 3) * sizeof(*w)))
		return -EINVAL;
	e = &s->entries[s->n_entries++];
	*e = (struct spirv_entry){.model = w[1], .function = w[2], .name = name};
	return 0;
}

static void add_mode(struct spirv_scan *s, const uint32_t *w, uint32_t len)
{
	if (len != 6 || w[2] != EXECUTION_MODE_LOCAL_SIZE)
		return;
	for (uint32_t i = 0; i < s->n_entries; i++)
		if (s->entries[i].function == w[1])
			memcpy(s->entries[i].local_size, w + 3, sizeof(s->entries[i].local_size));
}

static int define(struct spirv_scan *s, uint32_t id, size_t first)
{
	if (id == 0 || id >= s->bound || s->ids[id].def)
		return -EINVAL;
	s->ids[id].def = (uint32_t)first;
	return 0;
}

static int take(struct spirv_scan *s, uint32_t op, size_t first, uint32_t len)
{
	const uint32_t *w = s->words + first;
	int r = 0;

	switch (op) {
	case SPIRV_OP_CAPABILITY:
		if (len < 2 || s->n_capabilities == SPIRV_CAPABILITIES_MAX)
			return -EINVAL;
		s->capabilities[s->n_capabilities++] = w[1];
		return 0;
	case SPIRV_OP_ENTRY_POINT:
		return add_entry(s, w, len);
	case SPIRV_OP_EXECUTION_MODE:
		add_mode(s, w, len);
		return 0;
	case SPIRV_OP_DECORATE:
		decorate(s, w, len);
		return 0;
	case SPIRV_OP_MEMBER_DECORATE:
		if (len > 4 && w[3] == DECORATION_BUILTIN && w[4] == BUILTIN_NUM_WORKGROUPS)
			s->reads_num_workgroups = true;
		return 0;
	case SPIRV_OP_CONSTANT:
	case SPIRV_OP_CONSTANT_COMPOSITE:
	case SPIRV_OP_SPEC_CONSTANT:
	case SPIRV_OP_SPEC_CONSTANT_COMPOSITE:
	case SPIRV_OP_VARIABLE:
		return len < 4 && op != SPIRV_OP_CONSTANT_COMPOSITE ? -EINVAL
		       : len < 3                                    ? -EINVAL
								    : define(s, w[2], first);
	}
	if (op >= 19 && op <= 39) { /* OpTypeVoid to OpTypeForwardPointer */
		if (len < 2 || op == 39)
			return -EINVAL;
		r = define(s, w[1], first);
		return r < 0 ? r : define_type(s, op, w, len);
	}
	return 0;
}

int spirv_scan(struct spirv_scan *out, const uint32_t *words, size_t n_words,
	       const struct job_kernel *kernel, struct error *err)
{
	size_t at = HEADER_WORDS, first;
	uint32_t op, len;

	*out = (struct spirv_scan){.words = words, .n_words = n_words, .kernel = kernel};
	if (n_words < HEADER_WORDS || n_words > JOB_SPIRV_MAX / sizeof(*words))
		return error_set(err, -EINVAL, NULL, "%zu words; a module has 5 to %zu", n_words,
				 JOB_SPIRV_MAX / sizeof(*words));
	if (words[0] != MAGIC)
		return error_set(err, -EINVAL, NULL, "no SPIR-V: it begins with %08x, not %08x",
				 words[0], MAGIC);
	out->bound = words[3];
	if (out->bound > SPIRV_BOUND_MAX)
		return error_set(err, -EINVAL, NULL, "%u ids; at most %u", out->bound,
				 SPIRV_BOUND_MAX);
	out->ids = malloc(((size_t)out->bound + 1) * sizeof(*out->ids));
	if (!out->ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < out->bound; i++)
		out->ids[i] = (struct spirv_id){.set = SPIRV_NONE,
						.binding = SPIRV_NONE,
						.spec_id = SPIRV_NONE,
						.array_stride = SPIRV_NONE,
						.builtin = SPIRV_NONE};
	while (spirv_scan_next(out, &at, &op, &first, &len))
		if (take(out, op, first, len) < 0) {
			spirv_scan_deinit(out);
			return error_set(err, -EINVAL, NULL,
					 "instruction %u at word %zu does not hold together", op,
					 first);
		}
	if (at != n_words) {
		spirv_scan_deinit(out);
		return error_set(err, -EINVAL, NULL, "it ends inside an instruction");
	}
	return 0;
}

void spirv_scan_deinit(struct spirv_scan *scan)
{
	free(scan->ids);
	scan->ids = NULL;
}
