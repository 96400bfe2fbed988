/* SPDX-License-Identifier: MIT */
/*
 * What must not be lost: jobs and their states in SQLite, blobs and checkpoints in a spool.
 *
 *   <state>/lock              held by the one brokerd (flock)
 *   <state>/jobs.db           SQLite, WAL, synchronous=FULL
 *   <state>/blobs/ab/abcd…    content-addressed by SHA-256, written once, mode 0400
 *   <state>/checkpoints/N     the last durable checkpoint of job N
 *   <state>/tmp/              half-written files, emptied at start
 *
 * Two threads: one owns the database and commits all that is queued in one transaction (so
 * 64 submissions cost one sync); one does the file work (copying, hashing, syncing), so a large
 * blob does not delay the database. The loop's thread only queues operations and gets their
 * ends by callback on the loop, in the order the transaction ended. Nothing here blocks it.
 * What one turn of the loop queues goes to the database together; an operation with file work
 * enters the database's queue when that work is done, so it can end after a later one without.
 *
 * Order of durability: blob file, its fsync, rename, directory fsync; then the row; then the
 * callback. A crash in between leaves a file that nobody refers to, which the next start removes.
 *
 * The rows are the truth. A blob's row goes first, then its file, and a file without a row is
 * removed by a sweep after the start; a file that an operation on its way counts on is pinned.
 * A worker may still hold what it wrote open, so outputs are copied into the spool, not moved.
 *
 * On a failed write (-ENOSPC, -EDQUOT, -EROFS, -EIO, -EFBIG) the operation fails with words, the
 * store is unhealthy until a write succeeds, and keeps all it has. Reads go on. Each later write
 * tries again, and so does the store by itself: once after a failure, and at most once a second
 * when it is asked for its health. Damage of the database that is found while running stays:
 * from then on nothing is written, each write is -EUCLEAN, until brokerd is started again.
 */
#ifndef BROKER_STORE_STORE_H
#define BROKER_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/loop.h"
#include "libbroker/util/error.h"
#include "libbroker/util/io.h"

struct store;

enum store_state {
	STORE_QUEUED = 0, /* waits, or was interrupted and will resume */
	STORE_RUNNING = 1, /* on the device, or parked; becomes QUEUED at the next start */
	STORE_DONE = 2,
	STORE_FAILED = 3,
	STORE_CANCELLED = 4,
};

const char *store_state_name(enum store_state s); /* "queued" … */

struct store_job {
	uint64_t id;
	uint32_t uid;
	int32_t priority;
	enum store_state state;
	int64_t submitted_s, started_s, ended_s; /* CLOCK_REALTIME seconds; 0 = not yet */
	uint64_t deadline_s; /* CLOCK_REALTIME by which it must end; 0 = none */
	uint64_t device_ns; /* used so far, all runs */
	uint64_t device_limit_ns;
	uint64_t dispatches_done, dispatches_total; /* at the last checkpoint or the end */
	uint64_t memory; /* bytes of device memory it needs */
	uint32_t runs; /* how often a worker was started for it */
	bool has_checkpoint;
	char name[65];
	char reason[320]; /* why it failed or was cancelled */
};

/* The end of an operation, on the loop's thread. @result: 0 or -errno, words in @err. */
typedef void (*store_done_fn)(void *data, int result, const struct error *err);

/**
 * store_open() - open or create; blocking, before the loop runs
 * Return: 0; -EBUSY (another brokerd has it: its pid in the words), -EUCLEAN (the database
 * is damaged: what to do), -EROFS, -ENOSPC, -EACCES …
 */
int store_open(struct store **out, struct loop *loop, const char *dir, uint64_t max_spool_bytes,
	       struct error *err);

/**
 * store_close() - commit what is queued, then join the threads; NULL is fine
 * The callbacks of what was queued run inside this call, on the caller's thread.
 */
void store_close(struct store *s);

/** store_healthy() - can it write? @why: the words of the last failure; may be NULL */
bool store_healthy(struct store *s, struct error *why);

/** store_load() - at start: every job that has not ended, oldest first; RUNNING comes as QUEUED */
int store_load(struct store *s, int (*each)(void *data, const struct store_job *job), void *data,
	       struct error *err);
/** store_load_usage() - at start: device time of one day by tenant */
int store_load_usage(struct store *s, uint32_t day,
		     int (*each)(void *data, uint32_t uid, uint64_t ns), void *data);

struct store_blob {
	uint8_t sha256[SHA256_SIZE];
	int fd; /* to copy from, the operation's from now on; -1: must be in the spool already */
};

struct store_submission {
	struct store_job job; /* id is written by the store */
	char *json; /* the packed job.json; the operation's from now on */
	size_t json_len;
	uint32_t n_blobs;
	struct store_blob *blobs; /* array and descriptors: the operation's from now on */
};

