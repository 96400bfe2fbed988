/* SPDX-License-Identifier: MIT */
/* All that a worker needs of a job: the rows, and the files opened for reading. See store.h. */
#include "broker/store/store_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

struct run_op {
	struct store_op op;
	uint64_t id;
	struct store_run run;
	store_run_fn fn;
	void *data;
};

void store_run_deinit(struct store_run *run)
{
	for (uint32_t i = 0; i < run->n_blobs; i++)
		cleanup_closep(&run->blob_fds[i]);
	cleanup_closep(&run->checkpoint_fd);
	free(run->blob_fds);
	free(run->json);
	*run = (struct store_run){.checkpoint_fd = -1};
}

static void run_end(struct store_op *op)
{
	struct run_op *o = (struct run_op *)op;

	if (op->result < 0)
		store_run_deinit(&o->run);
	o->fn(o->data, op->result, &o->run, &op->err);
	free(o);
}

static int read_manifest(struct run_op *o)
{
	struct store_op *op = &o->op;
	sqlite3_stmt *stmt;
	int r = db_query(op->s->db, DB_JOB_MANIFEST, DB_ARGS(DB_INT(o->id)), &stmt, &op->err);

	if (!r)
		r = db_next(op->s->db, stmt, &op->err);
	if (!r)
		return error_set(&op->err, -ENOENT, "job", "there is no job %" PRIu64, o->id);
	if (r < 0)
		return r;
	o->run.json_len = (size_t)sqlite3_column_bytes(stmt, 0);
	o->run.json = malloc(o->run.json_len + 1);
	if (o->run.json) {
		if (o->run.json_len)
			memcpy(o->run.json, sqlite3_column_blob(stmt, 0), o->run.json_len);
		o->run.json[o->run.json_len] = '\0';
	}
	db_end(stmt);
	return o->run.json ? 0 : error_set(&op->err, -ENOMEM, "job", "out of memory");
}

static int open_blob(struct run_op *o, const uint8_t *sha256)
{
	struct store_op *op = &o->op;
	int fd = spool_open_blob(op->s->spool, sha256);
	char hex[SHA256_HEX + 1];
	int *grown;

	if (fd < 0) {
		hex_encode(hex, sha256, SHA256_SIZE);
		return error_set(&op->err, fd, spool_dir(op->s->spool),
				 "blob %s of job %" PRIu64
				 " cannot be opened (%s): someone changed "
				 "the spool; restore it or cancel the job",
				 hex, o->id, strerror(-fd));
	}
	grown = reallocarray(o->run.blob_fds, o->run.n_blobs + 1, sizeof(int));
	if (!grown) {
		close(fd);
		return error_set(&op->err, -ENOMEM, "job", "out of memory");
	}
	o->run.blob_fds = grown;
	o->run.blob_fds[o->run.n_blobs++] = fd;
	return 0;
}

static int open_blobs(struct run_op *o)
{
	struct store_op *op = &o->op;
	sqlite3_stmt *stmt;
	int r = db_query(op->s->db, DB_JOB_BLOBS, DB_ARGS(DB_INT(o->id)), &stmt, &op->err);

	if (r < 0)
		return r;
	while ((r = db_next(op->s->db, stmt, &op->err)) > 0) {
		const uint8_t *sha256 = sqlite3_column_blob(stmt, 0);

		if (!sha256 || sqlite3_column_bytes(stmt, 0) != SHA256_SIZE)
			r = error_set(&op->err, -EUCLEAN, "blob", "a hash is damaged");
		else
			r = open_blob(o, sha256);
		if (r < 0) {
			db_end(stmt);
			return r;
		}
	}
	return r;
}

static int open_checkpoint(struct run_op *o)
{
	struct store_op *op = &o->op;
	int64_t has;
	int r = db_int(op->s->db, DB_JOB_HAS_CHECKPOINT, DB_ARGS(DB_INT(o->id)), 0, &has, &op->err);

	if (r < 0 || !has)
		return r;
	o->run.checkpoint_fd = spool_open_checkpoint(op->s->spool, o->id);
	if (o->run.checkpoint_fd >= 0)
		return 0;
	return error_set(&op->err, o->run.checkpoint_fd, spool_dir(op->s->spool),
			 "checkpoint of job %" PRIu64 " cannot be opened (%s): someone changed the "
			 "spool; restore it or cancel the job",
			 o->id, strerror(-o->run.checkpoint_fd));
}

static int run_db(struct store_op *op)
{
	struct run_op *o = (struct run_op *)op;
	int r;

	store_run_deinit(&o->run);
	r = read_manifest(o);
	if (!r)
		r = open_blobs(o);
	return r ? r : open_checkpoint(o);
}

void store_open_run(struct store *s, uint64_t id, store_run_fn fn, void *data)
{
	struct run_op *o = store_op_new(s, sizeof(*o), run_end);

	if (!o) {
		struct store_run none = {.checkpoint_fd = -1};
		struct error err;

		fn(data, error_set(&err, -ENOMEM, "job", "out of memory"), &none, &err);
		return;
	}
	o->id = id;
	o->run.checkpoint_fd = -1;
	o->fn = fn;
	o->data = data;
	o->op.db = run_db;
	store_start(&o->op);
}
