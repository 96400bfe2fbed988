/* SPDX-License-Identifier: MIT */
/*
 * Reading what a job's program works with: blobs, buffers and kernels; see job.h.
 *
 * Each reader fills the next free element of its array and counts it only when it is whole.
 */
#include "libbroker/job/job_read.h"

#include <errno.h>
#include <float.h>
#include <string.h>

#define TEXT_SHOWN 48

static const char *const type_names[] = {
	[JOB_U32] = "u32", [JOB_I32] = "i32", [JOB_F32] = "f32", NULL};

static bool is_hash(const char *text)
{
	return strlen(text) == SHA256_HEX && !text[strspn(text, "0123456789abcdef")];
}

/* A reference to a blob: its index, the same for the same reference. */
static int read_blob(struct job *job, const struct json_node *n)
{
	const char *ref = NULL;
	int r = json_read_text(n, &ref);

	if (r < 0)
		return r;
	r = json_read_name_check(n, ref, "file name in the bundle, nor 64 hex digits");
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < job->n_blobs; i++)
		if (!strcmp(job->blobs[i].ref, ref))
			return (int)i;
	memcpy(job->blobs[job->n_blobs].ref, ref, strlen(ref) + 1);
	job->blobs[job->n_blobs].is_hash = is_hash(ref);
	return (int)job->n_blobs++;
}

int job_find_buffer(const struct job *job, const char *name)
{
	for (uint32_t i = 0; i < job->n_buffers; i++)
		if (!strcmp(job->buffers[i].name, name))
			return (int)i;
	return -1;
}

/* "0" to "max" as JSON keys have it: digits alone, no leading zero. */
static int read_number_key(const struct json_node *n, const char *what, uint64_t max, uint32_t *out)
{
	uint64_t v = 0;
	size_t digits = strspn(n->key, "0123456789");

	for (size_t i = 0; i < digits && v <= max; i++)
		v = 10 * v + (uint64_t)(n->key[i] - '0');
	if (!digits || n->key[digits] || (n->key[0] == '0' && digits > 1) || v > max)
		return json_read_fail(n, v > max ? -E2BIG : -EINVAL,
				      "the key must be the number of a %s, \"0\" to \"%llu\"", what,
				      (unsigned long long)max);
	*out = (uint32_t)v;
	return 0;
}

int job_read_bindings(const struct job *job, const struct json_node *n, struct job_binding *out,
		      uint32_t *count)
{
	const char *key, *name = NULL;
	json_t *value;
	int r = json_read_object(n, NULL);

	if (r < 0)
		return r;
	if (json_object_size(n->value) > JOB_BINDINGS_MAX)
		return json_read_fail(n, -E2BIG, "holds %zu bindings; at most %d are allowed",
				      json_object_size(n->value), JOB_BINDINGS_MAX);
	json_object_foreach(n->value, key, value) {
		struct json_node item = json_read_member(n, key, value);
		char clean[TEXT_SHOWN];
		int buffer;

		r = read_number_key(&item, "binding", JOB_BINDING_MAX, &out[*count].binding);
		if (r >= 0)
			r = json_read_text(&item, &name);
		if (r < 0)
			return r;
		buffer = job_find_buffer(job, name);
		if (buffer < 0)
			return json_read_fail(
				&item, -EINVAL,
				"there is no buffer \"%s\"; it must be one of \"buffers\"",
				json_read_clean(clean, sizeof(clean), name));
		out[(*count)++].buffer = (uint32_t)buffer;
	}
	return 0;
}

static int read_buffer_size(struct job *job, const struct json_node *n, uint64_t *out)
{
	int64_t size = 0;
	int r = json_read_int(n, 4, (int64_t)JOB_BUFFER_MAX, &size);

	if (r < 0)
		return r;
	if (size % 4)
		return json_read_fail(n, -EINVAL, "must be a multiple of 4, is %lld",
				      (long long)size);
	*out = (uint64_t)size;
	job->memory += *out;
	if (job->memory > JOB_MEMORY_MAX)
		return json_read_fail(
			n, -E2BIG,
			"the buffers up to this one take %llu bytes; at most %llu in all",
			(unsigned long long)job->memory, (unsigned long long)JOB_MEMORY_MAX);
	return 0;
}

static int read_buffer(struct job *job, const struct json_node *n)
{
	static const char *const keys[] = {"size", "blob", "use", NULL};
	static const char *const uses[] = {[JOB_BUFFER_SCRATCH] = "scratch",
					   [JOB_BUFFER_INPUT] = "input",
					   [JOB_BUFFER_OUTPUT] = "output",
					   NULL};
	struct job_buffer *b = &job->buffers[job->n_buffers];
	struct json_node part;
	int r = json_read_name_check(n, n->key, "name of a buffer");

	if (r >= 0)
		r = json_read_object(n, keys);
	if (r >= 0)
		r = json_read_need(n, "size", "bytes, a multiple of 4", &part);
	if (r >= 0)
		r = read_buffer_size(job, &part, &b->size);
	if (r < 0)
		return r;
	memcpy(b->name, n->key, strlen(n->key) + 1);
	b->blob = -1;
	if (json_read_find(n, "blob", &part)) {
		b->blob = read_blob(job, &part);
		if (b->blob < 0)
			return b->blob;
	}
	if (json_read_find(n, "use", &part)) {
		r = json_read_choice(&part, uses);
		if (r < 0)
			return r;
		b->use = (enum job_buffer_use)r;
	}
	if (b->use == JOB_BUFFER_INPUT && b->blob < 0)
		return json_read_fail(n, -EINVAL,
				      "an input buffer needs its contents: add \"blob\", "
				      "or make it \"scratch\"");
	job->n_buffers++;
	return 0;
}

