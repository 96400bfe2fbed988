/* SPDX-License-Identifier: MIT */
/*
 * A job of kind "vulkan" as job.json describes it: named buffers, kernels, and a bounded
 * program of dispatches in nested counted loops.
 *
 * job_parse() is the one reader of job.json, used by the client before it sends, by brokerd
 * before it accepts and by the worker before it runs. It takes a stranger's bytes: every size
 * is limited, every error names the path in the document ("program[0].body[2].groups[1]").
 *
 * A loop counts 0 … count-1. Push constants and group counts are integer expressions over
 * the loop counters in scope (see expr.h). The total number of dispatches is known before
 * the start: the product of the loop counts, summed.
 *
 * The form is published as job.schema.json and described in idlebroker-job(5); a change here is
 * a change there.
 */
#ifndef LIBBROKER_JOB_JOB_H
#define LIBBROKER_JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libbroker/job/expr.h"
#include "libbroker/util/error.h"
#include "libbroker/util/io.h"

#define JOB_JSON_MAX       (256u << 10) /* bytes of job.json */
#define JOB_NAME_MAX       64
#define JOB_BUFFERS_MAX    64
#define JOB_KERNELS_MAX    64
#define JOB_BINDINGS_MAX   16 /* a kernel */
#define JOB_PUSH_MAX       32 /* four-byte push constants a kernel: 128 bytes, the Vulkan minimum */
#define JOB_SPEC_MAX       16 /* specialization constants a kernel */
#define JOB_BINDING_MAX    63 /* highest binding number */
#define JOB_SECONDS_MAX    31622400 /* of a limit: 366 days */
#define JOB_JSON_DEPTH     32 /* nesting of the document */
#define JOB_LOOP_DEPTH     6
#define JOB_STEPS_MAX      4096 /* loops and dispatches in the text of a program */
#define JOB_DISPATCHES_MAX (1ull << 40)
#define JOB_MEMORY_MAX     (1ull << 36)
#define JOB_BUFFER_MAX     (1ull << 34)
#define JOB_SPIRV_MAX      (4u << 20)
#define JOB_PRIORITY_MIN   (-10)
#define JOB_PRIORITY_MAX   10

enum job_buffer_use {
	JOB_BUFFER_SCRATCH,
	JOB_BUFFER_INPUT,
	JOB_BUFFER_OUTPUT
};
enum job_type {
	JOB_U32,
	JOB_I32,
	JOB_F32
};

/* A blob that the job refers to; each distinct one stands once in job->blobs. */
struct job_blob {
	char ref[JOB_NAME_MAX + 1]; /* a file name in a directory bundle, or 64 hex digits */
	bool is_hash; /* ref is the SHA-256 in lower-case hex: the packed form */
};

struct job_buffer {
	char name[JOB_NAME_MAX + 1];
	uint64_t size; /* bytes, a multiple of 4 */
	int blob; /* index of job->blobs: the first contents, zeros behind it; -1: zeros */
	enum job_buffer_use use; /* input: never written; output: returned at the end */
};

struct job_binding {
	uint32_t binding; /* of descriptor set 0: a storage buffer */
	uint32_t buffer; /* index of job->buffers */
};

struct job_constant { /* specialization constant */
	uint32_t id;
	enum job_type type;
	uint32_t bits; /* the value as the shader sees it */
};

struct job_kernel {
	char name[JOB_NAME_MAX + 1];
	int blob; /* SPIR-V */
	char entry[JOB_NAME_MAX + 1];
	uint32_t n_bindings, n_spec, n_push;
	struct job_binding bindings[JOB_BINDINGS_MAX];
	struct job_constant spec[JOB_SPEC_MAX];
	enum job_type push[JOB_PUSH_MAX]; /* four bytes each, packed in this order */
};

enum job_step_kind {
	JOB_STEP_LOOP,
	JOB_STEP_DISPATCH
};

/*
 * The program, flat and in order: a loop's body is the steps from its own index + 1 up to
 * `end`. Every body holds at least one dispatch.
 */
#define JOB_NO_PARENT UINT32_MAX

struct job_step {
	enum job_step_kind kind;
	uint32_t depth; /* loops around this step */
	uint32_t parent; /* index of the innermost of them, or JOB_NO_PARENT */
	uint64_t dispatches; /* each time it is reached: 1, or the loop's whole count */
	/* loop: */
	uint32_t end; /* index behind the body */
	uint64_t count; /* 1 or more */
	char name[JOB_NAME_MAX + 1]; /* the counter's */
	/* dispatch: */
	uint32_t kernel;
	struct expr groups[3]; /* 0 groups = nothing to do; never a float */
	struct expr *push; /* kernel's n_push of them; owned by the job; a float for F32 alone */
	uint32_t n_bind; /* buffers in place of the kernel's own at some of its bindings */
	struct job_binding bind[JOB_BINDINGS_MAX];
};

struct job {
	char name[JOB_NAME_MAX + 1];
	int priority;
	uint64_t limit_memory; /* bytes of all buffers; at least their sum, and that by default */
	uint64_t limit_device_ns; /* total time on the device; 0 = the broker's limit */
	uint64_t limit_wall_ns; /* from acceptance to the end; 0 = none */
	uint32_t n_blobs, n_buffers, n_kernels, n_steps;
	struct job_blob *blobs;
	struct job_buffer *buffers;
	struct job_kernel *kernels;
	struct job_step *steps;
	uint64_t memory; /* sum of all buffers */
	uint64_t dispatches; /* whole program */
	uint32_t n_outputs;
	uint32_t outputs[JOB_BUFFERS_MAX]; /* indices of buffers, in the order of job.json */
};

/**
 * job_parse() - read job.json
 * @json, @len: bytes, not NUL-terminated, from anybody
 * @out: owned by the caller; job_free()
 * Return: 0; -EINVAL with @err telling path and remedy; -E2BIG or -ERANGE over a limit; -ENOMEM.
 */
int job_parse(struct job **out, const char *json, size_t len, struct error *err);

void job_free(struct job *job);

#endif
