/* SPDX-License-Identifier: MIT */
/*
 * The tar reader, in this process and without its jail. Checked besides crashes: only names of a
 * bundle come out, each once, with just the bytes that were said, and never more than the limit.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/job/bundle_parts.h"
#include "libbroker/job/bundle_tar.h"

#define LIMIT (256u << 10)
#define PIECE 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	const uint8_t *data;
	size_t left;
	uint64_t expected, total; /* bytes of this entry, and of all blobs */
	unsigned int n;
	char names[BUNDLE_BLOBS_MAX + 1][BUNDLE_TAR_NAME];
	uint8_t sum; /* makes each byte be read */
	bool open;
};

static void require(bool what)
{
	if (!what)
		abort();
}

static ssize_t give(void *data, const void **buf)
{
	struct run *r = data;
	size_t n = r->left < PIECE ? r->left : PIECE;

	*buf = r->data;
	r->data += n;
	r->left -= n;
	return (ssize_t)n;
}

static int begin(void *data, const char *name, uint64_t size, struct error *err)
{
	struct run *r = data;
	bool job = !strcmp(name, BUNDLE_TAR_JOB);

	require(!r->open && r->n <= BUNDLE_BLOBS_MAX);
	require(job || (strlen(name) == SHA256_HEX && !name[strspn(name, "0123456789abcdef")]));
	require(!job || size <= JOB_JSON_MAX);
	for (unsigned int i = 0; i < r->n; i++)
		require(strcmp(r->names[i], name));
	memcpy(r->names[r->n++], name, strlen(name) + 1);
	r->expected = size;
	r->total += job ? 0 : size;
	require(r->total <= LIMIT);
	r->open = true;
	return 0;
}

static int take(void *data, const void *buf, size_t len, struct error *err)
{
	struct run *r = data;

	require(r->open && len <= r->expected);
	r->expected -= len;
	for (size_t i = 0; i < len; i++)
		r->sum ^= ((const uint8_t *)buf)[i];
	return 0;
}

static int end(void *data, struct error *err)
{
	struct run *r = data;

	require(r->open && !r->expected);
	r->open = false;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run r;
	const struct bundle_tar_source source = {.read = give, .data = &r, .size = size};
	const struct bundle_tar_sink sink = {.begin = begin, .write = take, .end = end, .data = &r};
	struct error err = {};

	memset(&r, 0, sizeof(r));
	r.data = data;
	r.left = size;
	if (bundle_tar_read(&source, &sink, LIMIT, &err) < 0)
		require(err.what[0]);
	else
		require(!r.open);
	return 0;
}
