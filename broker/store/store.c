/* SPDX-License-Identifier: MIT */
/*
 * The store as a whole: opening, closing, health, and the way of an operation through the two
 * threads. See store.h and store_priv.h.
 */
#include "broker/store/store_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libbroker/util/log.h"

#define DB_STACK      (256u << 10)
#define FILE_STACK    (128u << 10)
#define DB_BATCH      256
/* A database up to this size is checked before the start, a larger one right after it. */
#define CHECK_AT_ONCE (4 << 20)

void *store_op_new(struct store *s, size_t size, void (*end)(struct store_op *op))
{
	struct store_op *op = calloc(1, size);

	if (!op)
		return NULL;
	op->s = s;
	op->end = end;
	return op;
}

static void probe_end(struct store_op *op)
{
	op->s->probing = false;
	free(op);
}

static int probe_files(struct store_op *op)
{
	return spool_probe(op->s->spool, &op->err);
}

static int probe_db(struct store_op *op)
{
	int r = db_run(op->s->db, DB_PROBE, DB_ARGS(), &op->err);

	return r < 0 ? r : 0;
}

static void store_probe(struct store *s)
{
	struct store_op *op;

	if (s->probing || s->damaged)
		return;
	op = store_op_new(s, sizeof(*op), probe_end);
	if (!op)
		return;
	op->files = probe_files;
	op->db = probe_db;
	op->writes = op->probe = true;
	s->probing = true;
	s->probe_again_ns = clock_now_ns() + NS_PER_S;
	store_start(op);
}

static void store_note_health(struct store_op *op)
{
	struct store *s = op->s;

	if (op->result == -EUCLEAN && !s->damaged) {
		s->why = op->err;
		atomic_store(&s->damaged, true);
		log_error("the database is damaged", LOG_STR("path", op->err.where),
			  LOG_STR("error", op->err.what));
	} else if (db_is_write_failure(op->result)) {
		if (!s->failing)
			log_error("the store cannot write", LOG_STR("path", op->err.where),
				  LOG_STR("error", op->err.what));
		s->failing = true;
		if (!s->damaged)
			s->why = op->err;
		/* It may have been this operation's size alone. */
		if (!op->probe)
			store_probe(s);
	} else if (op->writes && !op->result && s->failing) {
		s->failing = false;
		log_info("the store can write again");
	}
}

static void op_finish(struct store_op *op)
{
	store_note_health(op);
	op->end(op);
}

static void db_done(struct lane_op *lane)
{
	op_finish((struct store_op *)lane);
}

static void file_done(struct lane_op *lane)
{
	struct store_op *op = (struct store_op *)lane;

	if (op->result < 0 || !op->db) {
		op_finish(op);
		return;
	}
	op->lane.done = db_done;
	lane_push(op->s->db_lane, &op->lane);
}

void store_start(struct store_op *op)
{
	op->lane.done = op->files ? file_done : db_done;
	lane_push(op->files ? op->s->file_lane : op->s->db_lane, &op->lane);
}

/* A damaged database is not written: it would be harder to save. */
static bool refuse_damaged(struct store_op *op)
{
	if (!op->writes || !atomic_load(&op->s->damaged))
		return false;
	op->err = op->s->why;
	op->result = -EUCLEAN;
	return true;
}

static void file_work(void *data, struct lane_op *list)
{
	for (; list; list = list->next) {
		struct store_op *op = (struct store_op *)list;

		if (!refuse_damaged(op))
			op->result = op->files(op);
	}
}

/* Each in a savepoint of its own, so that one that fails takes nothing of the others along. */
static int run_guarded(struct store_op *op, struct error *err)
{
	struct db *db = op->s->db;
	int r;

	if (refuse_damaged(op))
		return 0;
	r = db_run(db, DB_SAVEPOINT, DB_ARGS(), err);
	if (r < 0)
		return r;
	op->outcome = 0;
	r = op->db(op);
	op->result = r < 0 ? r : op->outcome;
	if (!db_in_transaction(db)) {
		*err = op->err;
		return r < 0 ? r : -EIO;
	}
	if (r < 0) {
		r = db_run(db, DB_SAVEPOINT_UNDO, DB_ARGS(), err);
		if (r < 0)
			return r;
	}
	return db_run(db, DB_SAVEPOINT_KEEP, DB_ARGS(), err);
}

/* Of @list up to, not including, @end. Negative: nothing of it was done. */
static int run_transaction(struct store *s, struct lane_op *list, const struct lane_op *end,
			   struct error *err)
{
	bool writes = false;
	int r;

	for (struct lane_op *l = list; l != end; l = l->next)
		writes = writes || ((struct store_op *)l)->writes;
	r = db_run(s->db, writes ? DB_BEGIN_WRITE : DB_BEGIN_READ, DB_ARGS(), err);
	for (struct lane_op *l = list; l != end && r >= 0; l = l->next)
		r = run_guarded((struct store_op *)l, err);
	if (r >= 0)
		r = db_run(s->db, DB_COMMIT, DB_ARGS(), err);
	if (r < 0 && db_in_transaction(s->db))
		db_run(s->db, DB_ROLLBACK, DB_ARGS(), NULL);
	return r < 0 ? r : 0;
}

