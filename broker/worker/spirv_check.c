/* SPDX-License-Identifier: MIT */
/* Rules for a stranger's SPIR-V; see spirv_check.h. */
#include "broker/worker/spirv_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <spirv-tools/libspirv.h>

#include "broker/worker/spirv_scan.h"
#include "broker/worker/spirv_writes.h"
#include "libbroker/util/cleanup.h"

#define MODEL_GLCOMPUTE   5
#define DECORATION_OFFSET 35
#define PRIVATE_MAX       (1u << 20) /* bytes of an invocation's own: it may be on a stack */

struct capability {
	uint32_t number;
	uint32_t feature; /* 0: every device */
	const char *name;
};

static const struct capability capabilities[] = {
	{0, 0, "Matrix"},
	{1, 0, "Shader"},
	{9, SPIRV_FEATURE_FLOAT16, "Float16"},
	{10, SPIRV_FEATURE_FLOAT64, "Float64"},
	{11, SPIRV_FEATURE_INT64, "Int64"},
	{22, SPIRV_FEATURE_INT16, "Int16"},
	{39, SPIRV_FEATURE_INT8, "Int8"},
	{61, SPIRV_FEATURE_SUBGROUP_BASIC, "GroupNonUniform"},
	{62, SPIRV_FEATURE_SUBGROUP_VOTE, "GroupNonUniformVote"},
	{63, SPIRV_FEATURE_SUBGROUP_ARITHMETIC, "GroupNonUniformArithmetic"},
	{64, SPIRV_FEATURE_SUBGROUP_BALLOT, "GroupNonUniformBallot"},
	{65, SPIRV_FEATURE_SUBGROUP_SHUFFLE, "GroupNonUniformShuffle"},
	{4433, SPIRV_FEATURE_STORAGE16, "StorageBuffer16BitAccess"},
	{4448, SPIRV_FEATURE_STORAGE8, "StorageBuffer8BitAccess"},
};

void spirv_limits_any(struct spirv_limits *out)
{
	*out = (struct spirv_limits){
		.features = SPIRV_FEATURE_ALL,
		.local_size = {1024, 1024, 1024},
		.local_invocations = 1024,
		.shared_bytes = 64u << 10,
	};
}

static void keep_message(struct error *err, const spv_diagnostic diagnostic)
{
	char text[256];
	size_t n = 0;

	/* A stranger chose part of this text: printable characters of one line only. */
	for (const char *s = diagnostic ? diagnostic->error : ""; *s && n < sizeof(text) - 1; s++)
		text[n++] = *s >= ' ' && *s <= '~' ? *s : ' ';
	text[n] = '\0';
	error_set(err, 0, NULL, "not valid SPIR-V for Vulkan 1.1: %s", text);
}

static int validate(const uint32_t *words, size_t n_words, struct error *err)
{
	spv_context context = spvContextCreate(SPV_ENV_VULKAN_1_1);
	spv_diagnostic diagnostic = NULL;
	spv_result_t result;

	if (!context)
		return -ENOMEM;
	result = spvValidateBinary(context, words, n_words, &diagnostic);
	if (result != SPV_SUCCESS)
		keep_message(err, diagnostic);
	spvDiagnosticDestroy(diagnostic);
	spvContextDestroy(context);
	return result == SPV_SUCCESS ? 0 : -EINVAL;
}

static int check_capabilities(const struct spirv_scan *s, const struct spirv_limits *limits,
			      struct error *err)
{
	for (uint32_t i = 0; i < s->n_capabilities; i++) {
		const struct capability *found = NULL;

		for (size_t j = 0; j < ARRAY_SIZE(capabilities); j++)
			if (capabilities[j].number == s->capabilities[i])
				found = &capabilities[j];
		if (!found)
			return error_set(err, -EINVAL, NULL,
					 "capability %u is not among those a job may use",
					 s->capabilities[i]);
		if ((limits->features & found->feature) != found->feature)
			return error_set(err, -EINVAL, NULL,
					 "capability %s, which this device does not offer",
					 found->name);
	}
	return 0;
}

static int check_entry(const struct spirv_scan *s, struct error *err)
{
	const char *want = s->kernel->entry;

	if (s->n_entries != 1)
		return error_set(err, -EINVAL, NULL, "%u entry points; exactly one, \"%s\"",
				 s->n_entries, want);
	if (s->entries[0].model != MODEL_GLCOMPUTE)
		return error_set(err, -EINVAL, NULL,
				 "execution model %u; a kernel is GLCompute (%u)",
				 s->entries[0].model, MODEL_GLCOMPUTE);
	if (strcmp(s->entries[0].name, want) != 0)
		return error_set(err, -EINVAL, NULL,
				 "its entry point is not the \"%s\" that job.json names", want);
	return 0;
}

