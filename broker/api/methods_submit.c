/* SPDX-License-Identifier: MIT */
/*
 * Submit: a stranger's job, from its bytes to the store.
 *
 * The descriptors that a call names are taken from the connection first, whatever is wrong with
 * the rest, so that the next call finds its own. If what it names cannot be told, the connection
 * ends after the reply. The job joins the queue when the store says that it is durable, even if
 * nobody waits for the reply any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/job/job.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define BLOBS_MAX API_CALL_FDS_MAX
#define NO_FD     UINT32_MAX

DEFINE_CLEANUP(struct job, job, job_free)
#define _cleanup_job_ _cleanup_(cleanup_jobp)

struct passed { /* one entry of the parameter "blobs" */
	const char *sha256;
	uint32_t index; /* of its descriptor, or NO_FD */
	bool used;
};

struct submit { /* a call's blobs, while it is looked at */
	struct passed passed[BLOBS_MAX];
	int fds[BLOBS_MAX];
	uint32_t n, n_fds;
};

struct accepted { /* what is kept until the store is done */
	struct store_job row;
	json_t *unsent; /* hashes of blobs that were not passed; NULL: none */
};

static bool is_sha256(const char *hex)
{
	uint8_t bytes[SHA256_SIZE];

	return hex && strlen(hex) == SHA256_HEX && hex_decode(bytes, hex, SHA256_SIZE) == 0;
}

static int parse_passed(const json_t *entry, struct passed *out)
{
	json_t *fd = json_object_get(entry, "fd");

	*out = (struct passed){.sha256 = json_string_value(json_object_get(entry, "sha256")),
			       .index = NO_FD};
	if (!is_sha256(out->sha256))
		return -EINVAL;
	if (json_object_size(entry) != (fd ? 2 : 1))
		return -EINVAL;
	if (!fd || json_is_null(fd))
		return 0;
	if (!json_is_integer(fd) || json_integer_value(fd) < 0 ||
	    json_integer_value(fd) >= BLOBS_MAX)
		return -EINVAL;
	out->index = (uint32_t)json_integer_value(fd);
	return 0;
}

/* Each of 0 to n_fds - 1 must be named once. */
static int parse_blobs(struct submit *s, const json_t *list)
{
	bool named[BLOBS_MAX] = {};
	const json_t *entry;
	size_t i;

	if (json_array_size(list) > BLOBS_MAX)
		return -E2BIG;
	json_array_foreach(list, i, entry) {
		struct passed *p = &s->passed[s->n++];

		if (parse_passed(entry, p) < 0)
			return -EINVAL;
		if (p->index == NO_FD)
			continue;
		if (named[p->index])
			return -EINVAL;
		named[p->index] = true;
		s->n_fds++;
	}
	for (i = 0; i < s->n_fds; i++)
		if (!named[i])
			return -EINVAL;
	return 0;
}

static int take_fds(struct call *call, struct submit *s)
{
	uint32_t n = call_take_fds(call, s->n_fds, s->fds);

	if (n < s->n_fds) {
		call_invalid_why(call, "blobs", "%u descriptors are named, but %u were passed",
				 s->n_fds, n);
		s->n_fds = n;
		return -EINVAL;
	}
	for (uint32_t i = 0; i < n; i++) {
		const char *why = call->client->refused_why;

		if (s->fds[i] >= 0)
			continue;
		call_invalid_why(call, "blobs", "descriptor %u: %s", i, why ? why : "refused");
		return -EINVAL;
	}
	return 0;
}

static struct passed *find_passed(struct submit *s, const char *ref)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->passed[i].sha256, ref))
			return &s->passed[i];
	return NULL;
}

static void invalid_job(struct call *call, const struct error *err)
{
	json_t *path = json_string(err->where), *message = json_string(err->what);

	call_error(call, "io.idlebroker.InvalidJob",
		   json_pack("{s:o, s:o}", "path", path ? path : json_string(""), "message",
			     message ? message : json_string("(not UTF-8)")));
}

/* The job's blobs for the store, each with its descriptor if one was passed. */
static int match_blobs(struct call *call, struct submit *s, const struct job *job,
		       struct store_blob *out, struct accepted *a)
{
	struct error err;

	for (uint32_t i = 0; i < job->n_blobs; i++) {
		const char *ref = job->blobs[i].ref;
		struct passed *p;

		if (!job->blobs[i].is_hash) {
			error_set(&err, -EINVAL, "",
				  "blob \"%.64s\" is a file name; pack the job, so "
				  "that it names its blobs by SHA-256",
				  ref);
			invalid_job(call, &err);
			return -EINVAL;
		}
		hex_decode(out[i].sha256, ref, SHA256_SIZE);
		out[i].fd = -1;
		p = find_passed(s, ref);
		if (p && p->used) {
			call_invalid_why(call, "blobs", "%s is listed twice", ref);
			return -EINVAL;
		}
		if (p)
			p->used = true;
		if (p && p->index != NO_FD) {
			out[i].fd = steal_fd(&s->fds[p->index]);
			continue;
		}
		if (!a->unsent)
			a->unsent = json_array();
		json_array_append_new(a->unsent, json_string(ref));
	}
	for (uint32_t i = 0; i < s->n; i++) {
		if (!s->passed[i].used) {
			call_invalid_why(call, "blobs", "%s is listed twice, or not in the job",
					 s->passed[i].sha256);
			return -EINVAL;
		}
	}
	return 0;
}

