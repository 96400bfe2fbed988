/* SPDX-License-Identifier: MIT */
/*
 * Reading: at the start on the caller's thread, while the database's rests; later as operations
 * on the database's thread. What an operation read is kept in its memory until its callback.
 */
#include "broker/store/store_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

void store_copy_text(char *to, size_t room, sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	snprintf(to, room, "%s", text ? text : "");
}

void store_job_from_row(sqlite3_stmt *stmt, struct store_job *job)
{
	int c = 0;

	memset(job, 0, sizeof(*job));
	job->id = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->uid = (uint32_t)sqlite3_column_int64(stmt, c++);
	job->priority = sqlite3_column_int(stmt, c++);
	job->state = (enum store_state)sqlite3_column_int(stmt, c++);
	job->submitted_s = sqlite3_column_int64(stmt, c++);
	job->started_s = sqlite3_column_int64(stmt, c++);
	job->ended_s = sqlite3_column_int64(stmt, c++);
	job->deadline_s = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->device_ns = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->device_limit_ns = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->dispatches_done = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->dispatches_total = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->memory = (uint64_t)sqlite3_column_int64(stmt, c++);
	job->runs = (uint32_t)sqlite3_column_int64(stmt, c++);
	job->has_checkpoint = sqlite3_column_int64(stmt, c++) >= 0;
	store_copy_text(job->name, sizeof(job->name), stmt, c++);
	store_copy_text(job->reason, sizeof(job->reason), stmt, c++);
}

static int load_held(struct store *s, int (*each)(void *data, const struct store_job *job),
		     void *data, struct error *err)
{
	struct store_job job;
	sqlite3_stmt *stmt;
	int r = db_query(s->db, DB_JOBS_ACTIVE, DB_ARGS(), &stmt, err);

	if (r < 0)
		return r;
	while ((r = db_next(s->db, stmt, err)) > 0) {
		store_job_from_row(stmt, &job);
		job.state = STORE_QUEUED;
		r = each(data, &job);
		if (r) {
			db_end(stmt);
			return r;
		}
	}
	return r;
}

int store_load(struct store *s, int (*each)(void *data, const struct store_job *job), void *data,
	       struct error *err)
{
	int r;

	lane_hold(s->db_lane);
	r = load_held(s, each, data, err);
	lane_release(s->db_lane);
	return r;
}

static int load_usage_held(struct store *s, uint32_t day,
			   int (*each)(void *data, uint32_t uid, uint64_t ns), void *data)
{
	sqlite3_stmt *stmt;
	int r = db_query(s->db, DB_USAGE_DAY, DB_ARGS(DB_INT(day)), &stmt, NULL);

	if (r < 0)
		return r;
	while ((r = db_next(s->db, stmt, NULL)) > 0) {
		r = each(data, (uint32_t)sqlite3_column_int64(stmt, 0),
			 (uint64_t)sqlite3_column_int64(stmt, 1));
		if (r) {
			db_end(stmt);
			return r;
		}
	}
	return r;
}

int store_load_usage(struct store *s, uint32_t day,
		     int (*each)(void *data, uint32_t uid, uint64_t ns), void *data)
{
	int r;

	lane_hold(s->db_lane);
	r = load_usage_held(s, day, each, data);
	lane_release(s->db_lane);
	return r;
}

