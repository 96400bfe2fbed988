/* SPDX-License-Identifier: MIT */
/*
 * The packed form of a bundle: its job.json and its tar; see bundle.h.
 *
 * Nothing in it depends on the machine, the time or a library's version: the JSON is compact
 * with its keys in the order of the source, and the tar is plain ustar written by hand with
 * job.json first, then the blobs sorted by hash, all owned by 0 and of 1970.
 */
#include "libbroker/job/bundle_parts.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/job/json_read.h"
#include "libbroker/util/cleanup.h"

#define TAR_BLOCK       512
#define TAR_SIZE_OCTAL  (1ull << 33) /* from here on eleven octal digits do not do */
#define COPY_CHUNK      (64u << 10)
#define TAR_SUM_OFFSET  148
#define TAR_SIZE_OFFSET 124

DEFINE_CLEANUP(json_t, json, json_decref)

static const struct bundle_part *find_part(const struct bundle_parts *parts, const char *ref)
{
	for (uint32_t i = 0; ref && i < parts->n; i++)
		if (!strcmp(parts->blobs[i].ref, ref))
			return &parts->blobs[i];
	return NULL;
}

/* In each member of @document[@section], the reference @key becomes the hash. */
static int rename_blobs(const struct bundle_parts *parts, json_t *document, const char *section,
			const char *key, struct error *err)
{
	const char *name, *ref;
	json_t *member;

	json_object_foreach(json_object_get(document, section), name, member) {
		const struct bundle_part *p;
		char hex[SHA256_HEX + 1], where[192];

		ref = json_string_value(json_object_get(member, key));
		if (!ref)
			continue;
		p = find_part(parts, ref);
		if (!p) {
			snprintf(where, sizeof(where), "%s.%s.%s", section, name, key);
			return error_set(err, strlen(ref) == SHA256_HEX ? -ENOENT : -EINVAL, where,
					 "there is no blob \"%s\" in the bundle%s", ref,
					 strlen(ref) == SHA256_HEX
						 ? ""
						 : "; a packed one names blobs by SHA-256, as "
						   "`brokerctl pack` does");
		}
		hex_encode(hex, p->sha256, SHA256_SIZE);
		if (json_object_set_new(member, key, json_string(hex)) < 0)
			return error_set(err, -ENOMEM, NULL, "out of memory");
	}
	return 0;
}

int bundle_pack_json(const struct bundle_parts *parts, char **out, size_t *len, struct error *err)
{
	_cleanup_(cleanup_jsonp) json_t *document =
		json_read_load(parts->json, parts->json_len, JOB_JSON_DEPTH, err);
	int r;

	if (!document)
		return -EINVAL;
	r = rename_blobs(parts, document, "buffers", "blob", err);
	if (r >= 0)
		r = rename_blobs(parts, document, "kernels", "spirv", err);
	if (r < 0)
		return r;
	*out = json_dumps(document, JSON_COMPACT);
	if (!*out)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	*len = strlen(*out);
	return 0;
}

static void tar_header(unsigned char block[TAR_BLOCK], const char *name, uint64_t size)
{
	unsigned int sum = 0;
	char *b = (char *)block;

	memset(block, 0, TAR_BLOCK);
	snprintf(b, 100, "%s", name);
	memcpy(b + 100, "0000444", 8);
	memcpy(b + 108, "0000000", 8);
	memcpy(b + 116, "0000000", 8);
	if (size < TAR_SIZE_OCTAL) {
		snprintf(b + TAR_SIZE_OFFSET, 12, "%011llo", (unsigned long long)size);
	} else {
		block[TAR_SIZE_OFFSET] = 0x80;
		for (int i = 0; i < 8; i++)
			block[TAR_SIZE_OFFSET + 11 - i] = (unsigned char)(size >> 8 * i);
	}
	memcpy(b + 136, "00000000000", 12);
	memset(b + TAR_SUM_OFFSET, ' ', 8);
	b[156] = '0';
	memcpy(b + 257, "ustar\00000", 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(b + TAR_SUM_OFFSET, 8, "%06o", sum);
}

static int tar_pad(int fd, uint64_t size)
{
	static const char zeros[TAR_BLOCK];

	return io_write_all(fd, zeros, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

static int write_json(const struct bundle *bundle, int fd)
{
	unsigned char header[TAR_BLOCK];
	int r;

	tar_header(header, "job.json", bundle->json_len);
	r = io_write_all(fd, header, sizeof(header));
	if (r >= 0)
		r = io_write_all(fd, bundle->json, bundle->json_len);
	return r < 0 ? r : tar_pad(fd, bundle->json_len);
}

/* Copies and hashes: a file of a directory may have changed since it was opened. */
static int copy_blob(const struct bundle_blob *blob, int fd, uint8_t sha256[SHA256_SIZE])
{
	_cleanup_free_ char *buf = malloc(COPY_CHUNK);
	crypto_hash_sha256_state state;
	uint64_t at = 0;

	if (!buf)
		return -ENOMEM;
	crypto_hash_sha256_init(&state);
	while (at < blob->size) {
		uint64_t left = blob->size - at;
		ssize_t n = pread(blob->fd, buf, left < COPY_CHUNK ? left : COPY_CHUNK, (off_t)at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		crypto_hash_sha256_update(&state, (unsigned char *)buf, (unsigned long long)n);
		r = io_write_all(fd, buf, (size_t)n);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	crypto_hash_sha256_final(&state, sha256);
	return tar_pad(fd, blob->size);
}

static int write_blob(const struct bundle_blob *blob, int fd, struct error *err)
{
	unsigned char header[TAR_BLOCK];
	uint8_t sha256[SHA256_SIZE];
	char name[SHA256_HEX + sizeof("blobs/")] = "blobs/";
	int r;

	hex_encode(name + strlen(name), blob->sha256, SHA256_SIZE);
	tar_header(header, name, blob->size);
	r = io_write_all(fd, header, sizeof(header));
	if (r >= 0)
		r = copy_blob(blob, fd, sha256);
	if (r == -ENODATA || (r >= 0 && memcmp(sha256, blob->sha256, SHA256_SIZE)))
		return error_set(err, -EINVAL, name, "its file changed while it was packed");
	return r < 0 ? error_set(err, r, name, "cannot be written: %s", strerror(-r)) : 0;
}

static int compare_blobs(const void *a, const void *b)
{
	const struct bundle_blob *const *x = a, *const *y = b;

	return memcmp((*x)->sha256, (*y)->sha256, SHA256_SIZE);
}

int bundle_write_tar(const struct bundle *bundle, int fd, struct error *err)
{
	static const char end[2 * TAR_BLOCK];
	const struct bundle_blob *sorted[BUNDLE_BLOBS_MAX];
	int r = write_json(bundle, fd);

	if (r < 0)
		return error_set(err, r, "job.json", "cannot be written: %s", strerror(-r));
	for (uint32_t i = 0; i < bundle->n_blobs; i++)
		sorted[i] = &bundle->blobs[i];
	qsort(sorted, bundle->n_blobs, sizeof(*sorted), compare_blobs);
	for (uint32_t i = 0; i < bundle->n_blobs; i++) {
		r = write_blob(sorted[i], fd, err);
		if (r < 0)
			return r;
	}
	r = io_write_all(fd, end, sizeof(end));
	return r < 0 ? error_set(err, r, NULL, "cannot be written: %s", strerror(-r)) : 0;
}