static void set_all(struct lane_op *list, const struct lane_op *end, int r, const struct error *err)
{
	for (; list != end; list = list->next) {
		struct store_op *op = (struct store_op *)list;

		op->result = r;
		op->err = *err;
	}
}

static void note_spool_bytes(struct store *s)
{
	int64_t bytes;

	if (!db_int(s->db, DB_SPOOL_BYTES, DB_ARGS(), 0, &bytes, NULL))
		atomic_store(&s->spool_bytes, bytes > 0 ? (uint64_t)bytes : 0);
}

static void db_work(void *data, struct lane_op *list)
{
	struct store *s = data;
	struct error err;
	int r = run_transaction(s, list, NULL, &err);

	if (r == -EAGAIN || (r < 0 && !list->next)) {
		set_all(list, NULL, r, &err);
	} else if (r < 0) {
		for (struct lane_op *l = list; l; l = l->next) {
			r = run_transaction(s, l, l->next, &err);
			if (r < 0)
				set_all(l, l->next, r, &err);
		}
	}
	note_spool_bytes(s);
	for (; list; list = list->next) {
		struct store_op *op = (struct store_op *)list;

		if (op->after && !op->result)
			op->after(op);
	}
}

uint64_t store_room(struct store *s)
{
	uint64_t used = atomic_load(&s->spool_bytes);

	return used < s->max_spool_bytes ? s->max_spool_bytes - used : 0;
}

static int check_files(struct store_op *op)
{
	int r = db_check(op->s->db_path, &op->s->closing, &op->err);

	/* Only damage matters: that it could not be looked for is no reason to refuse work. */
	return r == -EUCLEAN ? r : 0;
}

static int sweep_tmp_files(struct store_op *op)
{
	spool_sweep_tmp(op->s->spool);
	return 0;
}

static void plain_end(struct store_op *op)
{
	free(op);
}

static int start_file_work(struct store *s, int (*files)(struct store_op *op))
{
	struct store_op *op = store_op_new(s, sizeof(*op), plain_end);

	if (!op)
		return -ENOMEM;
	op->files = files;
	store_start(op);
	return 0;
}

static int start_lanes(struct store *s, struct error *err)
{
	const struct lane_work db = {.name = "store-db",
				     .stack = DB_STACK,
				     .batch = DB_BATCH,
				     .work = db_work,
				     .idle = store_sweep,
				     .data = s};
	const struct lane_work file = {.name = "store-file",
				       .stack = FILE_STACK,
				       .batch = 1,
				       .work = file_work,
				       .data = s};
	int r = lane_new(&s->file_lane, s->loop, &file, err);

	return r ? r : lane_new(&s->db_lane, s->loop, &db, err);
}

/* What ran when the last brokerd ended waits again. A full disk must not keep it from starting. */
static int interrupt_running(struct store *s, struct error *err)
{
	int r = db_run(s->db, DB_JOBS_INTERRUPT, DB_ARGS(), err);

	return r == -EUCLEAN ? r : 0;
}

static int open_parts(struct store *s, const char *dir, struct error *err)
{
	struct stat st;
	int r = spool_open(&s->spool, dir, err);

	if (r < 0)
		return r;
	if (snprintf(s->db_path, sizeof(s->db_path), "%s/jobs.db", dir) >= (int)sizeof(s->db_path))
		return error_set(err, -ENAMETOOLONG, dir, "the path is too long");
	r = db_open(&s->db, s->db_path, !spool_has_blobs(s->spool), err);
	if (r < 0)
		return r;
	if (stat(s->db_path, &st) < 0)
		return db_explain(-errno, s->db_path, "opening the database", err);
	if (st.st_size <= CHECK_AT_ONCE)
		r = db_check(s->db_path, NULL, err);
	if (!r)
		r = interrupt_running(s, err);
	if (r < 0)
		return r;
	note_spool_bytes(s);
	r = start_lanes(s, err);
	if (!r)
		r = start_file_work(s, sweep_tmp_files);
	if (!r && st.st_size > CHECK_AT_ONCE)
		r = start_file_work(s, check_files);
	return r;
}

int store_open(struct store **out, struct loop *loop, const char *dir, uint64_t max_spool_bytes,
	       struct error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return error_set(err, -ENOMEM, dir, "out of memory");
	s->loop = loop;
	s->max_spool_bytes = max_spool_bytes;
	r = open_parts(s, dir, err);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	bool any = true;

	if (!s)
		return;
	atomic_store(&s->closing, true);
	/* File work goes on in the database, and a callback may ask for more. */
	while (any && s->file_lane && s->db_lane) {
		any = lane_flush(s->file_lane);
		any = lane_flush(s->db_lane) || any;
	}
	lane_free(s->file_lane);
	lane_free(s->db_lane);
	db_close(s->db);
	spool_close(s->spool);
	free(s);
}

bool store_healthy(struct store *s, struct error *why)
{
	if (!s->failing && !s->damaged)
		return true;
	if (why)
		*why = s->why;
	if (clock_now_ns() >= s->probe_again_ns)
		store_probe(s);
	return false;
}

const char *store_state_name(enum store_state state)
{
	static const char *const names[] = {"queued", "running", "done", "failed", "cancelled"};

	return (unsigned int)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}
