/* SPDX-License-Identifier: MIT */
/* Following pointers to their stores; see spirv_writes.h. */
#include "broker/worker/spirv_writes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libbroker/util/cleanup.h"

#define STD450_MODF  35
#define STD450_FREXP 51

enum op {
	OP_EXT_INST = 12,
	OP_FUNCTION_CALL = 57,
	OP_STORE = 62,
	OP_COPY_MEMORY = 63,
	OP_COPY_MEMORY_SIZED = 64,
	OP_ACCESS_CHAIN = 65,
	OP_IN_BOUNDS_ACCESS_CHAIN = 66,
	OP_PTR_ACCESS_CHAIN = 67,
	OP_IN_BOUNDS_PTR_ACCESS_CHAIN = 70,
	OP_COMPOSITE_CONSTRUCT = 80,
	OP_COMPOSITE_INSERT = 82,
	OP_COPY_OBJECT = 83,
	OP_BITCAST = 124,
	OP_SELECT = 169,
	OP_ATOMIC_STORE = 228,
	OP_ATOMIC_EXCHANGE = 229,
	OP_ATOMIC_XOR = 242,
	OP_PHI = 245,
	OP_RETURN_VALUE = 254,
	OP_ATOMIC_FLAG_TEST_AND_SET = 318,
	OP_ATOMIC_FLAG_CLEAR = 319,
};

struct trace {
	const struct spirv_scan *scan;
	uint8_t *origin; /* of each id: the binding that it points into, plus one */
	uint64_t writes;
};

static void origin_from(struct trace *t, uint32_t result, uint32_t base)
{
	if (result < t->scan->bound && base < t->scan->bound)
		t->origin[result] = t->origin[base];
}

static void written(struct trace *t, uint32_t pointer)
{
	if (pointer < t->scan->bound && t->origin[pointer])
		t->writes |= 1ull << (t->origin[pointer] - 1);
}

static void written_all(struct trace *t, const uint32_t *w, uint32_t from, uint32_t len)
{
	for (uint32_t i = from; i < len; i++)
		written(t, w[i]);
}

static void variable(struct trace *t, const uint32_t *w, uint32_t len)
{
	uint32_t binding;

	if (len < 4 || w[2] >= t->scan->bound)
		return;
	binding = t->scan->ids[w[2]].binding;
	if ((w[3] == SPIRV_STORAGE_UNIFORM || w[3] == SPIRV_STORAGE_STORAGE_BUFFER) &&
	    binding <= JOB_BINDING_MAX)
		t->origin[w[2]] = (uint8_t)(binding + 1);
}

static void follow(struct trace *t, uint32_t op, const uint32_t *w, uint32_t len)
{
	switch (op) {
	case SPIRV_OP_VARIABLE:
		variable(t, w, len);
		break;
	case OP_ACCESS_CHAIN:
	case OP_IN_BOUNDS_ACCESS_CHAIN:
	case OP_PTR_ACCESS_CHAIN:
	case OP_IN_BOUNDS_PTR_ACCESS_CHAIN:
	case OP_COPY_OBJECT:
	case OP_BITCAST:
		if (len > 3)
			origin_from(t, w[2], w[3]);
		break;
	case OP_STORE: /* the pointer, and a pointer that is kept */
		written_all(t, w, 1, len < 3 ? len : 3);
		break;
	case OP_COPY_MEMORY:
	case OP_COPY_MEMORY_SIZED:
	case OP_ATOMIC_STORE:
	case OP_ATOMIC_FLAG_CLEAR:
		written_all(t, w, 1, len < 2 ? len : 2);
		break;
	case OP_ATOMIC_EXCHANGE ... OP_ATOMIC_XOR:
	case OP_ATOMIC_FLAG_TEST_AND_SET:
		written_all(t, w, 3, len < 4 ? len : 4);
		break;
	case OP_EXT_INST: /* the two that have a pointer for their second result */
		if (len > 5 && (w[4] == STD450_MODF || w[4] == STD450_FREXP))
			written_all(t, w, 5, len);
		break;
	case OP_FUNCTION_CALL:
	case OP_COMPOSITE_CONSTRUCT:
	case OP_SELECT:
	case OP_PHI:
		written_all(t, w, 3, len);
		break;
	case OP_COMPOSITE_INSERT: /* literals follow */
		written_all(t, w, 3, len < 4 ? len : 4);
		break;
	case OP_RETURN_VALUE:
		written_all(t, w, 1, len);
		break;
	}
}

int spirv_writes(const struct spirv_scan *scan, uint64_t *writes)
{
	_cleanup_free_ uint8_t *origin = calloc((size_t)scan->bound + 1, 1);
	struct trace t = {.scan = scan, .origin = origin};
	size_t at = 0, first;
	uint32_t op, len;

	if (!origin)
		return -ENOMEM;
	while (spirv_scan_next(scan, &at, &op, &first, &len))
		follow(&t, op, scan->words + first, len);
	*writes = t.writes;
	return 0;
}

static int check_bindings(const struct job *job, const struct job_kernel *k,
			  const struct job_binding *b, uint32_t n, uint64_t writes,
			  struct error *err)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct job_buffer *buffer = &job->buffers[b[i].buffer];
		char where[96];

		if (buffer->use != JOB_BUFFER_INPUT || !(writes >> b[i].binding & 1))
			continue;
		snprintf(where, sizeof(where), "kernel %s", k->name);
		return error_set(err, -EINVAL, where,
				 "it writes to binding %u, and buffer %s%s there is an input: "
				 "declare it readonly, or give the buffer another use",
				 b[i].binding, buffer->name,
				 b == k->bindings ? "" : " that a dispatch binds");
	}
	return 0;
}

int spirv_check_inputs(const struct job *job, uint32_t kernel, uint64_t writes, struct error *err)
{
	const struct job_kernel *k = &job->kernels[kernel];
	int r = check_bindings(job, k, k->bindings, k->n_bindings, writes, err);

	for (uint32_t i = 0; r == 0 && i < job->n_steps; i++) {
		const struct job_step *s = &job->steps[i];

		if (s->kind == JOB_STEP_DISPATCH && s->kernel == kernel)
			r = check_bindings(job, k, s->bind, s->n_bind, writes, err);
	}
	return r;
}