/* Calls @one for every member of the object. */
static int read_members(struct job *job, const struct json_node *n, uint32_t max, const char *what,
			int (*one)(struct job *job, const struct json_node *n))
{
	const char *key;
	json_t *value;
	int r = json_read_object(n, NULL);

	if (r < 0)
		return r;
	if (!json_object_size(n->value))
		return json_read_fail(n, -EINVAL, "is empty; a job has at least one %s", what);
	if (json_object_size(n->value) > max)
		return json_read_fail(n, -E2BIG, "holds %zu %ss; at most %u are allowed",
				      json_object_size(n->value), what, max);
	json_object_foreach(n->value, key, value) {
		struct json_node item = json_read_member(n, key, value);

		r = one(job, &item);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_spec_value(const struct json_node *n, struct job_constant *out)
{
	int64_t min = out->type == JOB_I32 ? INT32_MIN : 0;
	int64_t max = out->type == JOB_I32 ? INT32_MAX : UINT32_MAX, v = 0;
	int r;

	if (out->type == JOB_F32) {
		double d = json_number_value(n->value);
		float f;

		if (!json_is_number(n->value) || d > (double)FLT_MAX || d < -(double)FLT_MAX)
			return json_read_fail(n, -EINVAL,
					      "must be a number that fits a 32-bit float");
		f = (float)d;
		memcpy(&out->bits, &f, sizeof(f));
		return 0;
	}
	r = json_read_int(n, min, max, &v);
	out->bits = (uint32_t)v;
	return r;
}

static int read_spec(const struct json_node *n, struct job_kernel *k)
{
	const char *key;
	json_t *value;
	int r = json_read_object(n, NULL);

	if (r < 0)
		return r;
	if (json_object_size(n->value) > JOB_SPEC_MAX)
		return json_read_fail(n, -E2BIG, "holds %zu constants; at most %d are allowed",
				      json_object_size(n->value), JOB_SPEC_MAX);
	json_object_foreach(n->value, key, value) {
		struct json_node item = json_read_member(n, key, value), part;
		struct job_constant *c = &k->spec[k->n_spec];
		int type = -1;

		r = read_number_key(&item, "specialization constant", UINT32_MAX, &c->id);
		if (r >= 0)
			r = json_read_object(&item, type_names);
		for (int t = JOB_U32; r >= 0 && t <= JOB_F32; t++)
			if (json_read_find(&item, type_names[t], &part))
				type = t;
		if (r >= 0 && (type < 0 || json_object_size(value) != 1))
			r = json_read_fail(
				&item, -EINVAL,
				"must hold one value with its type, as in {\"u32\": 64}");
		if (r < 0)
			return r;
		c->type = (enum job_type)type;
		part = json_read_member(&item, type_names[type],
					json_object_get(value, type_names[type]));
		r = read_spec_value(&part, c);
		if (r < 0)
			return r;
		k->n_spec++;
	}
	return 0;
}

static int read_push_types(const struct json_node *n, struct job_kernel *k)
{
	int r = json_read_array(n, 0, JOB_PUSH_MAX, "types");

	for (size_t i = 0; r >= 0 && i < json_array_size(n->value); i++) {
		struct json_node item = json_read_item(n, i);

		r = json_read_choice(&item, type_names);
		if (r >= 0)
			k->push[k->n_push++] = (enum job_type)r;
	}
	return r < 0 ? r : 0;
}

static int read_kernel(struct job *job, const struct json_node *n)
{
	static const char *const keys[] = {"spirv",          "entry", "bindings",
					   "specialization", "push",  NULL};
	struct job_kernel *k = &job->kernels[job->n_kernels];
	struct json_node part;
	int r = json_read_name_check(n, n->key, "name of a kernel");

	if (r >= 0)
		r = json_read_object(n, keys);
	if (r >= 0)
		r = json_read_need(n, "spirv", "a file name in the bundle, or its SHA-256", &part);
	if (r >= 0)
		r = k->blob = read_blob(job, &part);
	if (r < 0)
		return r;
	memcpy(k->name, n->key, strlen(n->key) + 1);
	memcpy(k->entry, "main", sizeof("main"));
	if (json_read_find(n, "entry", &part))
		r = json_read_name(&part, k->entry);
	if (r >= 0)
		r = json_read_need(n, "bindings",
				   "the buffer at each binding, as in {\"0\": \"x\"}", &part);
	if (r >= 0)
		r = job_read_bindings(job, &part, k->bindings, &k->n_bindings);
	if (r >= 0 && !k->n_bindings)
		r = json_read_fail(&part, -EINVAL,
				   "is empty; a kernel without a buffer does nothing");
	if (r >= 0 && json_read_find(n, "specialization", &part))
		r = read_spec(&part, k);
	if (r >= 0 && json_read_find(n, "push", &part))
		r = read_push_types(&part, k);
	if (r >= 0)
		job->n_kernels++;
	return r < 0 ? r : 0;
}

int job_read_buffers(struct job *job, const struct json_node *n)
{
	return read_members(job, n, JOB_BUFFERS_MAX, "buffer", read_buffer);
}

int job_read_kernels(struct job *job, const struct json_node *n)
{
	return read_members(job, n, JOB_KERNELS_MAX, "kernel", read_kernel);
}