static void fill_row(const struct call *call, const struct job *job, struct store_job *row)
{
	const struct config *config = broker_config(call->api->broker);
	int64_t now = (int64_t)time(NULL);

	*row = (struct store_job){
		.uid = call->peer.uid,
		.priority = job->priority,
		.state = STORE_QUEUED,
		.submitted_s = now,
		.device_limit_ns = job->limit_device_ns ? job->limit_device_ns
							: config->max_job_device_ns,
		.dispatches_total = job->dispatches,
		.memory = job->limit_memory,
	};
	if (job->limit_wall_ns)
		row->deadline_s = (uint64_t)now + (job->limit_wall_ns + NS_PER_S - 1) / NS_PER_S;
	memcpy(row->name, job->name, sizeof(row->name));
	row->name[sizeof(row->name) - 1] = '\0';
}

static json_t *still_missing(struct call *call, const json_t *unsent)
{
	uint32_t n = (uint32_t)json_array_size(unsent);
	_cleanup_free_ uint8_t(*sha256)[SHA256_SIZE] = calloc(n + 1, SHA256_SIZE);
	_cleanup_free_ bool *missing = calloc(n + 1, sizeof(bool));
	json_t *list = json_array();

	if (!sha256 || !missing)
		return list;
	for (uint32_t i = 0; i < n; i++)
		hex_decode(sha256[i], json_string_value(json_array_get(unsent, i)), SHA256_SIZE);
	store_missing(broker_store(call->api->broker), sha256, n, missing);
	for (uint32_t i = 0; i < n; i++)
		if (missing[i])
			json_array_append(list, json_array_get(unsent, i));
	return list;
}

static void free_accepted(struct call *call)
{
	struct accepted *a = call->state;

	json_decref(a->unsent);
	free(a);
	call->state = NULL;
}

static void on_stored(void *data, int result, uint64_t id, const struct error *err)
{
	struct call *call = data;
	struct accepted *a = call->state;

	a->row.id = id;
	if (result == 0 && call->api)
		broker_accepted(call->api->broker, &a->row);
	if (!call_resume(call))
		return;
	if (result == 0)
		call_reply(call, json_pack("{s:I}", "id", (json_int_t)id));
	else if (result == -ENOENT)
		call_error(call, "io.idlebroker.BlobMissing",
			   json_pack("{s:o}", "sha256", still_missing(call, a->unsent)));
	else
		call_fail(call, result, err);
}

/* Returns 0 when the store has it all; else the call has its error. */
static int hand_over(struct call *call, struct submit *s, const struct job *job, const char *json,
		     size_t len)
{
	struct accepted *a = calloc(1, sizeof(*a));
	struct store_submission sub = {.json_len = len, .n_blobs = job->n_blobs};
	struct error err = {};
	int r;

	call->state = a;
	call->release = a ? free_accepted : NULL;
	sub.json = malloc(len + 1);
	sub.blobs = calloc(job->n_blobs + 1, sizeof(*sub.blobs));
	if (!a || !sub.json || !sub.blobs) {
		free(sub.json);
		free(sub.blobs);
		call_fail(call, -ENOMEM, NULL);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < job->n_blobs; i++)
		sub.blobs[i].fd = -1;
	memcpy(sub.json, json, len);
	sub.json[len] = '\0';
	fill_row(call, job, &a->row);
	r = match_blobs(call, s, job, sub.blobs, a);
	if (r == 0) {
		r = broker_may_accept(call->api->broker, call->peer.uid, a->row.memory,
				      job->limit_device_ns, &err);
		if (r < 0)
			call_fail(call, r, &err);
	}
	if (r < 0) {
		for (uint32_t i = 0; i < job->n_blobs; i++)
			if (sub.blobs[i].fd >= 0)
				close(sub.blobs[i].fd);
		free(sub.blobs);
		free(sub.json);
		return r;
	}
	sub.job = a->row;
	call->busy = true;
	store_submit(broker_store(call->api->broker), &sub, on_stored, call);
	return 0;
}

static void submit(struct call *call, struct submit *s)
{
	json_t *text = json_object_get(call->params, "job");
	_cleanup_job_ struct job *job = NULL;
	struct error err = {};
	int r;

	if (parse_blobs(s, json_object_get(call->params, "blobs")) < 0) {
		call_invalid_why(call, "blobs",
				 "it takes up to %d of (sha256: 64 lower-case hexadecimal digits, "
				 "fd: ?int), where the fds are 0 to n - 1, each once",
				 BLOBS_MAX);
		s->n_fds = 0;
		call_close_after(call);
		return;
	}
	if (take_fds(call, s) < 0)
		return;
	r = job_parse(&job, json_string_value(text), json_string_length(text), &err);
	if (r == -ENOMEM)
		call_fail(call, r, &err);
	else if (r < 0)
		invalid_job(call, &err);
	else
		hand_over(call, s, job, json_string_value(text), json_string_length(text));
}

void method_submit(struct call *call)
{
	struct submit *s = calloc(1, sizeof(*s));

	if (!s) {
		call_fail(call, -ENOMEM, NULL);
		call_close_after(call);
		return;
	}
	submit(call, s);
	for (uint32_t i = 0; i < s->n_fds; i++)
		if (s->fds[i] >= 0)
			close(s->fds[i]);
	free(s);
}

void method_missing_blobs(struct call *call)
{
	json_t *list = json_object_get(call->params, "sha256"), *entry;
	size_t i;

	if (json_array_size(list) > BLOBS_MAX) {
		call_invalid_why(call, "sha256", "it takes up to %d", BLOBS_MAX);
		return;
	}
	json_array_foreach(list, i, entry) {
		if (!is_sha256(json_string_value(entry))) {
			call_invalid_why(call, "sha256",
					 "number %zu is not 64 lower-case hexadecimal digits", i);
			return;
		}
	}
	call_reply(call, json_pack("{s:o}", "missing", still_missing(call, list)));
}
