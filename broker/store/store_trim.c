/* SPDX-License-Identifier: MIT */
/*
 * What goes: jobs that ended long ago, blobs that no job refers to, files of ended jobs, and
 * what a crash left behind.
 *
 * Rows first, in a transaction; then, on the same thread before any other row can change, the
 * files, except those that an operation on its way has pinned.
 */
#include "broker/store/store_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

#define TRIM_JOBS 32 /* a transaction */

struct hashes {
	uint32_t n, room;
	uint8_t (*sha256)[SHA256_SIZE];
};

static int hashes_add(struct hashes *h, const void *sha256)
{
	if (h->n == h->room) {
		uint32_t room = h->room ? 2 * h->room : 64;
		void *grown = reallocarray(h->sha256, room, SHA256_SIZE);

		if (!grown)
			return -ENOMEM;
		h->sha256 = grown;
		h->room = room;
	}
	memcpy(h->sha256[h->n++], sha256, SHA256_SIZE);
	return 0;
}

struct trim_op {
	struct store_op op;
	uint32_t keep_ended;
	uint32_t n_jobs; /* found this time */
	int64_t jobs[TRIM_JOBS], manifests[TRIM_JOBS];
	struct hashes gone;
	store_done_fn fn;
	void *data;
};

static int trim_find(struct trim_op *o)
{
	struct store_op *op = &o->op;
	sqlite3_stmt *stmt;
	int r = db_query(op->s->db, DB_JOBS_ENDED,
			 DB_ARGS(DB_INT(o->keep_ended), DB_INT(TRIM_JOBS)), &stmt, &op->err);

	if (r < 0)
		return r;
	for (o->n_jobs = 0; (r = db_next(op->s->db, stmt, &op->err)) > 0; o->n_jobs++) {
		if (o->n_jobs == TRIM_JOBS) {
			db_end(stmt);
			return 0;
		}
		o->jobs[o->n_jobs] = sqlite3_column_int64(stmt, 0);
		o->manifests[o->n_jobs] = sqlite3_column_int64(stmt, 1);
	}
	return r;
}

static int trim_collect_blobs(struct trim_op *o, int64_t job)
{
	struct store_op *op = &o->op;
	sqlite3_stmt *stmt;
	int r = db_query(op->s->db, DB_BLOB_UNUSED, DB_ARGS(DB_INT(job)), &stmt, &op->err);

	if (r < 0)
		return r;
	while ((r = db_next(op->s->db, stmt, &op->err)) > 0) {
		const void *sha256 = sqlite3_column_blob(stmt, 1);

		if (!sha256 || sqlite3_column_bytes(stmt, 1) != SHA256_SIZE)
			continue;
		if (hashes_add(&o->gone, sha256) < 0) {
			db_end(stmt);
			return error_set(&op->err, -ENOMEM, "trim", "out of memory");
		}
	}
	return r;
}

static int trim_one(struct trim_op *o, int64_t job, int64_t manifest)
{
	struct store_op *op = &o->op;
	struct db *db = op->s->db;
	uint32_t first = o->gone.n;
	int r = trim_collect_blobs(o, job);

	if (r >= 0)
		r = db_run(db, DB_JOB_REMOVE, DB_ARGS(DB_INT(job)), &op->err);
	if (r >= 0)
		r = db_run(db, DB_MANIFEST_REMOVE_UNUSED, DB_ARGS(DB_INT(manifest)), &op->err);
	for (uint32_t i = first; r >= 0 && i < o->gone.n; i++)
		r = db_run(db, DB_BLOB_REMOVE, DB_ARGS(DB_BLOB(o->gone.sha256[i], SHA256_SIZE)),
			   &op->err);
	return r < 0 ? r : 0;
}

static int trim_db(struct store_op *op)
{
	struct trim_op *o = (struct trim_op *)op;
	int r;

	o->gone.n = 0;
	r = trim_find(o);
	for (uint32_t i = 0; !r && i < o->n_jobs; i++)
		r = trim_one(o, o->jobs[i], o->manifests[i]);
	return r;
}

