/* SPDX-License-Identifier: MIT */
/*
 * Reading job.json: the document, its limits and outputs; see job.h. Buffers and kernels are
 * read by job_resource_parse.c, the program by job_program_parse.c, after all it can refer to.
 *
 * The struct is filled in place and counted as it is filled, so that job_free() takes a job
 * that was given up at any point.
 */
#include "libbroker/job/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/job/job_read.h"
#include "libbroker/job/json_read.h"
#include "libbroker/job/program.h"
#include "libbroker/util/cleanup.h"

_Static_assert(JSON_NAME_MAX == JOB_NAME_MAX, "names fit");

#define NS_PER_SECOND 1e9
#define TEXT_SHOWN    48

DEFINE_CLEANUP(struct job, job, job_free)
DEFINE_CLEANUP(json_t, json, json_decref)

static int out_of_memory(const struct json_node *n)
{
	return json_read_fail(n, -ENOMEM, "out of memory");
}

static int read_outputs(struct job *job, const struct json_node *n)
{
	int r = json_read_array(n, 1, JOB_BUFFERS_MAX, "names of output buffers");

	for (size_t i = 0; r >= 0 && i < json_array_size(n->value); i++) {
		struct json_node item = json_read_item(n, i);
		char name[JOB_NAME_MAX + 1];
		int buffer;

		r = json_read_name(&item, name);
		if (r < 0)
			return r;
		buffer = job_find_buffer(job, name);
		if (buffer < 0)
			return json_read_fail(&item, -EINVAL, "there is no buffer \"%s\"", name);
		if (job->buffers[buffer].use != JOB_BUFFER_OUTPUT)
			return json_read_fail(&item, -EINVAL,
					      "the buffer \"%s\" is no output; give it "
					      "\"use\": \"output\"",
					      name);
		for (uint32_t j = 0; j < job->n_outputs; j++)
			if (job->outputs[j] == (uint32_t)buffer)
				return json_read_fail(&item, -EINVAL, "\"%s\" stands here twice",
						      name);
		job->outputs[job->n_outputs++] = (uint32_t)buffer;
	}
	return r;
}

static int read_seconds(const struct json_node *n, uint64_t *ns)
{
	double s = json_number_value(n->value);

	if (!json_is_number(n->value) || !(s >= 1e-3) || s > JOB_SECONDS_MAX)
		return json_read_fail(n, s > JOB_SECONDS_MAX ? -E2BIG : -EINVAL,
				      "must be a number of seconds from 0.001 to %d",
				      JOB_SECONDS_MAX);
	*ns = (uint64_t)(s * NS_PER_SECOND);
	return 0;
}

static int read_limits(struct job *job, const struct json_node *n)
{
	static const char *const keys[] = {"memory", "device_time_s", "deadline_s", NULL};
	struct json_node part;
	int64_t memory = 0;
	int r = json_read_object(n, keys);

	if (r >= 0 && json_read_find(n, "memory", &part)) {
		r = json_read_int(&part, 4, (int64_t)JOB_MEMORY_MAX, &memory);
		if (r >= 0 && (uint64_t)memory < job->memory)
			r = json_read_fail(&part, -E2BIG,
					   "the buffers take %llu bytes, the limit is %lld",
					   (unsigned long long)job->memory, (long long)memory);
		if (r >= 0)
			job->limit_memory = (uint64_t)memory;
	}
	if (r >= 0 && json_read_find(n, "device_time_s", &part))
		r = read_seconds(&part, &job->limit_device_ns);
	if (r >= 0 && json_read_find(n, "deadline_s", &part))
		r = read_seconds(&part, &job->limit_wall_ns);
	return r;
}

/* Before the keys: a document of another version or kind may have others. */
static int read_head(const struct json_node *n)
{
	struct json_node part;
	char clean[TEXT_SHOWN];
	const char *kind = NULL;
	int64_t version = 0;
	int r = json_read_object(n, NULL);

	if (r >= 0)
		r = json_read_need(n, "version", "1", &part);
	if (r >= 0)
		r = json_read_int(&part, 1, INT64_MAX, &version);
	if (r < 0)
		return r;
	if (version != 1)
		return json_read_fail(&part, -EINVAL,
				      "%lld is not supported by this version, which reads 1",
				      (long long)version);
	r = json_read_need(n, "kind", "\"vulkan\"", &part);
	if (r >= 0)
		r = json_read_text(&part, &kind);
	if (r >= 0 && strcmp(kind, "vulkan"))
		r = json_read_fail(&part, -EINVAL,
				   "\"%s\" is not supported by this version, which runs \"vulkan\"",
				   json_read_clean(clean, sizeof(clean), kind));
	return r;
}

