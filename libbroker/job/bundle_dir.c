/* SPDX-License-Identifier: MIT */
/*
 * A bundle in a directory: job.json and the files that it names; see bundle.h.
 *
 * A blob's name is a file's, which job_parse() allows no '/', or a hash, which is looked for as
 * blobs/<hash>, so that an unpacked tar is a bundle too. Each step is one component opened with
 * O_NOFOLLOW: no name leads out of the directory, and no link anywhere.
 */
#include "libbroker/job/bundle_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libbroker/util/cleanup.h"

DEFINE_CLEANUP(struct job, job, job_free)

/* A regular file of at most @max bytes, by one name in @dirfd. */
static int open_file(int dirfd, const char *name, const char *where, uint64_t max, uint64_t *size,
		     struct error *err)
{
	_cleanup_close_ int fd =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return error_set(err, -EINVAL, where,
				 "is a symbolic link; a bundle holds regular files");
	if (fd < 0 && errno == ENOENT)
		return error_set(err, -ENOENT, where, "there is no such file in the bundle");
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, where, "cannot be opened: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, where,
				 "is no regular file; a bundle holds regular files");
	if ((uint64_t)st.st_size > max)
		return error_set(err, -EFBIG, where, "is %llu bytes long; at most %llu are allowed",
				 (unsigned long long)st.st_size, (unsigned long long)max);
	*size = (uint64_t)st.st_size;
	return steal_fd(&fd);
}

static int read_job(struct bundle_parts *parts, int dirfd, struct error *err)
{
	uint64_t size = 0;
	_cleanup_close_ int fd = open_file(dirfd, "job.json", "job.json", JOB_JSON_MAX, &size, err);
	int r;

	if (fd < 0)
		return fd;
	parts->json = malloc(size + 1);
	if (!parts->json)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	r = io_read_all(fd, parts->json, size);
	if (r < 0)
		return error_set(err, r, "job.json", "cannot be read: %s", strerror(-r));
	parts->json[size] = '\0';
	parts->json_len = size;
	return 0;
}

static int open_hash(int dirfd, const char *hash, uint64_t left, uint64_t *size, struct error *err)
{
	_cleanup_close_ int blobs =
		openat(dirfd, "blobs", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char where[SHA256_HEX + sizeof("blobs/")];

	snprintf(where, sizeof(where), "blobs/%s", hash);
	if (blobs < 0)
		return error_set(err, -ENOENT, where,
				 "there is no such file in the bundle; a blob that is named by "
				 "its SHA-256 lies in the folder blobs");
	return open_file(blobs, hash, where, left, size, err);
}

static int read_blob(struct bundle_parts *parts, int dirfd, const struct job_blob *blob,
		     uint64_t *left, struct error *err)
{
	struct bundle_part *p = &parts->blobs[parts->n];
	char found[SHA256_HEX + 1];
	int r, fd = blob->is_hash ? open_hash(dirfd, blob->ref, *left, &p->size, err)
				  : open_file(dirfd, blob->ref, blob->ref, *left, &p->size, err);

	if (fd < 0)
		return fd;
	p->fd = fd;
	parts->n++;
	*left -= p->size;
	memcpy(p->ref, blob->ref, sizeof(p->ref));
	r = sha256_fd(fd, p->sha256);
	if (r < 0)
		return error_set(err, r, blob->ref, "cannot be read: %s", strerror(-r));
	hex_encode(found, p->sha256, SHA256_SIZE);
	if (blob->is_hash && strcmp(found, blob->ref))
		return error_set(err, -EINVAL, "blobs",
				 "the bytes of %s have the SHA-256 %s, not the one in the name",
				 blob->ref, found);
	return 0;
}

int bundle_dir_read(struct bundle_parts *parts, int dirfd, uint64_t limit, struct error *err)
{
	_cleanup_(cleanup_jobp) struct job *job = NULL;
	int r = read_job(parts, dirfd, err);

	if (r >= 0)
		r = job_parse(&job, parts->json, parts->json_len, err);
	for (uint32_t i = 0; r >= 0 && i < job->n_blobs; i++)
		r = read_blob(parts, dirfd, &job->blobs[i], &limit, err);
	return r;
}
