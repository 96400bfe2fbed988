/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jobs of vnpu and the DRM scheduler that orders them.
 *
 * A file has one entity: its jobs run in the order of their numbers, and files take turns. The
 * scheduler's fence of a job goes into its out_sync and its buffers. Once pushed a job is the
 * scheduler's, which hands it back by free_job(), also when it never ran.
 */
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>

#include "compat_drm.h"
#include "vnpu.h"
#include "vnpu_drm.h"

static void file_free(struct kref *refs)
{
	kfree(container_of(refs, struct vnpu_file, refs));
}

static void file_put(struct vnpu_file *file)
{
	kref_put(&file->refs, file_free);
}

static void job_free(struct kref *refs)
{
	struct vnpu_job *job = container_of(refs, struct vnpu_job, refs);
	u32 i;

	for (i = 0; i < job->bo_count; i++)
		drm_gem_object_put(job->bos[i]);
	kvfree(job->bos);
	if (job->ran)
		dma_fence_put(&job->fence->base);
	else
		kfree(job->fence);
	file_put(job->file);
	kfree(job);
}

static void job_put(struct vnpu_job *job)
{
	kref_put(&job->refs, job_free);
}

static struct vnpu_job *job_alloc(struct vnpu_file *file)
{
	struct vnpu_job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (!job)
		return NULL;
	job->fence = vnpu_fence_alloc();
	if (!job->fence) {
		kfree(job);
		return NULL;
	}
	kref_init(&job->refs);
	kref_get(&file->refs);
	job->file = file;
	return job;
}

static struct dma_fence *sched_run_job(struct drm_sched_job *base)
{
	struct vnpu_job *job = container_of(base, struct vnpu_job, base);
	int err;

	err = vnpu_engine_start(&job->file->vnpu->engine, job);
	if (err)
		return ERR_PTR(err);
	return dma_fence_get(&job->fence->base);
}

static void sched_free_job(struct drm_sched_job *base)
{
	struct vnpu_job *job = container_of(base, struct vnpu_job, base);

	drm_sched_job_cleanup(base);
	job_put(job);
	module_put(THIS_MODULE);
}

static const struct drm_sched_backend_ops sched_ops = {
	.run_job = sched_run_job,
	.free_job = sched_free_job,
};

int vnpu_sched_init(struct vnpu_device *vnpu, struct device *dev)
{
	return compat_sched_init(&vnpu->sched, &sched_ops, "vnpu", dev);
}

int vnpu_file_new(struct vnpu_file **out, struct vnpu_device *vnpu, u64 client)
{
	struct drm_gpu_scheduler *sched = &vnpu->sched;
	struct vnpu_file *file = kzalloc(sizeof(*file), GFP_KERNEL);
	int err;

	if (!file)
		return -ENOMEM;
	kref_init(&file->refs);
	mutex_init(&file->lock);
	file->vnpu = vnpu;
	file->client = client;
	err = drm_sched_entity_init(&file->entity, DRM_SCHED_PRIORITY_NORMAL, &sched, 1, NULL);
	if (err) {
		kfree(file);
		return err;
	}
	*out = file;
	return 0;
}

/* The job on the engine runs to its end, as on hardware that cannot be stopped. */
void vnpu_file_close(struct vnpu_file *file)
{
	drm_sched_entity_destroy(&file->entity);
	file_put(file);
}

static int job_depend(struct vnpu_job *job, struct drm_file *drm_file, u32 syncobj)
{
	struct dma_fence *fence;
	int err;

	if (!syncobj)
		return 0;
	err = drm_syncobj_find_fence(drm_file, syncobj, 0, 0, &fence);
	if (err)
		return err;
	return drm_sched_job_add_dependency(&job->base, fence); /* takes the reference */
}

static int job_reserve(struct vnpu_job *job)
{
	u32 i;
	int err;

	for (i = 0; i < job->bo_count; i++) {
		err = dma_resv_reserve_fences(job->bos[i]->resv, 1);
		if (err)
			return err;
		err = drm_sched_job_add_implicit_dependencies(&job->base, job->bos[i], true);
		if (err)
			return err;
	}
	return 0;
}

/* From here on the job is the scheduler's; returns its number. */
static u64 job_queue(struct vnpu_job *job, struct drm_syncobj *out)
{
	struct vnpu_file *file = job->file;
	u64 number;
	u32 i;

	__module_get(THIS_MODULE);
	kref_get(&job->refs);
	mutex_lock(&file->lock);
	drm_sched_job_arm(&job->base);
	number = ++file->last_job;
	job->number = number;
	for (i = 0; i < job->bo_count; i++)
		dma_resv_add_fence(job->bos[i]->resv, &job->base.s_fence->finished,
				   DMA_RESV_USAGE_WRITE);
	if (out)
		drm_syncobj_replace_fence(out, &job->base.s_fence->finished);
	drm_sched_entity_push_job(&job->base);
	mutex_unlock(&file->lock);
	return number;
}

static int job_submit(struct vnpu_job *job, struct drm_file *drm_file, struct drm_vnpu_submit *args,
		      struct drm_syncobj *out)
{
	struct drm_gem_object **bos = NULL;
	struct ww_acquire_ctx ctx;
	u32 bo_count = args->bo_count;
	int err;

	err = job_depend(job, drm_file, args->in_sync);
	if (err)
		return err;
	if (!bo_count) {
		args->job = job_queue(job, out);
		return 0;
	}
	err = drm_gem_objects_lookup(drm_file, u64_to_user_ptr(args->bo_handles), bo_count, &bos);
	if (bos) {
		job->bos = bos;
		job->bo_count = bo_count;
	}
	if (err)
		return err;
	err = drm_gem_lock_reservations(bos, bo_count, &ctx);
	if (err)
		return err;
	err = job_reserve(job);
	if (!err)
		args->job = job_queue(job, out);
	drm_gem_unlock_reservations(bos, bo_count, &ctx);
	return err;
}

int vnpu_submit(struct drm_device *dev, void *data, struct drm_file *drm_file)
{
	struct drm_vnpu_submit *args = data;
	struct vnpu_file *file = drm_file->driver_priv;
	struct drm_syncobj *out = NULL;
	struct vnpu_job *job;
	int err;

	if (args->flags || args->duration_ns > VNPU_JOB_MAX_NS || args->bo_count > VNPU_JOB_MAX_BOS)
		return -EINVAL;
	job = job_alloc(file);
	if (!job)
		return -ENOMEM;
	job->duration_ns = args->duration_ns;
	err = compat_sched_job_init(&job->base, &file->entity, drm_file);
	if (err)
		goto out_job;
	if (args->out_sync) {
		out = drm_syncobj_find(drm_file, args->out_sync);
		err = out ? 0 : -ENOENT;
	}
	if (!err)
		err = job_submit(job, drm_file, args, out);
	if (out)
		drm_syncobj_put(out);
	if (err)
		drm_sched_job_cleanup(&job->base);
out_job:
	job_put(job);
	return err;
}

int vnpu_cancel(struct drm_device *dev, void *data, struct drm_file *drm_file)
{
	struct drm_vnpu_cancel *args = data;
	struct vnpu_file *file = drm_file->driver_priv;
	u64 last;

	if (args->pad)
		return -EINVAL;
	mutex_lock(&file->lock);
	last = file->last_job;
	mutex_unlock(&file->lock);
	args->cancelled = vnpu_engine_cancel(&file->vnpu->engine, file, last);
	return 0;
}
