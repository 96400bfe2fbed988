/* SPDX-License-Identifier: MIT */
/*
 * pack and check: a bundle is read and checked here as the broker will, and then by
 * `broker-worker --check`, which knows SPIR-V. Where no worker is installed (a developer's
 * machine), that part is left out and said so.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libbroker/util/cleanup.h"
#include "tools/ctl.h"
#include "tools/print.h"
#include "tools/text.h"
#include "tools/worker_check.h"

DEFINE_CLEANUP(struct bundle, bundle, bundle_free)
DEFINE_CLEANUP(json_t, json, json_decref)

static uint64_t blob_bytes(const struct bundle *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < b->n_blobs; i++)
		sum += b->blobs[i].size;
	return sum;
}

/* Open and check. Return: an exit code, said already. */
static int open_checked(const char *path, struct bundle **out, bool *worker_checked)
{
	_cleanup_(cleanup_bundlep) struct bundle *bundle = NULL;
	struct error err = {};
	int r = bundle_open(&bundle, path, JOB_MEMORY_MAX, &err);

	if (r < 0)
		return ctl_error(CTL_FAILED, "%s%s%s", err.where, err.where[0] ? ": " : "",
				 err.what);
	r = worker_check(bundle, &err);
	*worker_checked = r != -ENOENT;
	if (r < 0 && r != -ENOENT)
		return ctl_error(CTL_FAILED, "%s%s%s", err.where, err.where[0] ? ": " : "",
				 err.what);
	*out = steal_ptr(bundle);
	return CTL_OK;
}

static int report(const struct ctl *ctl, const struct bundle *b, const char *file, bool checked)
{
	_cleanup_(cleanup_jsonp) json_t *json = NULL;
	struct text_unit bytes, memory, dispatches;

	if (ctl->json) {
		json = json_pack("{s:s, s:i, s:I, s:I, s:I, s:b, s:s?}", "name", b->job->name,
				 "blobs", (int)b->n_blobs, "blob_bytes", (json_int_t)blob_bytes(b),
				 "memory", (json_int_t)b->job->memory, "dispatches",
				 (json_int_t)b->job->dispatches, "spirv_checked", checked, "file",
				 file);
		return ctl_print_json(json, false);
	}
	print_line("job", "\"%s\"", b->job->name);
	print_line("blobs", "%u, %s", b->n_blobs, text_bytes(&bytes, blob_bytes(b)));
	print_line("memory", "%s", text_bytes(&memory, b->job->memory));
	print_line("program", "%s dispatches", text_count(&dispatches, (double)b->job->dispatches));
	print_line("SPIR-V", "%s",
		   checked ? "checked" : "not checked: no broker-worker is installed here");
	if (file)
		print_line("written", "%s", file);
	return CTL_OK;
}

int cmd_check(struct ctl *ctl, int argc, char **argv)
{
	_cleanup_(cleanup_bundlep) struct bundle *bundle = NULL;
	bool checked = false;
	int r;

	if (argc != 2)
		return ctl_usage(ctl, "check takes one bundle: a directory or tar file");
	r = open_checked(argv[1], &bundle, &checked);
	return r ? r : report(ctl, bundle, NULL, checked);
}

/* Whole or not at all: beside the final name first. */
static int write_tar(const struct bundle *bundle, const char *file)
{
	_cleanup_free_ char *part = NULL;
	_cleanup_close_ int fd = -1;
	struct error err = {};
	int r;

	if (asprintf(&part, "%s.XXXXXX", file) < 0)
		return ctl_error(CTL_FAILED, "out of memory");
	fd = mkostemp(part, O_CLOEXEC);
	if (fd < 0)
		return ctl_error(CTL_FAILED, "%s: %s", file, strerror(errno));
	r = bundle_write_tar(bundle, fd, &err);
	if (!r && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(part, file) < 0))
		r = error_set(&err, -errno, file, "%s", strerror(errno));
	if (!r)
		return CTL_OK;
	unlink(part);
	return ctl_error(CTL_FAILED, "%s: %s", file, err.what);
}

/* "dir/" and "dir" become "dir.tar" in the current directory. */
static char *tar_name(const char *dir)
{
	size_t len = strlen(dir);
	const char *base;
	char *out;

	while (len > 1 && dir[len - 1] == '/')
		len--;
	base = memrchr(dir, '/', len);
	base = base ? base + 1 : dir;
	len -= (size_t)(base - dir);
	if (!len || *base == '.')
		return NULL;
	return asprintf(&out, "%.*s.tar", (int)len, base) < 0 ? NULL : out;
}

int cmd_pack(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {}};
	_cleanup_(cleanup_bundlep) struct bundle *bundle = NULL;
	_cleanup_free_ char *file = NULL;
	bool checked = false;
	int opt, r;

	while ((opt = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		if (opt != 'o')
			return ctl_usage(ctl, "see brokerctl pack --help");
		free(file);
		file = strdup(optarg);
	}
	if (optind + 1 != argc)
		return ctl_usage(ctl, "pack takes one directory with a job.json");
	if (!file)
		file = tar_name(argv[optind]);
	if (!file)
		return ctl_usage(ctl, "name the tar file with -o");
	r = open_checked(argv[optind], &bundle, &checked);
	if (!r)
		r = write_tar(bundle, file);
	return r ? r : report(ctl, bundle, file, checked);
}
