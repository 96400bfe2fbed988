/* SPDX-License-Identifier: MIT */
/*
 * The job in a worker: job.json, its blobs, and what is made of them on the device.
 *
 * task_load() is the first code that touches a stranger's bytes, so it runs after the lockdown.
 * brokerd has checked the job already; nothing here relies on it.
 */
#ifndef BROKER_WORKER_TASK_H
#define BROKER_WORKER_TASK_H

#include "broker/worker/checkpoint.h"
#include "broker/worker/control.h"
#include "broker/worker/slice.h"
#include "broker/worker/vk_kernel.h"

#define TASK_LABEL_MAX 192

struct task {
	struct job *job; /* owned */
	uint8_t sha256[SHA256_SIZE]; /* of job.json */
	struct vk_buffers buffers;
	struct vk_kernels kernels;
	struct slice_kernel *sizes; /* owned; one a kernel */
	char (*labels)[TASK_LABEL_MAX]; /* owned; a kernel's, for the watchdog */
	struct program_cursor start; /* the beginning, or the checkpoint's */
	bool resumed;
	char note[160]; /* why a checkpoint was refused; empty: it was not */
};

/** task_read_words() - a whole SPIR-V blob, which the caller frees; NULL with words in @err */
uint32_t *task_read_words(int fd, size_t *n_words, struct error *err);

/** task_read_job() - job.json from a descriptor; 0 or -errno with words */
int task_read_job(struct job **out, uint8_t sha256[SHA256_SIZE], int fd, struct error *err);

/**
 * task_load() - make all that the job needs, and go to its checkpoint
 * @has_checkpoint: the second descriptor is one
 * @fds: job.json, [checkpoint], blobs; emptied
 * @compile_limit_ns: for each kernel, before the watchdog ends the process
 * Return: 0 (task_free()); -errno with words.
 */
int task_load(struct task *out, const struct vk_device *dev, bool has_checkpoint,
	      struct control_fds *fds, uint64_t compile_limit_ns, struct error *err);
void task_free(struct task *t, const struct vk_device *dev);

/** task_checkpoint() - describe the present contents; @cursor stands where the device has got to */
void task_checkpoint(const struct task *t, const struct program_cursor *cursor,
		     struct checkpoint *out);

#endif
