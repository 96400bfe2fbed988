/* SPDX-License-Identifier: MIT */
/*
 * For the tests of bundles: a directory bundle on disk, and tars made byte by byte, so that a
 * test can say what no archiver would write.
 */
#ifndef TESTS_UNIT_BUNDLE_FIXTURE_H
#define TESTS_UNIT_BUNDLE_FIXTURE_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libbroker/util/io.h"

#define FIXTURE_LIMIT (1u << 20)

struct fixture_tar {
	char *data;
	size_t len;
};

static char fixture_dir[64];

static const unsigned char fixture_spirv[24] = {3, 2, 0x23, 7, 0, 0, 1};
static const char fixture_x[8] = {'1', '2', '3', '4', '5', '6', '7', '8'};

static const char fixture_json[] =
	"{ \"version\": 1, \"kind\": \"vulkan\", \"name\": \"tiny\",\n"
	"  \"buffers\": {\"x\": {\"size\": 16, \"blob\": \"x.bin\", \"use\": \"input\"},\n"
	"    \"same\": {\"size\": 8, \"blob\": \"x2.bin\"},\n"
	"    \"y\": {\"size\": 16, \"use\": \"output\"}},\n"
	"  \"kernels\": {\"k\": {\"spirv\": \"k.spv\", \"bindings\": {\"0\": \"x\"},\n"
	"    \"push\": [\"f32\"]}},\n"
	"  \"program\": [{\"dispatch\": \"k\", \"groups\": [1, 1, 1], \"push\": [0.1]}],\n"
	"  \"outputs\": [\"y\"] }\n";

static inline void fixture_file(const char *name, const void *data, size_t len)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", fixture_dir, name);
	f = fopen(path, "w");
	cr_assert(f, "%s", path);
	cr_assert_eq(fwrite(data, 1, len, f), len);
	fclose(f);
}

static inline void fixture_setup(void)
{
	strcpy(fixture_dir, "/tmp/test-bundle-XXXXXX");
	cr_assert(mkdtemp(fixture_dir));
	fixture_file("job.json", fixture_json, strlen(fixture_json));
	fixture_file("x.bin", fixture_x, sizeof(fixture_x));
	fixture_file("x2.bin", fixture_x, sizeof(fixture_x));
	fixture_file("k.spv", fixture_spirv, sizeof(fixture_spirv));
	fixture_file("k.comp", "not part of it", 14);
}

static inline int fixture_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static inline void fixture_teardown(void)
{
	nftw(fixture_dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void fixture_hex(char out[SHA256_HEX + 1], const void *data, size_t len)
{
	uint8_t hash[SHA256_SIZE];

	crypto_hash_sha256(hash, data, len);
	hex_encode(out, hash, SHA256_SIZE);
}

static inline void tar_bytes(struct fixture_tar *t, const void *data, size_t len)
{
	t->data = realloc(t->data, t->len + len + 1);
	memcpy(t->data + t->len, data, len);
	t->len += len;
}

static inline void tar_checksum(char *h)
{
	unsigned int sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
}

/* A header that says @size, with @type and perhaps a link's target; @data of @len behind it. */
static inline void tar_raw(struct fixture_tar *t, const char *name, char type, const char *link,
			   unsigned long long size, const void *data, size_t len)
{
	char h[512] = "";

	strncpy(h, name, 100);
	memcpy(h + 100, "0000644\0000001000\0000001000", 24);
	snprintf(h + 124, 12, "%011llo", size & 077777777777ull);
	memcpy(h + 136, "15000000000", 12);
	h[156] = type;
	if (link)
		strncpy(h + 157, link, 99);
	memcpy(h + 257, "ustar\00000", 8);
	tar_checksum(h);
	tar_bytes(t, h, sizeof(h));
	tar_bytes(t, data, len);
	memset(h, 0, sizeof(h));
	tar_bytes(t, h, (512 - len % 512) % 512);
}

static inline void tar_file(struct fixture_tar *t, const char *name, const void *data, size_t len)
{
	tar_raw(t, name, '0', NULL, len, data, len);
}

static inline void tar_blob(struct fixture_tar *t, const void *data, size_t len)
{
	char name[SHA256_HEX + 7] = "blobs/";

	fixture_hex(name + 6, data, len);
	tar_file(t, name, data, len);
}

static inline void tar_end(struct fixture_tar *t)
{
	char zeros[1024] = "";

	tar_bytes(t, zeros, sizeof(zeros));
}

/* The fixture's job.json as the packed form has it, but with its spaces. */
static inline char *fixture_packed_json(void)
{
	char x[SHA256_HEX + 1], k[SHA256_HEX + 1], *out = NULL;

	fixture_hex(x, fixture_x, sizeof(fixture_x));
	fixture_hex(k, fixture_spirv, sizeof(fixture_spirv));
	cr_assert(
		asprintf(&out,
			 "{ \"version\": 1, \"kind\": \"vulkan\", \"name\": \"tiny\",\n"
			 "\"buffers\": {\"x\": {\"size\": 16, \"blob\": \"%s\", \"use\": \"input\"},"
			 "\"same\": {\"size\": 8, \"blob\": \"%s\"},"
			 "\"y\": {\"size\": 16, \"use\": \"output\"}},\n"
			 "\"kernels\": {\"k\": {\"spirv\": \"%s\", \"bindings\": {\"0\": \"x\"},"
			 "\"push\": [\"f32\"]}},\n"
			 "\"program\": [{\"dispatch\": \"k\", \"groups\": [1, 1, 1], \"push\": "
			 "[0.1]}],\n\"outputs\": [\"y\"] }\n",
			 x, x, k) > 0);
	return out;
}

static inline void tar_job(struct fixture_tar *t)
{
	char *json = fixture_packed_json();

	tar_file(t, "job.json", json, strlen(json));
	free(json);
}

static inline void tar_good(struct fixture_tar *t)
{
	tar_job(t);
	tar_blob(t, fixture_x, sizeof(fixture_x));
	tar_blob(t, fixture_spirv, sizeof(fixture_spirv));
}

#endif
