/* SPDX-License-Identifier: MIT */
/* What spool.c and spool_blob.c share. */
#ifndef BROKER_STORE_SPOOL_PRIV_H
#define BROKER_STORE_SPOOL_PRIV_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "broker/store/spool.h"

#define SPOOL_NAME 72

struct spool {
	int dir_fd, lock_fd, blobs_fd, checkpoints_fd, tmp_fd;
	uint32_t token;
	atomic_uint_fast64_t next_tmp;
	pthread_mutex_t lock; /* of the pins, and held while a blob is removed */
	struct spool_pin *pins;
	char dir[PATH_MAX];
};

/* <token>-<kind><a>.<b>: c checkpoint, t taken checkpoint, o output, b blob, p probe */
void spool_tmp_name(const struct spool *sp, char name[SPOOL_NAME], char kind, uint64_t a,
		    uint64_t b);
void spool_pin_add(struct spool *sp, struct spool_pin *pin, const uint8_t sha256[SHA256_SIZE]);
bool spool_is_pinned(const struct spool *sp, const uint8_t sha256[SHA256_SIZE]);

#endif
