/* SPDX-License-Identifier: MIT */
/*
 * The files of the state directory: lock, blobs, checkpoints, and what is half written.
 *
 * A file appears under its final name only when it is whole and durable. A name in tmp/ begins
 * with a token of this start, so what an earlier one left behind is known by its name.
 *
 * Pins: an operation that counts on blobs lists their hashes; a pinned blob is not removed.
 * One pins first and looks then, so a blob that was seen stays until the pin is dropped.
 *
 * Safe from any thread; the pins have a lock, everything else is the file system's.
 */
#ifndef BROKER_STORE_SPOOL_H
#define BROKER_STORE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "libbroker/util/error.h"
#include "libbroker/util/io.h"

#define SPOOL_OUTPUTS_MAX 64u
#define SPOOL_BLOB_DIRS   256u

struct spool;

struct spool_pin {
	struct spool_pin *next, **prev;
	uint32_t n;
	uint8_t (*sha256)[SHA256_SIZE]; /* borrowed until spool_unpin() */
};

/** spool_open() - make the directories and take the lock; see store_open() for the errors */
int spool_open(struct spool **out, const char *dir, struct error *err);
void spool_close(struct spool *sp); /* NULL is fine */
const char *spool_dir(const struct spool *sp);
bool spool_has_blobs(struct spool *sp); /* any at all */

void spool_pin(struct spool *sp, struct spool_pin *pin);
void spool_unpin(struct spool *sp, struct spool_pin *pin); /* idempotent */

bool spool_has(struct spool *sp, const uint8_t sha256[SHA256_SIZE]);
int spool_open_blob(struct spool *sp, const uint8_t sha256[SHA256_SIZE]);

/**
 * spool_put() - copy a file into the spool, durably
 * @from: read with pread from its start; stays the caller's
 * @sha256: with @check what it must be, else written here
 * @max: more bytes are -EDQUOT
 * @pin: its last entry gets the hash before the blob appears (may be NULL with @check)
 * Return: 0 with *@size; -EBADMSG (other bytes than announced; changed meanwhile; no regular
 * file), -EDQUOT, or a write failure.
 */
int spool_put(struct spool *sp, int from, bool check, uint8_t sha256[SHA256_SIZE], uint64_t max,
	      struct spool_pin *pin, uint64_t *size, struct error *err);

/** spool_adopt() - make sure that a blob found in the spool is durable; 0 with *@size, -ENOENT */
int spool_adopt(struct spool *sp, const uint8_t sha256[SHA256_SIZE], uint64_t *size,
		struct error *err);

/** spool_remove_blob() - unless it is pinned */
void spool_remove_blob(struct spool *sp, const uint8_t sha256[SHA256_SIZE]);

/* Files that a worker writes. */
int spool_checkpoint_file(struct spool *sp, uint64_t id);
int spool_output_file(struct spool *sp, uint64_t id, uint32_t index);
int spool_open_output(struct spool *sp, uint64_t id, uint32_t index);

/** spool_take_checkpoint() - set the written one aside as @ticket, so the next may be asked for */
int spool_take_checkpoint(struct spool *sp, uint64_t id, uint64_t ticket);
/** spool_commit_checkpoint() - what was set aside becomes job @id's, durably; 0 with *@size */
int spool_commit_checkpoint(struct spool *sp, uint64_t id, uint64_t ticket, uint64_t *size,
			    struct error *err);
int spool_open_checkpoint(struct spool *sp, uint64_t id);

/** spool_drop_job() - the job ended: its checkpoint and what it had in tmp/ */
void spool_drop_job(struct spool *sp, uint64_t id);

/** spool_probe() - can a file be written? */
int spool_probe(struct spool *sp, struct error *err);

/* What earlier starts left behind. @keep: false removes; negative: stop, keep the rest. */
void spool_sweep_tmp(struct spool *sp);
void spool_sweep_checkpoints(struct spool *sp, int (*keep)(void *data, uint64_t id), void *data);
void spool_sweep_blobs(struct spool *sp, unsigned int dir,
		       int (*keep)(void *data, const uint8_t sha256[SHA256_SIZE]), void *data);

#endif
