/* SPDX-License-Identifier: MIT */
/*
 * Opening a bundle; see bundle.h. A directory (bundle_dir.c) or a tar (bundle_tar_child.c) gives
 * parts: job.json and hashed blobs. Here they become one thing, whichever it was: the packed
 * job.json is made and parsed, and each of its blobs is checked against what it is used for.
 */
#include "libbroker/job/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libbroker/job/bundle_parts.h"
#include "libbroker/util/cleanup.h"

#define SPIRV_HEADER_SIZE 20
#define SPIRV_MAGIC       0x07230203u

static void free_parts(struct bundle_parts *parts)
{
	for (uint32_t i = 0; i < parts->n; i++)
		if (parts->blobs[i].fd >= 0)
			close(parts->blobs[i].fd);
	free(parts->json);
	free(parts);
}

DEFINE_CLEANUP(struct bundle_parts, parts, free_parts)
DEFINE_CLEANUP(struct bundle, bundle, bundle_free)

void bundle_free(struct bundle *bundle)
{
	if (!bundle)
		return;
	for (uint32_t i = 0; i < bundle->n_blobs; i++)
		if (bundle->blobs[i].fd >= 0)
			close(bundle->blobs[i].fd);
	job_free(bundle->job);
	free(bundle->blobs);
	free(bundle->json);
	free(bundle);
}

static int check_spirv(const struct bundle_blob *b, const char *where, struct error *err)
{
	uint32_t magic = 0;

	if (b->size < SPIRV_HEADER_SIZE || b->size % 4 || b->size > JOB_SPIRV_MAX)
		return error_set(
			err, b->size > JOB_SPIRV_MAX ? -EFBIG : -EINVAL, where,
			"the blob is %llu bytes long; SPIR-V is a multiple of 4, from %d to %u",
			(unsigned long long)b->size, SPIRV_HEADER_SIZE, JOB_SPIRV_MAX);
	if (pread(b->fd, &magic, sizeof(magic), 0) != sizeof(magic))
		return error_set(err, -EIO, where, "the blob cannot be read");
	if (magic != SPIRV_MAGIC && magic != __builtin_bswap32(SPIRV_MAGIC))
		return error_set(err, -EINVAL, where,
				 "the blob is no SPIR-V: it begins with 0x%08x, not 0x%08x", magic,
				 SPIRV_MAGIC);
	return 0;
}

static int check_blobs(const struct bundle *b, struct error *err)
{
	char where[192];
	int r = 0;

	for (uint32_t i = 0; i < b->job->n_buffers; i++) {
		const struct job_buffer *buffer = &b->job->buffers[i];

		if (buffer->blob < 0 || b->blobs[buffer->blob].size <= buffer->size)
			continue;
		snprintf(where, sizeof(where), "buffers.%s.blob", buffer->name);
		return error_set(err, -EINVAL, where,
				 "the blob is %llu bytes long, the buffer %llu",
				 (unsigned long long)b->blobs[buffer->blob].size,
				 (unsigned long long)buffer->size);
	}
	for (uint32_t i = 0; r >= 0 && i < b->job->n_kernels; i++) {
		snprintf(where, sizeof(where), "kernels.%s.spirv", b->job->kernels[i].name);
		r = check_spirv(&b->blobs[b->job->kernels[i].blob], where, err);
	}
	return r;
}

/* The part with this hash: its descriptor moves into @out. */
static int take_part(struct bundle_parts *parts, const char *hash, struct bundle_blob *out)
{
	uint8_t sha256[SHA256_SIZE];

	if (hex_decode(sha256, hash, SHA256_SIZE) < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < parts->n; i++) {
		struct bundle_part *p = &parts->blobs[i];

		if (p->fd < 0 || memcmp(p->sha256, sha256, SHA256_SIZE))
			continue;
		*out = (struct bundle_blob){.size = p->size, .fd = steal_fd(&p->fd)};
		memcpy(out->sha256, sha256, SHA256_SIZE);
		return 0;
	}
	return -ENOENT;
}

/* A tar that holds what its job.json does not speak of is not what its maker meant. */
static int check_leftover(const struct bundle_parts *parts, const struct bundle *b,
			  struct error *err)
{
	char where[SHA256_HEX + sizeof("blobs/")] = "blobs/";

	for (uint32_t i = 0; i < parts->n; i++) {
		bool used = false;

		for (uint32_t j = 0; j < b->n_blobs; j++)
			used |= !memcmp(parts->blobs[i].sha256, b->blobs[j].sha256, SHA256_SIZE);
		if (used)
			continue;
		hex_encode(where + strlen(where), parts->blobs[i].sha256, SHA256_SIZE);
		return error_set(err, -EINVAL, where, "job.json does not refer to it");
	}
	return 0;
}

static int assemble(struct bundle *b, struct bundle_parts *parts, struct error *err)
{
	int r = bundle_pack_json(parts, &b->json, &b->json_len, err);

	if (r >= 0)
		r = job_parse(&b->job, b->json, b->json_len, err);
	if (r < 0)
		return r;
	b->blobs = calloc(b->job->n_blobs, sizeof(*b->blobs));
	if (!b->blobs)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	for (; b->n_blobs < b->job->n_blobs; b->n_blobs++) {
		r = take_part(parts, b->job->blobs[b->n_blobs].ref, &b->blobs[b->n_blobs]);
		if (r < 0)
			return error_set(err, r, b->job->blobs[b->n_blobs].ref,
					 "there is no such blob in the bundle");
	}
	r = check_leftover(parts, b, err);
	return r < 0 ? r : check_blobs(b, err);
}

/* job.json in a tar names blobs by hash alone, and only once it is known to be sound. */
static int check_packed(const struct bundle_parts *parts, struct error *err)
{
	struct job *job = NULL;
	int r;

	if (!parts->json)
		return error_set(err, -ENOENT, "job.json", "there is no such entry in the tar");
	r = job_parse(&job, parts->json, parts->json_len, err);
	job_free(job);
	return r;
}

int bundle_open(struct bundle **out, const char *path, uint64_t limit, struct error *err)
{
	_cleanup_(cleanup_partsp) struct bundle_parts *parts = calloc(1, sizeof(*parts));
	_cleanup_(cleanup_bundlep) struct bundle *b = calloc(1, sizeof(*b));
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (!parts || !b)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, -errno, path, "%s", strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		r = bundle_dir_read(parts, fd, limit, err);
	} else if (S_ISREG(st.st_mode)) {
		r = bundle_tar_receive(parts, fd, limit, err);
		if (r >= 0)
			r = check_packed(parts, err);
	} else {
		r = error_set(err, -EINVAL, path, "is neither a directory nor a tar file");
	}
	if (r >= 0)
		r = assemble(b, parts, err);
	if (r < 0) {
		/* What is wrong with the whole has no place inside of it. */
		if (err && !*err->where)
			snprintf(err->where, sizeof(err->where), "%s", path);
		return r;
	}
	*out = steal_ptr(b);
	return 0;
}
