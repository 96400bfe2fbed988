/* SPDX-License-Identifier: MIT */
/*
 * Reading a packed bundle's tar: bytes in, checked entries out. Pure: it opens nothing, so the
 * jailed child (bundle_tar_child.c), the tests and the fuzzer run the same code.
 */
#ifndef LIBBROKER_JOB_BUNDLE_TAR_H
#define LIBBROKER_JOB_BUNDLE_TAR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libbroker/util/error.h"
#include "libbroker/util/io.h"

#define BUNDLE_TAR_NAME (SHA256_HEX + 1)
#define BUNDLE_TAR_JOB  "job.json"

struct bundle_tar_source {
	ssize_t (*read)(void *data, const void **buf); /* the next bytes, 0 at the end, -errno */
	void *data;
	uint64_t size; /* of the whole file */
};

/* Each entry once: begin, its bytes in order, end. A negative return ends the reading. */
struct bundle_tar_sink {
	/* @name: "job.json" or the 64 hex digits of a blob */
	int (*begin)(void *data, const char *name, uint64_t size, struct error *err);
	int (*write)(void *data, const void *buf, size_t len, struct error *err);
	int (*end)(void *data, struct error *err);
	void *data;
};

/**
 * bundle_tar_read() - all entries, to the last byte of the file
 * @limit: bytes of all blobs together
 * Return: 0; -EINVAL, -EFBIG, -ENOMEM with the entry named in @err; what @sink returned.
 */
int bundle_tar_read(const struct bundle_tar_source *source, const struct bundle_tar_sink *sink,
		    uint64_t limit, struct error *err);

#endif