/* The type behind a variable's pointer, or 0. */
static uint32_t pointee(const struct spirv_scan *s, uint32_t pointer)
{
	const uint32_t *w;
	uint32_t len;

	if (spirv_scan_op(s, pointer, &w, &len) != SPIRV_OP_TYPE_POINTER || len < 4)
		return 0;
	return w[3];
}

static bool is_bound(const struct job_kernel *kernel, uint32_t binding)
{
	for (uint32_t i = 0; i < kernel->n_bindings; i++)
		if (kernel->bindings[i].binding == binding)
			return true;
	return false;
}

static int check_buffer(const struct spirv_scan *s, const uint32_t *w, struct error *err)
{
	const struct spirv_id *var = &s->ids[w[2]];
	uint32_t type = pointee(s, w[1]), len;
	const uint32_t *tw;

	if (spirv_scan_op(s, type, &tw, &len) != SPIRV_OP_TYPE_STRUCT)
		return error_set(err, -EINVAL, NULL,
				 "binding %u is an array of buffers; bind single ones",
				 var->binding);
	if (w[3] == SPIRV_STORAGE_UNIFORM && !s->ids[type].buffer_block)
		return error_set(err, -EINVAL, NULL,
				 "binding %u is a uniform block; use a storage buffer",
				 var->binding);
	if (var->set != 0)
		return error_set(err, -EINVAL, NULL,
				 "a buffer is in descriptor set %u; all belong to set 0", var->set);
	if (!is_bound(s->kernel, var->binding))
		return error_set(err, -EINVAL, NULL,
				 "binding %u is not bound to a buffer in job.json", var->binding);
	return 0;
}

/* Where a block's members end. One pass for the one block of push constants. */
static int push_extent(const struct spirv_scan *s, uint32_t type, uint32_t *bytes,
		       struct error *err)
{
	const uint32_t *members;
	uint32_t n_words, op, len;
	size_t at = 0, first;
	uint64_t end = 0;

	if (spirv_scan_op(s, type, &members, &n_words) != SPIRV_OP_TYPE_STRUCT)
		return error_set(err, -EINVAL, NULL, "push constants that are no block");
	while (spirv_scan_next(s, &at, &op, &first, &len)) {
		const uint32_t *w = s->words + first;
		const struct spirv_id *member;

		if (op != SPIRV_OP_MEMBER_DECORATE || len != 5 || w[1] != type ||
		    w[3] != DECORATION_OFFSET || w[2] >= n_words - 2)
			continue;
		member = &s->ids[members[2 + w[2]]];
		if (!member->plain)
			return error_set(err, -EINVAL, NULL,
					 "push constant %u is not made of 32-bit words", w[2]);
		if (w[4] + member->size > end)
			end = w[4] + member->size;
	}
	if (end > s->kernel->n_push * 4)
		return error_set(err, -EINVAL, NULL,
				 "its push constants take %llu bytes; job.json pushes %u",
				 (unsigned long long)end, s->kernel->n_push * 4);
	*bytes = (uint32_t)end;
	return 0;
}

struct totals {
	bool pushes;
	uint64_t shared, private;
};

static int check_variable(const struct spirv_scan *s, const uint32_t *w, struct totals *totals,
			  struct spirv_info *info, struct error *err)
{
	uint32_t type;

	switch (w[3]) {
	case SPIRV_STORAGE_UNIFORM:
	case SPIRV_STORAGE_STORAGE_BUFFER:
		return check_buffer(s, w, err);
	case SPIRV_STORAGE_PUSH_CONSTANT:
		if (totals->pushes)
			return error_set(err, -EINVAL, NULL, "more than one push-constant block");
		totals->pushes = true;
		return push_extent(s, pointee(s, w[1]), &info->push_bytes, err);
	case SPIRV_STORAGE_WORKGROUP:
		type = pointee(s, w[1]);
		totals->shared += type < s->bound ? s->ids[type].size : 0;
		return 0;
	case SPIRV_STORAGE_PRIVATE:
	case SPIRV_STORAGE_FUNCTION:
		type = pointee(s, w[1]);
		totals->private += type < s->bound ? s->ids[type].size : 0;
		return 0;
	case SPIRV_STORAGE_INPUT:
		return 0;
	}
	return error_set(err, -EINVAL, NULL,
			 "a variable of storage class %u; a kernel's resources are storage "
			 "buffers and push constants",
			 w[3]);
}

