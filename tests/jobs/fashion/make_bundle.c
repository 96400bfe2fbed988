/* SPDX-License-Identifier: MIT */
/*
 * make_bundle DATASET DIR: the data blobs of the job, into DIR.
 *
 * DATASET holds Fashion-MNIST as Debian's dataset-fashion-mnist installs it: gzipped IDX files,
 * big endian, a magic number, the sizes, then bytes. They become plain arrays of bytes. The first
 * weights are drawn from a generator with a fixed seed, so the same blobs come out everywhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "tests/jobs/fashion/shape.h"

#define IDX_BYTES 0x08 /* type in the magic number */
#define SEED      20170825u /* of the first weights */

struct idx_file {
	const char *in, *out;
	uint32_t dims;
	uint32_t size[3];
};

static const struct idx_file idx_files[] = {
	{"train-images-idx3-ubyte.gz", "train-images.bin", 3, {FASHION_TRAIN, 28, 28}},
	{"train-labels-idx1-ubyte.gz", "train-labels.bin", 1, {FASHION_TRAIN}},
	{"t10k-images-idx3-ubyte.gz", "test-images.bin", 3, {FASHION_TEST, 28, 28}},
	{"t10k-labels-idx1-ubyte.gz", "test-labels.bin", 1, {FASHION_TEST}},
};

static int fail(const char *path, const char *what)
{
	fprintf(stderr, "make_bundle: %s: %s\n", path, what);
	return -EINVAL;
}

static int write_blob(const char *dir, const char *name, const void *data, size_t len)
{
	_cleanup_close_ int fd = -1;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : io_write_all(fd, data, len);
	return r ? fail(path, strerror(-r)) : 0;
}

static bool read_be32(gzFile f, uint32_t want)
{
	uint8_t b[4];

	return gzread(f, b, 4) == 4 &&
	       ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) == want;
}

static bool read_idx(gzFile f, const struct idx_file *idx, uint8_t *out, uint32_t len)
{
	bool ok = read_be32(f, IDX_BYTES << 8 | idx->dims);

	for (uint32_t i = 0; ok && i < idx->dims; i++)
		ok = read_be32(f, idx->size[i]);
	return ok && gzread(f, out, len) == (int)len && gzgetc(f) == -1;
}

static int convert(const char *dataset, const char *dir, const struct idx_file *idx)
{
	uint32_t len = idx->size[0] * (idx->dims == 3 ? FASHION_PIXELS : 1);
	_cleanup_free_ uint8_t *bytes = malloc(len);
	char path[4096];
	gzFile f;
	bool ok;

	if (!bytes)
		return fail(dir, "out of memory");
	snprintf(path, sizeof(path), "%s/%s", dataset, idx->in);
	f = gzopen(path, "rb");
	if (!f)
		return fail(path, "cannot be read; install the package dataset-fashion-mnist");
	ok = read_idx(f, idx, bytes, len);
	gzclose(f);
	if (!ok)
		return fail(path, "is not the IDX file of Fashion-MNIST");
	return write_blob(dir, idx->out, bytes, len);
}

static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* Even in +- sqrt(6 / fan_in): keeps the spread of what passes through a ramp. */
static int write_weights(const char *dir, const char *name, uint32_t fan_in, uint32_t fan_out,
			 uint64_t *state)
{
	uint32_t n = fan_in * fan_out;
	_cleanup_free_ float *w = calloc(n, sizeof(*w));
	double limit = sqrt(6.0 / fan_in);

	if (!w)
		return fail(dir, "out of memory");
	for (uint32_t i = 0; i < n; i++)
		w[i] = (float)(((double)(random_next(state) >> 11) * 0x1p-52 - 1) * limit);
	return write_blob(dir, name, w, n * sizeof(*w));
}

int main(int argc, char **argv)
{
	uint64_t state = SEED;
	int r = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: make_bundle DATASET DIR\n");
		return 2;
	}
	for (unsigned int i = 0; !r && i < ARRAY_SIZE(idx_files); i++)
		r = convert(argv[1], argv[2], &idx_files[i]);
	if (!r)
		r = write_weights(argv[2], "w1.bin", FASHION_PIXELS, FASHION_HIDDEN, &state);
	if (!r)
		r = write_weights(argv[2], "w2.bin", FASHION_HIDDEN, FASHION_CLASSES, &state);
	return r ? 1 : 0;
}
