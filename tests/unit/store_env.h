/* SPDX-License-Identifier: MIT */
/* A store in a directory of its own, driven through a real loop: each call waits for its end. */
#ifndef TESTS_UNIT_STORE_ENV_H
#define TESTS_UNIT_STORE_ENV_H

#include <errno.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/store.h"
#include "libbroker/util/cleanup.h"

#define ENV_SPOOL_MAX (1ull << 30)

struct env {
	struct loop *loop;
	struct store *store;
	char dir[128];
	/* The end of the last operation: */
	int result;
	uint64_t id;
	struct error err;
	uint32_t n_jobs;
	struct store_job jobs[64];
	uint32_t n_outputs;
	struct store_output outputs[8];
	struct store_run run;
	char log[8192];
};

static inline int env_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void env_remove_dir(const char *dir)
{
	nftw(dir, env_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int env_open(struct env *e)
{
	int r = loop_new(&e->loop, &e->err);

	if (!r)
		r = store_open(&e->store, e->loop, e->dir, ENV_SPOOL_MAX, &e->err);
	if (r < 0) {
		loop_free(e->loop);
		e->loop = NULL;
	}
	return r;
}

static inline void env_close(struct env *e)
{
	store_close(e->store);
	loop_free(e->loop);
	e->store = NULL;
	e->loop = NULL;
}

static inline int env_reopen(struct env *e)
{
	env_close(e);
	return env_open(e);
}

static inline void env_dir(struct env *e)
{
	const char *tmp = getenv("TMPDIR");

	memset(e, 0, sizeof(*e));
	snprintf(e->dir, sizeof(e->dir), "%s/idlebroker-store-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(e->dir))
		abort();
}

static inline void env_done(void *data, int result, const struct error *err)
{
	struct env *e = data;

	e->result = result;
	e->err = *err;
	loop_stop(e->loop);
}

static inline void env_submitted(void *data, int result, uint64_t id, const struct error *err)
{
	struct env *e = data;

	e->id = id;
	env_done(e, result, err);
}

static inline void env_hash(const char *bytes, uint8_t sha256[SHA256_SIZE])
{
	crypto_hash_sha256(sha256, (const unsigned char *)bytes, strlen(bytes));
}

/* @blobs: texts; @send: with their bytes, else by hash alone. */
static inline struct store_submission
env_submission(const char *name, const char *json, const char *const *blobs, uint32_t n, bool send)
{
	struct store_submission sub = {.job = {.uid = 1000,
					       .priority = 3,
					       .memory = 4096,
					       .device_limit_ns = 77,
					       .dispatches_total = 1000},
				       .json = strdup(json),
				       .json_len = strlen(json),
				       .n_blobs = n};

	snprintf(sub.job.name, sizeof(sub.job.name), "%s", name);
	sub.blobs = calloc(n ? n : 1, sizeof(*sub.blobs));
	for (uint32_t i = 0; i < n; i++) {
		env_hash(blobs[i], sub.blobs[i].sha256);
		sub.blobs[i].fd = send ? io_memfd("blob", blobs[i], strlen(blobs[i])) : -1;
	}
	return sub;
}

static inline int env_submit(struct env *e, const char *name, const char *json,
			     const char *const *blobs, uint32_t n, bool send)
{
	struct store_submission sub = env_submission(name, json, blobs, n, send);

	store_submit(e->store, &sub, env_submitted, e);
	loop_run(e->loop);
	return e->result;
}

static inline int env_put(struct env *e, const struct store_update *u)
{
	store_put(e->store, u, env_done, e);
	loop_run(e->loop);
	return e->result;
}

static inline int env_checkpoint(struct env *e, const struct store_update *u, const char *bytes)
{
	_cleanup_close_ int fd = store_checkpoint_file(e->store, u->id);

	if (fd < 0 || io_write_all(fd, bytes, strlen(bytes)) < 0)
		return -EIO;
	store_checkpoint_commit(e->store, u, env_done, e);
	loop_run(e->loop);
	return e->result;
}

static inline int env_finish(struct env *e, uint64_t id, const char *const *bytes, uint32_t n)
{
	static const char *const names[] = {"weights", "loss", "third"};
	struct store_update u = {.id = id, .dispatches_done = 1000, .uid = 1000, .day = 1};

	for (uint32_t i = 0; i < n; i++) {
		_cleanup_close_ int fd = store_output_file(e->store, id, i);

		if (fd < 0 || io_write_all(fd, bytes[i], strlen(bytes[i])) < 0)
			return -EIO;
	}
	store_finish(e->store, &u, n, names, env_done, e);
	loop_run(e->loop);
	return e->result;
}

static inline void env_page(void *data, int result, const struct store_page *page,
			    const struct error *err)
{
	struct env *e = data;

	e->n_jobs = page->n < ARRAY_SIZE(e->jobs) ? page->n : ARRAY_SIZE(e->jobs);
	if (e->n_jobs)
		memcpy(e->jobs, page->jobs, e->n_jobs * sizeof(*e->jobs));
	env_done(e, result, err);
}

static inline int env_list(struct env *e, uint64_t after, uint32_t uid, uint32_t states,
			   uint32_t limit)
{
	store_list(e->store, after, uid, states, limit, env_page, e);
	loop_run(e->loop);
	return e->result;
}

static inline void env_got_outputs(void *data, int result, uint32_t n,
				   const struct store_output *out, const struct error *err)
{
	struct env *e = data;

	e->n_outputs = n < ARRAY_SIZE(e->outputs) ? n : ARRAY_SIZE(e->outputs);
	if (e->n_outputs)
		memcpy(e->outputs, out, e->n_outputs * sizeof(*out));
	env_done(e, result, err);
}

static inline int env_outputs(struct env *e, uint64_t id)
{
	store_outputs(e->store, id, env_got_outputs, e);
	loop_run(e->loop);
	return e->result;
}

static inline void env_got_run(void *data, int result, struct store_run *run,
			       const struct error *err)
{
	struct env *e = data;

	e->run = *run;
	env_done(e, result, err);
}

static inline int env_open_run(struct env *e, uint64_t id)
{
	store_open_run(e->store, id, env_got_run, e);
	loop_run(e->loop);
	return e->result;
}

static inline void env_got_log(void *data, int result, const char *text, const struct error *err)
{
	struct env *e = data;

	snprintf(e->log, sizeof(e->log), "%s", text);
	env_done(e, result, err);
}

static inline int env_read_log(struct env *e, uint64_t id)
{
	store_read_log(e->store, id, env_got_log, e);
	loop_run(e->loop);
	return e->result;
}

static inline int env_trim(struct env *e, uint32_t keep)
{
	store_trim(e->store, keep, env_done, e);
	loop_run(e->loop);
	return e->result;
}

/* What a file holds, from its start; empty when it cannot be read. Uses a static buffer. */
static inline const char *env_text(int fd)
{
	static char text[512];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

#endif
