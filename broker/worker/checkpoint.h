/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: a file from which a job goes on.
 *
 *   struct checkpoint_head      magic, version, SHA-256 of job.json, the program's cursor
 *   for each part               struct checkpoint_part_head, then its bytes
 *   SHA-256 of all before
 *
 * A part is a buffer that is not input. The file is of this machine (native byte order): the
 * magic tells a foreign one. It may be damaged or forged: a reader trusts nothing in it before the
 * trailing SHA-256 and the SHA-256 of job.json fit, except that it has already written into the
 * parts, which the caller then fills anew. The cursor is checked against the program by the caller.
 */
#ifndef BROKER_WORKER_CHECKPOINT_H
#define BROKER_WORKER_CHECKPOINT_H

#include "libbroker/job/program.h"

#define CHECKPOINT_MAGIC   0x314b504342444942ull /* "BIDBCPK1", in native byte order */
#define CHECKPOINT_VERSION 1u

struct checkpoint_head {
	uint64_t magic;
	uint32_t version;
	uint32_t n_parts;
	uint8_t job[SHA256_SIZE];
	struct program_cursor cursor;
};

struct checkpoint_part_head {
	uint32_t index; /* of job->buffers */
	uint32_t zero;
	uint64_t size;
};

struct checkpoint_part {
	uint32_t index;
	void *data;
	uint64_t size;
};

struct checkpoint {
	uint8_t job[SHA256_SIZE];
	struct program_cursor cursor;
	uint32_t n_parts;
	struct checkpoint_part part[JOB_BUFFERS_MAX];
};

/** checkpoint_write() - from the start of @fd; Return: 0 or -errno */
int checkpoint_write(int fd, const struct checkpoint *c);

/**
 * checkpoint_read() - into the parts of @c, whose job and parts tell what to expect
 * Return: 0 with c->cursor; -EBADMSG (damaged, cut, or of another version), -ESTALE (of
 * another job) with words in @err: the parts' contents are then undefined; -errno.
 */
int checkpoint_read(int fd, struct checkpoint *c, struct error *err);

#endif
