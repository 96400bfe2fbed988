/* SPDX-License-Identifier: MIT */
/*
 * Accepting a job. Blobs that were sent and are not there yet go through the file thread; a
 * submission without such goes straight to the database, where many become one commit.
 */
#include "broker/store/store_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libbroker/util/cleanup.h"

struct submit_op {
	struct store_op op;
	struct store_submission sub;
	struct spool_pin pin;
	uint64_t *placed; /* sizes of the blobs that came through the file thread, or UINT64_MAX */
	bool any_placed;
	store_submit_fn fn;
	void *data;
};

static void submission_free(struct store_submission *sub)
{
	for (uint32_t i = 0; i < sub->n_blobs; i++)
		if (sub->blobs[i].fd >= 0)
			close(sub->blobs[i].fd);
	free(sub->blobs);
	free(sub->json);
}

static void submit_end(struct store_op *op)
{
	struct submit_op *o = (struct submit_op *)op;

	spool_unpin(op->s->spool, &o->pin);
	if (op->result < 0 && o->any_placed)
		store_reap(op->s, o->pin.n, steal_ptr(o->pin.sha256));
	o->fn(o->data, op->result, op->result ? 0 : o->sub.job.id, &op->err);
	submission_free(&o->sub);
	free(o->pin.sha256);
	free(o->placed);
	free(o);
}

static int submit_files(struct store_op *op)
{
	struct submit_op *o = (struct submit_op *)op;
	uint64_t room = store_room(op->s);

	for (uint32_t i = 0; i < o->sub.n_blobs; i++) {
		struct store_blob *b = &o->sub.blobs[i];
		uint64_t size;
		int r;

		if (b->fd < 0)
			continue;
		if (spool_has(op->s->spool, b->sha256))
			continue;
		r = spool_put(op->s->spool, b->fd, true, b->sha256, room, NULL, &size, &op->err);
		if (r < 0)
			return r;
		o->placed[i] = size;
		o->any_placed = true;
		room -= size;
	}
	return 0;
}

int store_blob_row(struct store_op *op, const uint8_t sha256[SHA256_SIZE], uint64_t size,
		   int64_t *row)
{
	struct db *db = op->s->db;
	int r = db_int(db, DB_BLOB_FIND, DB_ARGS(DB_BLOB(sha256, SHA256_SIZE)), -1, row, &op->err);

	if (r < 0 || *row >= 0)
		return r;
	if (size == UINT64_MAX) {
		r = spool_adopt(op->s->spool, sha256, &size, &op->err);
		if (r < 0)
			return r;
	}
	r = db_run(db, DB_BLOB_ADD, DB_ARGS(DB_BLOB(sha256, SHA256_SIZE), DB_INT(size)), &op->err);
	*row = db_last_id(db);
	return r < 0 ? r : 0;
}

static int manifest_row(struct submit_op *o, int64_t *row)
{
	const struct store_submission *sub = &o->sub;
	struct db *db = o->op.s->db;
	uint8_t sha256[SHA256_SIZE];
	int r;

	crypto_hash_sha256(sha256, (const unsigned char *)sub->json, sub->json_len);
	r = db_int(db, DB_MANIFEST_FIND, DB_ARGS(DB_BLOB(sha256, SHA256_SIZE)), -1, row,
		   &o->op.err);
	if (r < 0 || *row >= 0)
		return r;
	r = db_run(db, DB_MANIFEST_ADD,
		   DB_ARGS(DB_BLOB(sha256, SHA256_SIZE), DB_BLOB(sub->json, sub->json_len)),
		   &o->op.err);
	*row = db_last_id(db);
	return r < 0 ? r : 0;
}

static int check_room(struct submit_op *o)
{
	struct store *s = o->op.s;
	int64_t bytes;
	int r = db_int(s->db, DB_SPOOL_BYTES, DB_ARGS(), 0, &bytes, &o->op.err);

	if (r < 0 || bytes <= 0 || (uint64_t)bytes <= s->max_spool_bytes)
		return r;
	return error_set(&o->op.err, -EDQUOT, spool_dir(s->spool),
			 "the spool would hold %" PRId64 " bytes and may hold %" PRIu64
			 " ([limits] "
			 "max_spool_bytes): wait until ended jobs are deleted, or raise the limit",
			 bytes, s->max_spool_bytes);
}

