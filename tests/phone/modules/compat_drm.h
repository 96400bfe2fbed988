/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels 6.1 and 7.x for a test module with a DRM device, and nothing else;
 * see compat.h.
 *
 * A kernel without accelerators (6.1, or CONFIG_DRM_ACCEL off) gets a render node instead, and so
 * does a build with VNPU_RENDER=1.
 */
#ifndef _PHONE_COMPAT_DRM_H
#define _PHONE_COMPAT_DRM_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_print.h>
#include <drm/gpu_scheduler.h>

#if defined(HAVE_DRM_ACCEL) && IS_ENABLED(CONFIG_DRM_ACCEL) && !defined(VNPU_RENDER)
#include <drm/drm_accel.h>
#define COMPAT_NODE      DRIVER_COMPUTE_ACCEL
#define COMPAT_NODE_OPEN accel_open
#else
#define COMPAT_NODE      DRIVER_RENDER
#define COMPAT_NODE_OPEN drm_open
#endif

#ifdef FOP_UNSIGNED_OFFSET
#define COMPAT_FOP_FLAGS .fop_flags = FOP_UNSIGNED_OFFSET,
#else
#define COMPAT_FOP_FLAGS
#endif

/* A driver's date was dropped; before, a driver without one was warned of. */
#ifdef HAVE_DRM_DATE
#define COMPAT_DRM_DATE .date = "20260101",
#else
#define COMPAT_DRM_DATE
#endif

/*
 * fdinfo: later kernels say the driver's name and the client's number themselves, and sum up its
 * buffers. The driver defines compat_fdinfo(), which begins with compat_fdinfo_head().
 */
void compat_fdinfo(struct drm_printer *p, struct drm_file *file);

#ifdef HAVE_DRM_SHOW_FDINFO
#define COMPAT_SHOW_FDINFO drm_show_fdinfo
#define COMPAT_DRM_FDINFO  .show_fdinfo = compat_fdinfo,

static inline u64 compat_client_id(const struct drm_file *file)
{
	return file->client_id;
}

static inline void compat_fdinfo_head(struct drm_printer *p, const char *driver, u64 client)
{
}
#else
#define COMPAT_SHOW_FDINFO compat_show_fdinfo
#define COMPAT_DRM_FDINFO

static inline u64 compat_client_id(const struct drm_file *file)
{
	static atomic64_t last;

	return atomic64_inc_return(&last);
}

static inline void compat_fdinfo_head(struct drm_printer *p, const char *driver, u64 client)
{
	drm_printf(p, "drm-driver:\t%s\n", driver);
	drm_printf(p, "drm-client-id:\t%llu\n", client);
}

static inline void drm_show_memory_stats(struct drm_printer *p, struct drm_file *file)
{
}

static void __maybe_unused compat_show_fdinfo(struct seq_file *m, struct file *f)
{
	struct drm_printer p = drm_seq_file_printer(m);

	compat_fdinfo(&p, f->private_data);
}
#endif

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*fn)(struct hrtimer *timer))
{
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = fn;
#endif
}

/* A scheduler of one job at a time, which no timeout ends. */
static inline int compat_sched_init(struct drm_gpu_scheduler *sched,
				    const struct drm_sched_backend_ops *ops, const char *name,
				    struct device *dev)
{
#ifdef HAVE_SCHED_INIT_ARGS
	const struct drm_sched_init_args args = {
		.ops = ops,
#ifdef HAVE_SCHED_NUM_RQS
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
#endif
		.credit_limit = 1,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = name,
		.dev = dev,
	};

	return drm_sched_init(sched, &args);
#else
	return drm_sched_init(sched, ops, NULL, DRM_SCHED_PRIORITY_COUNT, 1, 0,
			      MAX_SCHEDULE_TIMEOUT, NULL, NULL, name, dev);
#endif
}

static inline int compat_sched_job_init(struct drm_sched_job *job, struct drm_sched_entity *entity,
					struct drm_file *file)
{
#if defined(HAVE_SCHED_CLIENT_ID)
	return drm_sched_job_init(job, entity, 1, NULL, file->client_id);
#elif defined(HAVE_SCHED_CREDITS)
	return drm_sched_job_init(job, entity, 1, NULL);
#else
	return drm_sched_job_init(job, entity, NULL);
#endif
}

#endif
