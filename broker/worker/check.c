/* SPDX-License-Identifier: MIT */
/* Checking without a device; see check.h. */
#include "broker/worker/check.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "broker/worker/spirv_writes.h"
#include "broker/worker/task.h"
#include "libbroker/util/cleanup.h"

DEFINE_CLEANUP(struct job, job, job_free)
DEFINE_CLEANUP(json_t, json, json_decref)

static int check_kernel(const struct job *job, uint32_t i, int first_blob, struct error *err)
{
	const struct job_kernel *k = &job->kernels[i];
	size_t n_words;
	_cleanup_free_ uint32_t *words = task_read_words(first_blob + k->blob, &n_words, err);
	struct spirv_limits limits;
	struct spirv_info info;
	int r;

	if (!words) {
		snprintf(err->where, sizeof(err->where), "kernel %s", k->name);
		return -EINVAL;
	}
	spirv_limits_any(&limits);
	r = spirv_check(words, n_words, k, &limits, &info, err);
	return r < 0 ? r : spirv_check_inputs(job, i, info.writes, err);
}

static int check_buffer(const struct job_buffer *b, int fd, struct error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char where[96];

	snprintf(where, sizeof(where), "buffer %s", b->name);
	if (size < 0)
		return error_set(err, -errno, where, "its blob: %s", strerror(errno));
	if ((uint64_t)size > b->size)
		return error_set(err, -E2BIG, where, "its blob has %jd bytes, the buffer %ju",
				 (intmax_t)size, (uintmax_t)b->size);
	return 0;
}

int check_job(int json_fd, int first_blob, struct error *err)
{
	_cleanup_(cleanup_jobp) struct job *job = NULL;
	uint8_t sha256[SHA256_SIZE];
	int r = task_read_job(&job, sha256, json_fd, err);

	for (uint32_t i = 0; r == 0 && i < job->n_buffers; i++)
		if (job->buffers[i].blob >= 0)
			r = check_buffer(&job->buffers[i], first_blob + job->buffers[i].blob, err);
	for (uint32_t i = 0; r == 0 && i < job->n_kernels; i++)
		r = check_kernel(job, i, first_blob, err);
	return r;
}

int check_print(int result, const struct error *err)
{
	_cleanup_(cleanup_jsonp)
		json_t *j = json_pack("{s:b, s:s, s:s}", "ok", result == 0, "where",
				      result ? err->where : "", "what", result ? err->what : "");

	if (!j || json_dumpf(j, stdout, JSON_COMPACT) < 0 || putchar('\n') == EOF ||
	    fflush(stdout) == EOF)
		return -EIO;
	return 0;
}