static int has_row(struct store *s, const uint8_t sha256[SHA256_SIZE])
{
	int64_t row;
	int r = db_int(s->db, DB_BLOB_FIND, DB_ARGS(DB_BLOB(sha256, SHA256_SIZE)), -1, &row, NULL);

	return r < 0 ? r : row >= 0;
}

/* One of the same batch may have given a blob its row again. */
static void remove_without_row(struct store *s, uint32_t n, uint8_t (*sha256)[SHA256_SIZE])
{
	for (uint32_t i = 0; i < n; i++)
		if (!has_row(s, sha256[i]))
			spool_remove_blob(s->spool, sha256[i]);
}

static void trim_after(struct store_op *op)
{
	struct trim_op *o = (struct trim_op *)op;

	remove_without_row(op->s, o->gone.n, o->gone.sha256);
}

static void trim_end(struct store_op *op)
{
	struct trim_op *o = (struct trim_op *)op;

	if (!op->result && o->n_jobs == TRIM_JOBS) {
		store_start(op); /* in pieces, so that others get in between */
		return;
	}
	if (o->fn)
		o->fn(o->data, op->result, &op->err);
	free(o->gone.sha256);
	free(o);
}

void store_trim(struct store *s, uint32_t keep_ended, store_done_fn fn, void *data)
{
	struct trim_op *o = store_op_new(s, sizeof(*o), trim_end);

	if (!o) {
		struct error err;

		if (fn)
			fn(data, error_set(&err, -ENOMEM, "trim", "out of memory"), &err);
		return;
	}
	o->keep_ended = keep_ended;
	o->fn = fn;
	o->data = data;
	o->op.db = trim_db;
	o->op.after = trim_after;
	o->op.writes = true;
	store_start(&o->op);
}

struct reap_op {
	struct store_op op;
	uint32_t n;
	uint8_t (*sha256)[SHA256_SIZE];
};

static void reap_end(struct store_op *op)
{
	free(((struct reap_op *)op)->sha256);
	free(op);
}

static int reap_db(struct store_op *op)
{
	return 0; /* its place in the queue is all it needs */
}

static void reap_after(struct store_op *op)
{
	struct reap_op *o = (struct reap_op *)op;

	remove_without_row(op->s, o->n, o->sha256);
}

void store_reap(struct store *s, uint32_t n, uint8_t (*sha256)[SHA256_SIZE])
{
	struct reap_op *o = store_op_new(s, sizeof(*o), reap_end);

	if (!o) {
		free(sha256); /* the next start's sweep finds them */
		return;
	}
	o->n = n;
	o->sha256 = sha256;
	o->op.db = reap_db;
	o->op.after = reap_after;
	store_start(&o->op);
}

struct drop_op {
	struct store_op op;
	uint64_t id;
};

static void drop_end(struct store_op *op)
{
	free(op);
}

static int drop_files(struct store_op *op)
{
	spool_drop_job(op->s->spool, ((struct drop_op *)op)->id);
	return 0;
}

void store_drop_job_files(struct store *s, uint64_t id)
{
	struct drop_op *o = store_op_new(s, sizeof(*o), drop_end);

	if (!o)
		return;
	o->id = id;
	o->op.files = drop_files;
	store_start(&o->op);
}

static int keep_blob(void *data, const uint8_t sha256[SHA256_SIZE])
{
	return has_row(data, sha256);
}

/* Not "has a checkpoint": the file of one on its way is there before its row says so. */
static int keep_checkpoint(void *data, uint64_t id)
{
	struct store *s = data;
	int64_t state;
	int r = db_int(s->db, DB_JOB_STATE, DB_ARGS(DB_INT(id)), -1, &state, NULL);

	return r < 0 ? r : state == STORE_QUEUED || state == STORE_RUNNING;
}

bool store_sweep(void *store)
{
	struct store *s = store;

	if (!s->sweep_step)
		spool_sweep_checkpoints(s->spool, keep_checkpoint, s);
	else
		spool_sweep_blobs(s->spool, s->sweep_step - 1, keep_blob, s);
	return s->sweep_step++ < SPOOL_BLOB_DIRS;
}