static int submit_db(struct store_op *op)
{
	struct submit_op *o = (struct submit_op *)op;
	struct store_job *j = &o->sub.job;
	int64_t manifest;
	int r = manifest_row(o, &manifest);

	if (r < 0)
		return r;
	r = db_run(op->s->db, DB_JOB_ADD,
		   DB_ARGS(DB_INT(j->uid), DB_INT(j->priority), DB_INT(j->submitted_s),
			   DB_INT(j->deadline_s), DB_INT(j->device_limit_ns),
			   DB_INT(j->dispatches_total), DB_INT(j->memory), DB_TEXT(j->name),
			   DB_INT(manifest)),
		   &op->err);
	if (r < 0)
		return r;
	j->id = (uint64_t)db_last_id(op->s->db);
	for (uint32_t i = 0; i < o->sub.n_blobs; i++) {
		int64_t blob;

		r = store_blob_row(op, o->sub.blobs[i].sha256, o->placed[i], &blob);
		if (r < 0)
			return r;
		r = db_run(op->s->db, DB_JOB_BLOB_ADD,
			   DB_ARGS(DB_INT(j->id), DB_INT(i), DB_INT(blob)), &op->err);
		if (r < 0)
			return r;
	}
	return check_room(o);
}

/* Whether a blob must go through the file thread; a descriptor that is not needed is closed. */
static bool sort_blobs(struct submit_op *o)
{
	bool files = false;

	for (uint32_t i = 0; i < o->sub.n_blobs; i++) {
		struct store_blob *b = &o->sub.blobs[i];

		memcpy(o->pin.sha256[i], b->sha256, SHA256_SIZE);
		o->placed[i] = UINT64_MAX;
	}
	o->pin.n = o->sub.n_blobs;
	spool_pin(o->op.s->spool, &o->pin);
	for (uint32_t i = 0; i < o->sub.n_blobs; i++) {
		struct store_blob *b = &o->sub.blobs[i];

		if (b->fd < 0)
			continue;
		if (spool_has(o->op.s->spool, b->sha256))
			close(steal_fd(&b->fd));
		else
			files = true;
	}
	return files;
}

static struct submit_op *submit_new(struct store *s, const struct store_submission *sub)
{
	struct submit_op *o = store_op_new(s, sizeof(*o), submit_end);
	size_t n = sub->n_blobs ? sub->n_blobs : 1;

	if (!o)
		return NULL;
	o->pin.sha256 = calloc(n, sizeof(*o->pin.sha256));
	o->placed = calloc(n, sizeof(*o->placed));
	if (o->pin.sha256 && o->placed)
		return o;
	free(o->pin.sha256);
	free(o->placed);
	free(o);
	return NULL;
}

void store_submit(struct store *s, struct store_submission *sub, store_submit_fn fn, void *data)
{
	struct submit_op *o = submit_new(s, sub);

	if (!o) {
		struct error err;

		submission_free(sub);
		fn(data, error_set(&err, -ENOMEM, "job", "out of memory"), 0, &err);
		return;
	}
	o->sub = *sub;
	o->sub.job.id = 0;
	o->sub.job.name[sizeof(o->sub.job.name) - 1] = '\0';
	if (!o->sub.job.submitted_s)
		o->sub.job.submitted_s = (int64_t)time(NULL);
	o->fn = fn;
	o->data = data;
	o->op.db = submit_db;
	o->op.writes = true;
	if (sort_blobs(o))
		o->op.files = submit_files;
	store_start(&o->op);
}

void store_missing(struct store *s, const uint8_t (*sha256)[SHA256_SIZE], uint32_t n, bool *missing)
{
	for (uint32_t i = 0; i < n; i++)
		missing[i] = !spool_has(s->spool, sha256[i]);
}

int store_open_blob(struct store *s, const uint8_t sha256[SHA256_SIZE])
{
	return spool_open_blob(s->spool, sha256);
}
