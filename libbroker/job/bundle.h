/* SPDX-License-Identifier: MIT */
/*
 * Bundles: a directory or a tar file with job.json and its blobs.
 *
 * A directory names its blobs by file name, relative and inside it. The packed form names
 * each blob by its SHA-256 and is a tar of job.json and blobs/<hex>. Either is opened to the
 * same thing: the packed job.json and a descriptor for each blob.
 *
 * Tar is read by libarchive in a child process that has no rights: it gets the file and a
 * socket, and sends memory files back. "..", absolute names, links, devices, duplicates,
 * unknown names, sparse and oversized entries are errors that name the entry.
 */
#ifndef LIBBROKER_JOB_BUNDLE_H
#define LIBBROKER_JOB_BUNDLE_H

#include "libbroker/job/job.h"

struct bundle_blob {
	uint8_t sha256[SHA256_SIZE];
	uint64_t size;
	int fd; /* a regular file or a sealed memory file */
};

struct bundle {
	char *json; /* the packed job.json: blobs by hash */
	size_t json_len;
	struct job *job; /* parsed from it */
	uint32_t n_blobs;
	struct bundle_blob *blobs; /* in the order of job->blobs */
};

/**
 * bundle_open() - a directory or a tar file, checked whole
 * @limit: bytes of all blobs together
 * Return: 0 with *@out (bundle_free()); -ENOENT, -EINVAL, -EFBIG, -ENOMEM with words in @err.
 */
int bundle_open(struct bundle **out, const char *path, uint64_t limit, struct error *err);
void bundle_free(struct bundle *bundle);

/** bundle_write_tar() - the packed form, byte-identical for the same bundle; 0 or -errno */
int bundle_write_tar(const struct bundle *bundle, int fd, struct error *err);

#endif