/* Room for one more of @size bytes behind @n; doubles. */
static int grow(void **array, uint32_t n, uint32_t *room, size_t size)
{
	uint32_t more = *room ? 2 * *room : 16;
	void *grown;

	if (n < *room)
		return 0;
	grown = realloc(*array, more * size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*room = more;
	return 0;
}

struct list_op {
	struct store_op op;
	uint64_t after;
	uint32_t uid, states, limit;
	uint32_t room;
	struct store_page page;
	store_page_fn fn;
	void *data;
};

static void list_end(struct store_op *op)
{
	struct list_op *o = (struct list_op *)op;

	o->fn(o->data, op->result, &o->page, &op->err);
	free(o->page.jobs);
	free(o);
}

/* Few jobs are active among many that ended; a tenant's own may be few among all. */
static enum db_statement list_statement(const struct list_op *o)
{
	const uint32_t active = 1u << STORE_QUEUED | 1u << STORE_RUNNING;

	if (!(o->states & ~active))
		return DB_JOBS_LIST_ACTIVE;
	return o->uid == STORE_ANY_UID ? DB_JOBS_LIST : DB_JOBS_LIST_UID;
}

static int list_db(struct store_op *op)
{
	struct list_op *o = (struct list_op *)op;
	sqlite3_stmt *stmt;
	int r = db_query(op->s->db, list_statement(o),
			 DB_ARGS(DB_INT(o->after), DB_INT(o->uid), DB_INT(o->states),
				 DB_INT(o->limit)),
			 &stmt, &op->err);

	if (r < 0)
		return r;
	o->page.n = 0;
	while ((r = db_next(op->s->db, stmt, &op->err)) > 0) {
		r = grow((void **)&o->page.jobs, o->page.n, &o->room, sizeof(*o->page.jobs));
		if (r < 0) {
			db_end(stmt);
			return error_set(&op->err, r, "list", "out of memory");
		}
		store_job_from_row(stmt, &o->page.jobs[o->page.n++]);
	}
	return r;
}

void store_list(struct store *s, uint64_t after, uint32_t uid, uint32_t states, uint32_t limit,
		store_page_fn fn, void *data)
{
	struct list_op *o = store_op_new(s, sizeof(*o), list_end);

	if (!o) {
		struct error err;
		struct store_page none = {.n = 0};

		fn(data, error_set(&err, -ENOMEM, "list", "out of memory"), &none, &err);
		return;
	}
	o->after = after < INT64_MAX ? after : INT64_MAX;
	o->uid = uid;
	o->states = states;
	o->limit = limit < STORE_LIST_MAX ? limit : STORE_LIST_MAX;
	o->fn = fn;
	o->data = data;
	o->op.db = list_db;
	store_start(&o->op);
}

struct outputs_op {
	struct store_op op;
	uint64_t id;
	uint32_t n, room;
	struct store_output *outputs;
	store_outputs_fn fn;
	void *data;
};

static void outputs_end(struct store_op *op)
{
	struct outputs_op *o = (struct outputs_op *)op;

	o->fn(o->data, op->result, o->n, o->outputs, &op->err);
	free(o->outputs);
	free(o);
}

static void copy_hash(uint8_t to[SHA256_SIZE], sqlite3_stmt *stmt, int column)
{
	const void *p = sqlite3_column_blob(stmt, column);

	memset(to, 0, SHA256_SIZE);
	if (p && sqlite3_column_bytes(stmt, column) == SHA256_SIZE)
		memcpy(to, p, SHA256_SIZE);
}

static int must_exist(struct store_op *op, uint64_t id)
{
	int64_t state;
	int r = db_int(op->s->db, DB_JOB_STATE, DB_ARGS(DB_INT(id)), -1, &state, &op->err);

	if (r < 0 || state >= 0)
		return r;
	return error_set(&op->err, -ENOENT, "job", "there is no job %" PRIu64, id);
}

static int outputs_db(struct store_op *op)
{
	struct outputs_op *o = (struct outputs_op *)op;
	sqlite3_stmt *stmt;
	int r = must_exist(op, o->id);

	if (!r)
		r = db_query(op->s->db, DB_OUTPUTS, DB_ARGS(DB_INT(o->id)), &stmt, &op->err);
	if (r < 0)
		return r;
	o->n = 0;
	while ((r = db_next(op->s->db, stmt, &op->err)) > 0) {
		struct store_output *out;

		r = grow((void **)&o->outputs, o->n, &o->room, sizeof(*o->outputs));
		if (r < 0) {
			db_end(stmt);
			return error_set(&op->err, r, "outputs", "out of memory");
		}
		out = &o->outputs[o->n++];
		store_copy_text(out->name, sizeof(out->name), stmt, 0);
		copy_hash(out->sha256, stmt, 1);
		out->size = (uint64_t)sqlite3_column_int64(stmt, 2);
	}
	return r;
}

void store_outputs(struct store *s, uint64_t id, store_outputs_fn fn, void *data)
{
	struct outputs_op *o = store_op_new(s, sizeof(*o), outputs_end);

	if (!o) {
		struct error err;

		fn(data, error_set(&err, -ENOMEM, "outputs", "out of memory"), 0, NULL, &err);
		return;
	}
	o->id = id;
	o->fn = fn;
	o->data = data;
	o->op.db = outputs_db;
	store_start(&o->op);
}

struct read_log_op {
	struct store_op op;
	uint64_t id;
	char *text;
	store_log_fn fn;
	void *data;
};

static void read_log_end(struct store_op *op)
{
	struct read_log_op *o = (struct read_log_op *)op;

	o->fn(o->data, op->result, o->text ? o->text : "", &op->err);
	free(o->text);
	free(o);
}

static int read_log_db(struct store_op *op)
{
	struct read_log_op *o = (struct read_log_op *)op;
	_cleanup_fclose_ FILE *f = NULL;
	sqlite3_stmt *stmt;
	size_t len;
	int r = must_exist(op, o->id);

	if (!r)
		r = db_query(op->s->db, DB_LOG_READ, DB_ARGS(DB_INT(o->id)), &stmt, &op->err);
	if (r < 0)
		return r;
	free(steal_ptr(o->text));
	f = open_memstream(&o->text, &len);
	while ((r = db_next(op->s->db, stmt, &op->err)) > 0) {
		const char *line = (const char *)sqlite3_column_text(stmt, 0);

		if (f)
			fprintf(f, "%s\n", line ? line : "");
	}
	if (!f || fflush(f))
		return error_set(&op->err, -ENOMEM, "log", "out of memory");
	return r;
}

void store_read_log(struct store *s, uint64_t id, store_log_fn fn, void *data)
{
	struct read_log_op *o = store_op_new(s, sizeof(*o), read_log_end);

	if (!o) {
		struct error err;

		fn(data, error_set(&err, -ENOMEM, "log", "out of memory"), "", &err);
		return;
	}
	o->id = id;
	o->fn = fn;
	o->data = data;
	o->op.db = read_log_db;
	store_start(&o->op);
}
