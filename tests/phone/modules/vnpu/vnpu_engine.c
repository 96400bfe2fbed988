/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine of vnpu: what stands for the hardware.
 *
 * It has room for one job. vnpu_engine_start() is the write to its doorbell, and a timer is the
 * interrupt that tells of the end, so that the rest of the driver is as asynchronous as over real
 * hardware. What a job is charged is the time between the two, as a real engine would be seen.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "compat_drm.h"
#include "vnpu.h"

static const char *fence_name(struct dma_fence *fence)
{
	return "vnpu";
}

static void fence_release(struct dma_fence *fence)
{
	dma_fence_free(fence);
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_name,
	.get_timeline_name = fence_name,
	.release = fence_release,
};

/* Memory must not be asked for when a job runs: memory may wait for the job. */
struct vnpu_fence *vnpu_fence_alloc(void)
{
	struct vnpu_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (fence)
		spin_lock_init(&fence->lock);
	return fence;
}

/* The job that runs has ended; returns its fence, to be signalled without the lock. */
static struct dma_fence *engine_end(struct vnpu_engine *engine, int error)
{
	struct vnpu_job *job = engine->running;
	struct dma_fence *fence = &job->fence->base;
	ktime_t now = ktime_get();

	lockdep_assert_held(&engine->lock);
	engine->running = NULL;
	job->file->busy_ns += ktime_to_ns(ktime_sub(now, engine->began));
	if (ktime_after(now, engine->ends))
		job->file->late_ns += ktime_to_ns(ktime_sub(now, engine->ends));
	if (error)
		dma_fence_set_error(fence, error);
	/* The scheduler frees the job as soon as its fence has signalled. */
	return dma_fence_get(fence);
}

static void engine_tell(struct dma_fence *fence)
{
	dma_fence_signal(fence);
	dma_fence_put(fence);
}

/* One that comes late, for a job that was cancelled, must not end the next one. */
static enum hrtimer_restart engine_interrupt(struct hrtimer *timer)
{
	struct vnpu_engine *engine = container_of(timer, struct vnpu_engine, timer);
	struct dma_fence *fence = NULL;
	unsigned long flags;

	spin_lock_irqsave(&engine->lock, flags);
	if (engine->running && !ktime_before(ktime_get(), engine->ends))
		fence = engine_end(engine, 0);
	spin_unlock_irqrestore(&engine->lock, flags);
	if (fence)
		engine_tell(fence);
	return HRTIMER_NORESTART;
}

void vnpu_engine_init(struct vnpu_engine *engine)
{
	spin_lock_init(&engine->lock);
	compat_hrtimer_setup(&engine->timer, engine_interrupt);
	engine->fence_context = dma_fence_context_alloc(1);
}

void vnpu_engine_stop(struct vnpu_engine *engine)
{
	WARN_ON(engine->running);
	hrtimer_cancel(&engine->timer);
}

int vnpu_engine_start(struct vnpu_engine *engine, struct vnpu_job *job)
{
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&engine->lock, flags);
	if (job->number <= job->file->cancelled) {
		err = -ECANCELED;
	} else if (WARN_ON(engine->running)) {
		err = -EBUSY;
	} else {
		__module_get(THIS_MODULE);
		dma_fence_init(&job->fence->base, &fence_ops, &job->fence->lock,
			       engine->fence_context, ++engine->fence_seqno);
		job->ran = true;
		engine->running = job;
		engine->began = ktime_get();
		engine->ends = ktime_add_ns(engine->began, job->duration_ns);
		hrtimer_start(&engine->timer, engine->ends, HRTIMER_MODE_ABS);
	}
	spin_unlock_irqrestore(&engine->lock, flags);
	return err;
}

bool vnpu_engine_cancel(struct vnpu_engine *engine, struct vnpu_file *file, u64 number)
{
	struct dma_fence *fence = NULL;
	unsigned long flags;

	spin_lock_irqsave(&engine->lock, flags);
	file->cancelled = max(file->cancelled, number);
	if (engine->running && engine->running->file == file && engine->running->number <= number) {
		hrtimer_try_to_cancel(&engine->timer);
		fence = engine_end(engine, -ECANCELED);
	}
	spin_unlock_irqrestore(&engine->lock, flags);
	if (!fence)
		return false;
	engine_tell(fence);
	return true;
}

void vnpu_engine_usage(struct vnpu_engine *engine, struct vnpu_file *file, u64 *busy_ns,
		       u64 *late_ns)
{
	unsigned long flags;

	spin_lock_irqsave(&engine->lock, flags);
	*busy_ns = file->busy_ns;
	*late_ns = file->late_ns;
	if (engine->running && engine->running->file == file)
		*busy_ns += ktime_to_ns(ktime_sub(ktime_get(), engine->began));
	spin_unlock_irqrestore(&engine->lock, flags);
}
