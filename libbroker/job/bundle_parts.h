/* SPDX-License-Identifier: MIT */
/*
 * Between the parts of the bundle reader only: what a directory or a tar file was found to
 * hold, before it is made into a struct bundle.
 */
#ifndef LIBBROKER_JOB_BUNDLE_PARTS_H
#define LIBBROKER_JOB_BUNDLE_PARTS_H

#include "libbroker/job/bundle.h"

#define BUNDLE_BLOBS_MAX (JOB_BUFFERS_MAX + JOB_KERNELS_MAX)

struct bundle_part {
	char ref[JOB_NAME_MAX + 1]; /* as job.json speaks of it: a file name or the hash */
	uint8_t sha256[SHA256_SIZE]; /* of the bytes behind fd */
	uint64_t size;
	int fd; /* owned by the parts */
};

struct bundle_parts {
	char *json; /* job.json as it stands there; owned */
	size_t json_len;
	uint32_t n;
	struct bundle_part blobs[BUNDLE_BLOBS_MAX];
};

/* Both: 0 or -errno with words. @limit: bytes of all blobs together. */
int bundle_dir_read(struct bundle_parts *parts, int dirfd, uint64_t limit, struct error *err);
int bundle_tar_receive(struct bundle_parts *parts, int tarfd, uint64_t limit, struct error *err);

/**
 * bundle_pack_json() - the packed job.json: compact, keys in their order, blobs by hash
 * Return: 0 with *@out, the caller's; -errno.
 */
int bundle_pack_json(const struct bundle_parts *parts, char **out, size_t *len, struct error *err);

#endif
