/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vnpu's parts: the device and its calls (vnpu_drv.c), jobs and the scheduler (vnpu_job.c), and
 * the engine, which stands for the hardware (vnpu_engine.c).
 *
 * Who outlives whom: a job holds its file's account, and so does the open file. A job, from its
 * push to free_job(), and an engine's fence, until it is released, hold the module: the scheduler
 * frees the jobs of a killed process long after the process, and a syncobj that went to another
 * program keeps its fences when the device is closed.
 */
#ifndef _VNPU_H
#define _VNPU_H

#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include <drm/drm_device.h>
#include <drm/gpu_scheduler.h>

struct drm_file;
struct drm_gem_object;
struct vnpu_job;

struct vnpu_engine {
	spinlock_t lock; /* what follows, and the account of each file */
	struct vnpu_job *running;
	struct hrtimer timer; /* ends it */
	ktime_t began, ends;
	u64 fence_context;
	u64 fence_seqno;
};

struct vnpu_device {
	struct drm_device drm;
	struct vnpu_engine engine;
	struct drm_gpu_scheduler sched;
};

/* An open file. */
struct vnpu_file {
	struct kref refs;
	struct vnpu_device *vnpu;
	u64 client;
	struct drm_sched_entity entity;
	struct mutex lock; /* jobs are numbered and queued in one order */
	u64 last_job; /* under it */
	/* the account, under the engine's lock: */
	u64 busy_ns; /* of jobs that have ended */
	u64 late_ns; /* what of it is more than they asked for */
	u64 cancelled; /* jobs up to this number are dropped */
};

struct vnpu_fence {
	struct dma_fence base;
	spinlock_t lock;
};

struct vnpu_job {
	struct drm_sched_job base;
	struct kref refs; /* the scheduler's, and that of the call which submits it */
	struct vnpu_file *file;
	u64 number;
	u64 duration_ns;
	struct vnpu_fence *fence; /* set up when the job runs */
	bool ran; /* and so the fence is one */
	struct drm_gem_object **bos;
	u32 bo_count;
};

void vnpu_engine_init(struct vnpu_engine *engine);
void vnpu_engine_stop(struct vnpu_engine *engine); /* it must be idle */

/**
 * vnpu_engine_start() - begin a job; the engine must be idle
 * Return: 0: its fence will signal. -ECANCELED: it was cancelled before.
 */
int vnpu_engine_start(struct vnpu_engine *engine, struct vnpu_job *job);

/** vnpu_engine_cancel() - drop jobs of @file up to @number; returns whether one was running */
bool vnpu_engine_cancel(struct vnpu_engine *engine, struct vnpu_file *file, u64 number);

/** vnpu_engine_usage() - what @file has used up to now, and what of it was interrupts' lateness */
void vnpu_engine_usage(struct vnpu_engine *engine, struct vnpu_file *file, u64 *busy_ns,
		       u64 *late_ns);

struct vnpu_fence *vnpu_fence_alloc(void);

int vnpu_sched_init(struct vnpu_device *vnpu, struct device *dev);

int vnpu_file_new(struct vnpu_file **out, struct vnpu_device *vnpu, u64 client);
void vnpu_file_close(struct vnpu_file *file);

/* The calls; vnpu_drm.h says what they do. */
int vnpu_submit(struct drm_device *dev, void *data, struct drm_file *drm_file);
int vnpu_cancel(struct drm_device *dev, void *data, struct drm_file *drm_file);

#endif