/* In the order in which they refer to each other, whatever the document's own order. */
static int read_parts(struct job *job, const struct json_node *n)
{
	struct json_node part;
	int r = json_read_need(n, "buffers", "an object of named buffers", &part);

	if (r >= 0)
		r = job_read_buffers(job, &part);
	job->limit_memory = job->memory;
	if (r >= 0 && json_read_find(n, "limits", &part))
		r = read_limits(job, &part);
	if (r >= 0)
		r = json_read_need(n, "kernels", "an object of named kernels", &part);
	if (r >= 0)
		r = job_read_kernels(job, &part);
	if (r >= 0)
		r = json_read_need(n, "program", "an array of loops and dispatches", &part);
	if (r >= 0)
		r = job_read_program(job, &part);
	if (r >= 0)
		r = json_read_need(n, "outputs", "an array of names of output buffers", &part);
	if (r >= 0)
		r = read_outputs(job, &part);
	return r;
}

static int read_document(struct job *job, const struct json_node *n)
{
	static const char *const keys[] = {"version", "kind",    "name",    "priority", "limits",
					   "buffers", "kernels", "program", "outputs",  NULL};
	struct json_node part;
	int64_t priority = 0;
	int r = read_head(n);

	if (r >= 0)
		r = json_read_object(n, keys);
	if (r >= 0)
		r = json_read_need(n, "name", "a short name for people", &part);
	if (r >= 0)
		r = json_read_name(&part, job->name);
	if (r >= 0 && json_read_find(n, "priority", &part))
		r = json_read_int(&part, JOB_PRIORITY_MIN, JOB_PRIORITY_MAX, &priority);
	job->priority = (int)priority;
	if (r >= 0)
		r = read_parts(job, n);
	return r;
}

int job_parse(struct job **out, const char *json, size_t len, struct error *err)
{
	_cleanup_(cleanup_jsonp) json_t *document = NULL;
	_cleanup_(cleanup_jobp) struct job *job = NULL;
	struct error unheard;
	struct json_node root;
	int r;

	if (!err)
		err = &unheard;
	if (len > JOB_JSON_MAX)
		return error_set(err, -E2BIG, NULL,
				 "job.json is %zu bytes long; at most %u are allowed", len,
				 JOB_JSON_MAX);
	document = json_read_load(json, len, JOB_JSON_DEPTH, err);
	if (!document)
		return -EINVAL;
	root = json_read_root(document, err);
	job = calloc(1, sizeof(*job));
	if (!job)
		return out_of_memory(&root);
	job->blobs = calloc(JOB_BUFFERS_MAX + JOB_KERNELS_MAX, sizeof(*job->blobs));
	job->buffers = calloc(JOB_BUFFERS_MAX, sizeof(*job->buffers));
	job->kernels = calloc(JOB_KERNELS_MAX, sizeof(*job->kernels));
	if (!job->blobs || !job->buffers || !job->kernels)
		return out_of_memory(&root);
	r = read_document(job, &root);
	if (r >= 0)
		r = program_check(job, err);
	if (r < 0)
		return r;
	*out = steal_ptr(job);
	return 0;
}

void job_free(struct job *job)
{
	if (!job)
		return;
	for (uint32_t i = 0; i < job->n_steps; i++) {
		struct job_step *s = &job->steps[i];

		for (int j = 0; j < 3; j++)
			expr_free(&s->groups[j]);
		for (uint32_t j = 0; s->push && j < job->kernels[s->kernel].n_push; j++)
			expr_free(&s->push[j]);
		free(s->push);
	}
	free(job->steps);
	free(job->kernels);
	free(job->buffers);
	free(job->blobs);
	free(job);
}