static int check_variables(const struct spirv_scan *s, const struct spirv_limits *limits,
			   struct spirv_info *info, struct error *err)
{
	struct totals totals = {.shared = 0};
	size_t at = 0, first;
	uint32_t op, len;

	while (spirv_scan_next(s, &at, &op, &first, &len)) {
		int r = 0;

		if (op == SPIRV_OP_EXECUTION_MODE_ID)
			return error_set(err, -EINVAL, NULL,
					 "an execution mode by id; use LocalSize");
		if (op == SPIRV_OP_VARIABLE)
			r = check_variable(s, s->words + first, &totals, info, err);
		if (r < 0)
			return r;
		if (totals.shared > limits->shared_bytes)
			return error_set(err, -EINVAL, NULL,
					 "more than %u bytes of shared memory, or of a size not "
					 "known before the start",
					 limits->shared_bytes);
		if (totals.private > PRIVATE_MAX)
			return error_set(err, -EINVAL, NULL,
					 "more than %u bytes of an invocation's own variables, or "
					 "of a size not known before the start",
					 PRIVATE_MAX);
	}
	return 0;
}

static int check_local_size(const struct spirv_scan *s, const struct spirv_limits *limits,
			    struct spirv_info *info, struct error *err)
{
	uint64_t all = 1;

	memcpy(info->local_size, s->entries[0].local_size, sizeof(info->local_size));
	if (s->workgroup_size) { /* it takes precedence over LocalSize */
		const uint32_t *w;
		uint32_t len, op = spirv_scan_op(s, s->workgroup_size, &w, &len);

		if ((op != SPIRV_OP_CONSTANT_COMPOSITE && op != SPIRV_OP_SPEC_CONSTANT_COMPOSITE) ||
		    len != 6)
			return error_set(err, -EINVAL, NULL, "WorkgroupSize is no constant");
		for (int i = 0; i < 3; i++)
			if (spirv_scan_constant(s, w[3 + i], &info->local_size[i]) < 0)
				return error_set(err, -EINVAL, NULL,
						 "WorkgroupSize[%d] is computed; use a constant",
						 i);
	}
	for (int i = 0; i < 3; i++) {
		all *= info->local_size[i];
		if (info->local_size[i] == 0 || info->local_size[i] > limits->local_size[i] ||
		    all > limits->local_invocations)
			return error_set(err, -EINVAL, NULL,
					 "a workgroup of %u x %u x %u; the device takes %u x %u x "
					 "%u and %u in all",
					 info->local_size[0], info->local_size[1],
					 info->local_size[2], limits->local_size[0],
					 limits->local_size[1], limits->local_size[2],
					 limits->local_invocations);
	}
	return 0;
}

static int check_scan(const struct spirv_scan *s, const struct spirv_limits *limits,
		      struct spirv_info *info, struct error *err)
{
	int r = check_entry(s, err);

	if (r == 0)
		r = check_capabilities(s, limits, err);
	if (r == 0)
		r = check_local_size(s, limits, info, err);
	if (r == 0)
		r = check_variables(s, limits, info, err);
	if (r == 0)
		r = spirv_writes(s, &info->writes);
	info->reads_num_workgroups = s->reads_num_workgroups;
	return r;
}

int spirv_check(const uint32_t *words, size_t n_words, const struct job_kernel *kernel,
		const struct spirv_limits *limits, struct spirv_info *info, struct error *err)
{
	struct spirv_scan scan;
	struct error inner = {.where = ""};
	int r;

	*info = (struct spirv_info){.push_bytes = 0};
	r = spirv_scan(&scan, words, n_words, kernel, &inner);
	if (r == 0) {
		/* Before the validator: its messages know nothing of what a job may do. */
		r = check_entry(&scan, &inner);
		if (r == 0)
			r = validate(words, n_words, &inner);
		if (r == 0)
			r = check_scan(&scan, limits, info, &inner);
		spirv_scan_deinit(&scan);
	}
	if (r == -ENOMEM)
		error_set(&inner, r, NULL, "out of memory");
	if (r < 0 && err) {
		*err = inner;
		snprintf(err->where, sizeof(err->where), "kernel %s", kernel->name);
	}
	return r;
}
