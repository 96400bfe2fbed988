/* SPDX-License-Identifier: MIT */
/*
 * The life of an accepted job: changes of its row, checkpoints, its log, its end.
 *
 * A crash during store_finish() leaves either a row that is not DONE, and the checkpoint to go
 * on from (the copied outputs are blobs without a row, which the sweep removes), or a DONE row
 * with all outputs. The checkpoint is deleted after the commit, never before.
 */
#include "broker/store/store_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libbroker/util/cleanup.h"

#define LOG_LINES        200
#define LOG_LINE_BYTES   512
#define LOGS_WAITING_MAX 256
#define CHARGE_MAX       (INT64_MAX >> 10) /* so that a tenant's day cannot overflow soon */

struct update_op {
	struct store_op op;
	struct store_update u;
	char *reason;
	store_done_fn fn;
	void *data;

	/* A checkpoint: */
	uint64_t ticket;
	uint64_t checkpoint_size;
	int take_result;

	/* An end with outputs: */
	uint32_t n_outputs;
	struct store_output *outputs;
	struct spool_pin pin;
};

static void update_free(struct update_op *o)
{
	free(o->pin.sha256);
	free(o->outputs);
	free(o->reason);
	free(o);
}

static void update_end(struct store_op *op)
{
	struct update_op *o = (struct update_op *)op;
	struct store *s = op->s;

	spool_unpin(s->spool, &o->pin);
	if (op->result < 0 && o->pin.n)
		store_reap(s, o->pin.n, steal_ptr(o->pin.sha256));
	/* An end that came before this leaves files behind, too. */
	if ((!op->result && o->u.state > STORE_RUNNING) || op->result == -EALREADY)
		store_drop_job_files(s, o->u.id);
	if (o->fn)
		o->fn(o->data, op->result, &op->err);
	update_free(o);
}

static struct update_op *update_new(struct store *s, const struct store_update *u, store_done_fn fn,
				    void *data)
{
	struct update_op *o = store_op_new(s, sizeof(*o), update_end);

	if (!o)
		return NULL;
	o->u = *u;
	o->fn = fn;
	o->data = data;
	o->op.writes = true;
	o->u.reason = NULL;
	if (!u->reason)
		return o;
	o->reason = strndup(u->reason, sizeof(((struct store_job *)NULL)->reason) - 1);
	o->u.reason = o->reason;
	if (o->reason)
		return o;
	free(o);
	return NULL;
}

static void refuse_no_memory(store_done_fn fn, void *data)
{
	struct error err;

	if (fn)
		fn(data, error_set(&err, -ENOMEM, "job", "out of memory"), &err);
}

static int charge(struct store_op *op, const struct store_update *u)
{
	uint64_t ns = u->charge_ns < CHARGE_MAX ? u->charge_ns : CHARGE_MAX;
	int r;

	if (!ns)
		return 0;
	r = db_run(op->s->db, DB_USAGE_ADD, DB_ARGS(DB_INT(u->day), DB_INT(u->uid), DB_INT(ns)),
		   &op->err);
	return r < 0 ? r : 0;
}

/* Why no row of an active job was there. */
static int explain_not_active(struct store_op *op, uint64_t id)
{
	int64_t state;
	int r = db_int(op->s->db, DB_JOB_STATE, DB_ARGS(DB_INT(id)), -1, &state, &op->err);

	if (r < 0)
		return r;
	if (state < 0)
		op->outcome = error_set(&op->err, -ENOENT, "job", "there is no job %" PRIu64, id);
	else
		op->outcome = error_set(&op->err, -EALREADY, "job",
					"job %" PRIu64 " has ended already (%s)", id,
					store_state_name((enum store_state)state));
	return 0;
}

static int update_db(struct store_op *op)
{
	struct update_op *o = (struct update_op *)op;
	const struct store_update *u = &o->u;
	int r = charge(op, u);

	if (r < 0)
		return r;
	r = db_run(op->s->db, DB_JOB_UPDATE,
		   DB_ARGS(DB_INT(u->id), DB_INT(u->state), DB_INT(u->device_ns),
			   DB_INT(u->dispatches_done), DB_INT(u->runs), DB_TEXT(u->reason),
			   DB_INT(time(NULL))),
		   &op->err);
	if (r < 0)
		return r;
	return r ? 0 : explain_not_active(op, u->id);
}

void store_put(struct store *s, const struct store_update *u, store_done_fn fn, void *data)
{
	struct update_op *o = update_new(s, u, fn, data);

	if (!o) {
		refuse_no_memory(fn, data);
		return;
	}
	o->op.db = update_db;
	store_start(&o->op);
}

int store_checkpoint_file(struct store *s, uint64_t id)
{
	return spool_checkpoint_file(s->spool, id);
}

static int checkpoint_files(struct store_op *op)
{
	struct update_op *o = (struct update_op *)op;

	if (o->take_result == -ENOENT)
		return error_set(&op->err, -ENOENT, "job",
				 "no file for a checkpoint of job %" PRIu64 " was asked for",
				 o->u.id);
	if (o->take_result < 0)
		return db_explain(o->take_result, spool_dir(op->s->spool), "writing a checkpoint",
				  &op->err);
	return spool_commit_checkpoint(op->s->spool, o->u.id, o->ticket, &o->checkpoint_size,
				       &op->err);
}

