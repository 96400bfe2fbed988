/* SPDX-License-Identifier: MIT */
/* Loading of a job; see task.h. */
#include "broker/worker/task.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/worker/spirv_writes.h"
#include "broker/worker/watchdog.h"
#include "libbroker/util/cleanup.h"

/* A file of at most @max bytes from its start, whatever its offset is. */
static ssize_t read_whole(int fd, size_t max, char **out, struct error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);
	_cleanup_free_ char *buf = NULL;
	ssize_t n;

	if (size < 0)
		return error_set(err, -errno, NULL, "reading: %s", strerror(errno));
	if ((uint64_t)size > max)
		return error_set(err, -E2BIG, NULL, "%jd bytes; at most %zu", (intmax_t)size, max);
	buf = malloc((size_t)size + 1);
	if (!buf)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	n = pread(fd, buf, (size_t)size, 0);
	if (n != size)
		return error_set(err, -EIO, NULL, "reading: %s",
				 n < 0 ? strerror(errno) : "it ended early");
	*out = steal_ptr(buf);
	return n;
}

uint32_t *task_read_words(int fd, size_t *n_words, struct error *err)
{
	char *bytes = NULL;
	ssize_t n = read_whole(fd, JOB_SPIRV_MAX, &bytes, err);

	if (n < 0)
		return NULL;
	if (n % 4) {
		error_set(err, -EINVAL, NULL, "%zd bytes are no whole words: no SPIR-V", n);
		free(bytes);
		return NULL;
	}
	*n_words = (size_t)n / 4;
	return (uint32_t *)bytes;
}

int task_read_job(struct job **out, uint8_t sha256[SHA256_SIZE], int fd, struct error *err)
{
	_cleanup_free_ char *json = NULL;
	ssize_t n = read_whole(fd, JOB_JSON_MAX, &json, err);

	if (n < 0) {
		snprintf(err->where, sizeof(err->where), "job.json");
		return (int)n;
	}
	crypto_hash_sha256(sha256, (const uint8_t *)json, (unsigned long long)n);
	return job_parse(out, json, (size_t)n, err);
}

static int load_kernel(struct task *t, uint32_t i, const struct vk_device *dev, const int *blobs,
		       uint64_t compile_limit_ns, struct error *err)
{
	const struct job_kernel *k = &t->job->kernels[i];
	size_t n_words;
	_cleanup_free_ uint32_t *words = task_read_words(blobs[k->blob], &n_words, err);
	struct spirv_info info;
	int r;

	if (!words) {
		snprintf(err->where, sizeof(err->where), "kernel %s", k->name);
		return -EINVAL;
	}
	/* The validator's time is a stranger's to choose, as the compiler's is. */
	snprintf(t->labels[i], TASK_LABEL_MAX, "kernel %s: checking", k->name);
	watchdog_begin(t->labels[i], compile_limit_ns);
	r = spirv_check(words, n_words, k, &dev->caps.spirv, &info, err);
	if (r == 0)
		r = spirv_check_inputs(t->job, i, info.writes, err);
	watchdog_end();
	if (r < 0)
		return r;
	t->sizes[i].whole = info.reads_num_workgroups;
	snprintf(t->labels[i], TASK_LABEL_MAX, "kernel %s: compiling", k->name);
	watchdog_begin(t->labels[i], compile_limit_ns);
	r = vk_kernel_compile(&t->kernels, i, dev, t->job, words, n_words, err);
	watchdog_end();
	snprintf(t->labels[i], TASK_LABEL_MAX, "kernel %s: a slice%s", k->name,
		 info.reads_num_workgroups ? " (it reads NumWorkgroups, so it cannot be cut)" : "");
	return r;
}

static int load(struct task *t, const struct vk_device *dev, const int *blobs,
		uint64_t compile_limit_ns, struct error *err)
{
	int r = vk_buffers_new(&t->buffers, dev, t->job, err);

	if (r == 0)
		r = vk_kernels_new(&t->kernels, dev, t->job, &t->buffers, err);
	for (uint32_t i = 0; r == 0 && i < t->job->n_kernels; i++)
		r = load_kernel(t, i, dev, blobs, compile_limit_ns, err);
	return r == 0 ? vk_buffers_fill(&t->buffers, t->job, blobs, err) : r;
}

void task_checkpoint(const struct task *t, const struct program_cursor *cursor,
		     struct checkpoint *out)
{
	out->cursor = *cursor;
	out->n_parts = 0;
	memcpy(out->job, t->sha256, sizeof(out->job));
	for (uint32_t i = 0; i < t->job->n_buffers; i++) {
		if (t->job->buffers[i].use == JOB_BUFFER_INPUT)
			continue;
		out->part[out->n_parts++] = (struct checkpoint_part){
			.index = i,
			.data = t->buffers.buffer[i].data,
			.size = t->buffers.buffer[i].size,
		};
	}
}

/* A refused checkpoint costs time, never the job: it starts from the beginning. */
static int resume(struct task *t, int fd, const int *blobs, struct error *err)
{
	struct checkpoint c;
	struct error why = {.where = ""};
	int r;

	task_checkpoint(t, &t->start, &c);
	r = checkpoint_read(fd, &c, &why);
	if (r == 0 && program_cursor_valid(&c.cursor, t->job) < 0)
		r = error_set(&why, -EBADMSG, "checkpoint", "its place is not in the program");
	if (r == 0) {
		t->start = c.cursor;
		t->resumed = true;
		return 0;
	}
	snprintf(t->note, sizeof(t->note),
		 "checkpoint refused, starting from the beginning: %.100s", why.what);
	return vk_buffers_fill(&t->buffers, t->job, blobs, err);
}

int task_load(struct task *out, const struct vk_device *dev, bool has_checkpoint,
	      struct control_fds *fds, uint64_t compile_limit_ns, struct error *err)
{
	unsigned int first_blob = has_checkpoint ? 2 : 1;
	int r;

	*out = (struct task){.job = NULL};
	if (fds->n < first_blob)
		return error_set(err, -EPROTO, "JOB", "it came without job.json");
	r = task_read_job(&out->job, out->sha256, fds->fd[0], err);
	if (r < 0)
		return r;
	if (fds->n - first_blob != out->job->n_blobs)
		return error_set(err, -EPROTO, "JOB", "%u blobs came; job.json names %u",
				 fds->n - first_blob, out->job->n_blobs);
	out->sizes = calloc(out->job->n_kernels, sizeof(*out->sizes));
	out->labels = calloc(out->job->n_kernels, sizeof(*out->labels));
	if (!out->sizes || !out->labels)
		return error_set(err, -ENOMEM, "job", "out of memory");
	program_start(&out->start, out->job);
	r = load(out, dev, fds->fd + first_blob, compile_limit_ns, err);
	if (r == 0 && has_checkpoint)
		r = resume(out, fds->fd[1], fds->fd + first_blob, err);
	control_fds_close(fds);
	return r;
}

void task_free(struct task *t, const struct vk_device *dev)
{
	if (t->kernels.kernel)
		vk_kernels_free(&t->kernels, dev);
	vk_buffers_free(&t->buffers, dev);
	job_free(t->job);
	free(t->sizes);
	free(t->labels);
	*t = (struct task){.job = NULL};
}
