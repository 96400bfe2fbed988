/* SPDX-License-Identifier: MIT */
/*
 * What the store's files share: an operation and its way through the threads.
 *
 *   store_start() -> [files() on the file thread] -> [db() in a transaction on the database
 *   thread, after() when it is committed] -> end() on the loop's thread, which frees it.
 *
 * The first negative result ends the way. db() may run twice: a transaction that failed as a
 * whole is tried again one operation at a time; so it changes nothing of the operation that
 * it does not set anew, and no file.
 */
#ifndef BROKER_STORE_STORE_PRIV_H
#define BROKER_STORE_STORE_PRIV_H

#include <limits.h>
#include <stdatomic.h>

#include "broker/store/db.h"
#include "broker/store/lane.h"
#include "broker/store/spool.h"
#include "broker/store/store.h"

struct store {
	struct loop *loop;
	struct spool *spool;
	struct db *db; /* the database thread's */
	struct lane *db_lane, *file_lane;
	char db_path[PATH_MAX];
	uint64_t max_spool_bytes;
	atomic_uint_fast64_t spool_bytes; /* as of the last commit */
	atomic_bool closing;
	unsigned int sweep_step; /* the database thread's */

	/* The loop thread's: */
	bool failing, probing;
	atomic_bool damaged; /* never false again; `why` does not change then: all may read it */
	struct error why;
	uint64_t probe_again_ns;
	uint64_t next_ticket;
	unsigned int logs_waiting;
};

struct store_op {
	struct lane_op lane; /* first */
	struct store *s;
	int (*files)(struct store_op *op);
	int (*db)(struct store_op *op);
	void (*after)(struct store_op *op);
	void (*end)(struct store_op *op);
	bool writes;
	bool probe;
	int outcome; /* set by db(): the answer, though the transaction is committed */
	int result;
	struct error err;
};

/** store_op_new() - of @size bytes, which begin with struct store_op; NULL: no memory */
void *store_op_new(struct store *s, size_t size, void (*end)(struct store_op *op));
void store_start(struct store_op *op);

/** store_job_from_row() - the columns of the job queries */
void store_job_from_row(sqlite3_stmt *stmt, struct store_job *job);
/** store_copy_text() - a column, cut to @room */
void store_copy_text(char *to, size_t room, sqlite3_stmt *stmt, int column);

/** store_blob_row() - find or make a blob's row; @size UINT64_MAX: it must be in the spool */
int store_blob_row(struct store_op *op, const uint8_t sha256[SHA256_SIZE], uint64_t size,
		   int64_t *row);

/** store_reap() - remove those of the blobs that got no row; @sha256 is the operation's then */
void store_reap(struct store *s, uint32_t n, uint8_t (*sha256)[SHA256_SIZE]);

/** store_drop_job_files() - of a job that ended */
void store_drop_job_files(struct store *s, uint64_t id);

/** store_room() - bytes left for blobs, as of the last commit */
uint64_t store_room(struct store *s);

/** store_sweep() - a bit of the removal of what nobody refers to; false: done */
bool store_sweep(void *store);

#endif