static int checkpoint_db(struct store_op *op)
{
	struct update_op *o = (struct update_op *)op;
	int r = db_run(op->s->db, DB_JOB_CHECKPOINT,
		       DB_ARGS(DB_INT(o->u.id), DB_INT(o->checkpoint_size)), &op->err);

	return r < 0 ? r : update_db(op);
}

void store_checkpoint_commit(struct store *s, const struct store_update *u, store_done_fn fn,
			     void *data)
{
	struct update_op *o = update_new(s, u, fn, data);

	if (!o) {
		refuse_no_memory(fn, data);
		return;
	}
	o->op.files = checkpoint_files;
	o->op.db = checkpoint_db;
	o->ticket = ++s->next_ticket;
	o->take_result = spool_take_checkpoint(s->spool, u->id, o->ticket);
	store_start(&o->op);
}

int store_output_file(struct store *s, uint64_t id, uint32_t index)
{
	return spool_output_file(s->spool, id, index);
}

static int finish_files(struct store_op *op)
{
	struct update_op *o = (struct update_op *)op;
	struct spool *sp = op->s->spool;

	for (uint32_t i = 0; i < o->n_outputs; i++) {
		_cleanup_close_ int fd = spool_open_output(sp, o->u.id, i);
		struct store_output *out = &o->outputs[i];
		int r;

		if (fd == -ENOENT)
			return error_set(&op->err, fd, out->name,
					 "no file for output %" PRIu32 " of job %" PRIu64
					 " was asked for",
					 i, o->u.id);
		if (fd < 0)
			return db_explain(fd, spool_dir(sp), "reading an output", &op->err);
		/* The limit is for what comes in; the result of work done is kept. */
		r = spool_put(sp, fd, false, out->sha256, UINT64_MAX, &o->pin, &out->size,
			      &op->err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int finish_db(struct store_op *op)
{
	struct update_op *o = (struct update_op *)op;
	int r = update_db(op);

	if (r < 0 || op->outcome)
		return r;
	for (uint32_t i = 0; i < o->n_outputs; i++) {
		const struct store_output *out = &o->outputs[i];
		int64_t blob;

		r = store_blob_row(op, out->sha256, out->size, &blob);
		if (r < 0)
			return r;
		r = db_run(op->s->db, DB_OUTPUT_ADD,
			   DB_ARGS(DB_INT(o->u.id), DB_INT(i), DB_TEXT(out->name), DB_INT(blob)),
			   &op->err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool finish_outputs(struct update_op *o, uint32_t n, const char *const *names)
{
	if (!n)
		return true;
	o->outputs = calloc(n, sizeof(*o->outputs));
	o->pin.sha256 = calloc(n, sizeof(*o->pin.sha256));
	if (!o->outputs || !o->pin.sha256)
		return false;
	o->n_outputs = n;
	for (uint32_t i = 0; i < n; i++)
		snprintf(o->outputs[i].name, sizeof(o->outputs[i].name), "%s", names[i]);
	spool_pin(o->op.s->spool, &o->pin);
	return true;
}

void store_finish(struct store *s, const struct store_update *u, uint32_t n_outputs,
		  const char *const *names, store_done_fn fn, void *data)
{
	struct update_op *o = update_new(s, u, fn, data);

	if (!o || !finish_outputs(o, n_outputs, names)) {
		if (o)
			update_free(o);
		refuse_no_memory(fn, data);
		return;
	}
	o->u.state = STORE_DONE;
	o->op.files = n_outputs ? finish_files : NULL;
	o->op.db = finish_db;
	store_start(&o->op);
}

struct log_op {
	struct store_op op;
	uint64_t id;
	char line[LOG_LINE_BYTES + 1];
};

static void log_end(struct store_op *op)
{
	op->s->logs_waiting--;
	free(op);
}

static int log_db(struct store_op *op)
{
	struct log_op *o = (struct log_op *)op;
	int r = db_run(op->s->db, DB_LOG_ADD, DB_ARGS(DB_INT(o->id), DB_TEXT(o->line)), &op->err);

	if (r > 0)
		r = db_run(op->s->db, DB_LOG_CUT, DB_ARGS(DB_INT(o->id), DB_INT(LOG_LINES)),
			   &op->err);
	return r < 0 ? r : 0;
}

/* Not in the middle of a UTF-8 character. */
static size_t cut_line(const char *line)
{
	size_t len = strnlen(line, LOG_LINE_BYTES + 1);

	if (len <= LOG_LINE_BYTES)
		return len;
	for (len = LOG_LINE_BYTES; len && ((unsigned char)line[len] & 0xc0) == 0x80; len--)
		;
	return len;
}

void store_log(struct store *s, uint64_t id, const char *line)
{
	struct log_op *o;

	if (s->logs_waiting >= LOGS_WAITING_MAX)
		return;
	o = store_op_new(s, sizeof(*o), log_end);
	if (!o)
		return;
	o->id = id;
	memcpy(o->line, line, cut_line(line));
	o->op.db = log_db;
	o->op.writes = true;
	s->logs_waiting++;
	store_start(&o->op);
}