typedef void (*store_submit_fn)(void *data, int result, uint64_t id, const struct error *err);

/**
 * store_submit() - durably accept a job
 * A blob whose bytes do not have its SHA-256 is -EBADMSG; one that is neither sent nor in the
 * spool is -ENOENT; past the spool's limit is -EDQUOT. @sub's contents are taken over, always.
 */
void store_submit(struct store *s, struct store_submission *sub, store_submit_fn fn, void *data);

/** store_missing() - which of @n blobs are not in the spool: sets missing[i]; stat only */
void store_missing(struct store *s, const uint8_t (*sha256)[SHA256_SIZE], uint32_t n,
		   bool *missing);

struct store_update {
	uint64_t id;
	enum store_state state;
	uint64_t device_ns, dispatches_done; /* totals over all runs */
	uint32_t runs;
	const char *reason; /* copied; NULL keeps it */
	uint32_t uid, day; /* the ledger: */
	uint64_t charge_ns; /* add to the tenant's day */
};

/**
 * store_put() - change a job's row, and the ledger, in one transaction
 * A job that has ended stays as it is: -EALREADY; one that is not there: -ENOENT. The ledger is
 * charged even then: the time was used. An end deletes the job's checkpoint. @fn may be NULL.
 */
void store_put(struct store *s, const struct store_update *u, store_done_fn fn, void *data);

/**
 * store_checkpoint_file() - a fresh file for a worker to write a checkpoint into
 * Return: a descriptor (O_RDWR, in tmp/), the caller's; or -errno. Cheap; the loop's thread.
 */
int store_checkpoint_file(struct store *s, uint64_t id);

/**
 * store_checkpoint_commit() - fsync, rename over the last one, and the row, in that order
 * -ENOENT: no file was asked for; -ENODATA: it is empty. The last checkpoint stays then.
 */
void store_checkpoint_commit(struct store *s, const struct store_update *u, store_done_fn fn,
			     void *data);

struct store_run { /* all a worker needs, opened for reading */
	char *json;
	size_t json_len;
	int checkpoint_fd; /* -1: none */
	uint32_t n_blobs;
	int *blob_fds; /* in the order of the job's blobs */
};

/** store_open_run() - what a worker needs to run @id; the receiver frees with store_run_deinit() */
typedef void (*store_run_fn)(void *data, int result, struct store_run *run,
			     const struct error *err);
void store_open_run(struct store *s, uint64_t id, store_run_fn fn, void *data);
void store_run_deinit(struct store_run *run);

/** store_output_file() - as store_checkpoint_file(), for output number @index */
int store_output_file(struct store *s, uint64_t id, uint32_t index);

/**
 * store_finish() - the outputs are written: copy them into the spool, set the job DONE, delete its
 * checkpoint; all or nothing. When it fails, the written files stay, so it can be called again.
 * @names: copied; u->state is not looked at
 */
void store_finish(struct store *s, const struct store_update *u, uint32_t n_outputs,
		  const char *const *names, store_done_fn fn, void *data);

/* Reading for clients: pages of rows, on the database's thread. */
struct store_page {
	uint32_t n;
	struct store_job *jobs;
};
typedef void (*store_page_fn)(void *data, int result, const struct store_page *page,
			      const struct error *err);
#define STORE_ANY_UID  UINT32_MAX
#define STORE_LIST_MAX 1000u
/** store_list() - up to @limit (at most STORE_LIST_MAX) jobs with id > @after (newest last), of
 *  @uid or STORE_ANY_UID; @states: bits of 1 << enum store_state */
void store_list(struct store *s, uint64_t after, uint32_t uid, uint32_t states, uint32_t limit,
		store_page_fn fn, void *data);

struct store_output {
	char name[65];
	uint8_t sha256[SHA256_SIZE];
	uint64_t size;
};
typedef void (*store_outputs_fn)(void *data, int result, uint32_t n, const struct store_output *out,
				 const struct error *err);
void store_outputs(struct store *s, uint64_t id, store_outputs_fn fn, void *data);
/** store_open_blob() - read-only; -ENOENT */
int store_open_blob(struct store *s, const uint8_t sha256[SHA256_SIZE]);

/** store_log() - append a line (at most 512 bytes) to a job's log (kept to the last 200); no
 *  callback; lines that come faster than they can be written are left out */
void store_log(struct store *s, uint64_t id, const char *line);
typedef void (*store_log_fn)(void *data, int result, const char *text, const struct error *err);
void store_read_log(struct store *s, uint64_t id, store_log_fn fn, void *data);

/**
 * store_trim() - of the jobs that have ended keep the newest @keep_ended
 * The others go with their logs, outputs and the blobs that no other job refers to. Cheap when
 * there is nothing to do. @fn: NULL or called when all are gone.
 */
void store_trim(struct store *s, uint32_t keep_ended, store_done_fn fn, void *data);

#endif
