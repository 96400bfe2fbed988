/* SPDX-License-Identifier: MIT */
/* The slicing loop; see run.h. */
#include "broker/worker/run.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "broker/worker/run_internal.h"
#include "broker/worker/watchdog.h"
#include "libbroker/util/clock.h"

#define DUTY_FULL      1000u
#define REST_MAX_NS    (2 * NS_PER_S)
#define REST_LOOK_NS   (10 * NS_PER_MS) /* a gate that closes meanwhile is seen this soon */
#define DRAIN_EVERY_NS (50 * NS_PER_MS)

static bool may_start(const struct run *r, uint64_t now)
{
	return page_load(&r->pages.gate->holds) == 0 &&
	       page_load(&r->pages.grant->state) == GRANT_RUN &&
	       now < page_load(&r->pages.grant->expiry_ns);
}

static uint32_t duty(const struct run *r)
{
	uint32_t permille = page_load(&r->pages.grant->duty_permille);

	return permille == 0 || permille > DUTY_FULL ? DUTY_FULL : permille;
}

static uint64_t quantum(const struct run *r)
{
	uint64_t ns = page_load(&r->pages.grant->quantum_ns);

	return ns ? ns : 4 * NS_PER_MS;
}

static bool checkpoint_due(const struct run *r, uint64_t now)
{
	return page_load(&r->pages.grant->checkpoint_every_ns) && now >= r->checkpoint_at_ns;
}

/* Guard the oldest slice in flight from now on. */
static void guard(struct run *r)
{
	const struct slice *s = &r->submit.slot[r->oldest].slice;
	const struct grant_page *g = r->pages.grant;

	r->limit_ns = page_load(s->first ? &g->first_slice_limit_ns : &g->slice_limit_ns);
	watchdog_begin(r->task.labels[s->part[0].kernel], r->limit_ns);
}

static int vulkan_failed(struct run *r, VkResult result)
{
	struct error err;

	error_set(&err, -EIO, NULL, "%s", vk_result_text(result));
	return run_fail(r, &err);
}

static int start_one(struct run *r)
{
	unsigned int i = (r->oldest + r->in_flight) % VK_SLOTS;
	struct slice *s = &r->submit.slot[i].slice;
	struct report_page *report = r->pages.report;
	struct program_cursor before = r->planned;
	struct error err;
	VkResult result;
	uint64_t now;

	if (slice_plan(&r->planner, &r->planned, quantum(r), s, &err) < 0)
		return run_fail(r, &err);
	if (s->n == 0) /* only dispatches of nothing */
		return RUN_ON;
	result = vk_submit_record(&r->submit, i);
	if (result != VK_SUCCESS)
		return vulkan_failed(r, result);
	/* Recording may have waited for a processor while the gate closed. */
	now = clock_now_ns();
	if (!may_start(r, now)) {
		r->planned = before;
		return RUN_ON;
	}
	r->parked = false;
	r->alone = s->first;
	page_store(&report->last_submit_ns, now);
	page_store(&report->in_flight, r->in_flight + 1);
	if (!r->in_flight++) {
		page_store(&report->state, REPORT_RUNNING);
		guard(r);
	}
	result = vk_submit_recorded(&r->submit, i);
	return result == VK_SUCCESS ? RUN_ON : vulkan_failed(r, result);
}

static void count(struct run *r, const struct vk_slot *slot, uint64_t took)
{
	struct report_page *report = r->pages.report;
	uint64_t q = quantum(r), step = took * 8 / q;

	r->device_ns += took;
	page_store(&report->slices, report->slices + 1);
	page_store(&report->device_ns, r->device_ns);
	page_store(&report->dispatches_done, r->done.passed);
	page_store(&report->last_done_ns, slot->done_ns);
	page_store(&report->in_flight, r->in_flight);
	if (took > report->longest_slice_ns)
		page_store(&report->longest_slice_ns, took);
	if (slot->slice.first)
		return;
	if (took > 2 * q)
		page_store(&report->overruns, report->overruns + 1);
	step = step < REPORT_BUCKETS ? step : REPORT_BUCKETS - 1;
	page_store(&report->histogram[step], report->histogram[step] + 1);
}

static int finish_one(struct run *r)
{
	struct vk_slot *slot = &r->submit.slot[r->oldest];
	uint64_t took = 0;
	VkResult result = vk_submit_wait(&r->submit, r->oldest, &took);

	if (result != VK_SUCCESS)
		return vulkan_failed(r, result);
	/* What took longer was stopped meanwhile: the watchdog would have ended it. */
	if (took > r->limit_ns)
		took = r->limit_ns;
	r->oldest = (r->oldest + 1) % VK_SLOTS;
	r->alone = false;
	if (--r->in_flight)
		guard(r);
	else
		watchdog_end();
	r->done = slot->slice.after;
	slice_learn(&r->planner, &slot->slice, took, quantum(r));
	count(r, slot, took);
	r->rest_until_ns = 0;
	if (duty(r) < DUTY_FULL) {
		uint64_t rest = took * (DUTY_FULL - duty(r)) / duty(r);

		r->rest_until_ns = slot->done_ns + (rest < REST_MAX_NS ? rest : REST_MAX_NS);
	}
	return RUN_ON;
}

/* Leave the device idle for the duty's sake; a packet ends the rest early. */
static int rest(struct run *r, uint64_t now)
{
	struct pollfd p = {.fd = r->control, .events = POLLIN};
	uint64_t ns = r->rest_until_ns > now ? r->rest_until_ns - now : 0;
	struct timespec ts = {.tv_nsec = (long)(ns < REST_LOOK_NS ? ns : REST_LOOK_NS)};

	if (ppoll(&p, 1, &ts, NULL) < 0 && errno != EINTR)
		return RUN_EXIT(1);
	return p.revents ? run_take_wake(r) : RUN_ON;
}

/* One turn while nothing of the job is on the device. */
static int turn_free(struct run *r, bool may, uint64_t now)
{
	uint32_t state = page_load(&r->pages.grant->state);

	r->done = r->planned; /* dispatches of nothing may follow the last slice */
	page_store(&r->pages.report->dispatches_done, r->done.passed);
	if (state == GRANT_STOP)
		return RUN_EXIT(0);
	if (program_at_end(&r->done, r->task.job))
		return run_finish(r);
	if (state == GRANT_EVICT)
		return run_evict(r);
	if (checkpoint_due(r, now))
		return run_checkpoint(r);
	return may ? rest(r, now) : run_park(r);
}

static bool room(const struct run *r)
{
	unsigned int depth = duty(r) < DUTY_FULL ? 1 : VK_SLOTS;

	/* A driver that works inside the submission leaves a slice that is over already. */
	if (r->in_flight && r->submit.slot[r->oldest].done_ns)
		return false;
	return r->in_flight < depth && !r->alone;
}

/* WAKEs that nobody waits for must not fill the socket. */
static int drain(struct run *r, uint64_t now)
{
	struct pollfd p = {.fd = r->control, .events = POLLIN};

	if (now < r->drain_at_ns)
		return RUN_ON;
	r->drain_at_ns = now + DRAIN_EVERY_NS;
	if (poll(&p, 1, 0) < 0 && errno != EINTR)
		return RUN_EXIT(1);
	return p.revents ? run_take_wake(r) : RUN_ON;
}

/* Not the job's fault: it goes on in another process. */
static int lost_lease(struct run *r, int error)
{
	run_note(r, "the kernel no longer honours this worker's lease: %s", strerror(-error));
	return RUN_EXIT(1);
}

static int turn(struct run *r)
{
	uint64_t now = clock_now_ns();
	int e = drain(r, now);
	bool may;

	if (e)
		return e;
	r->serial = page_load(&r->pages.grant->serial);
	may = may_start(r, now);
	if (may && room(r) && now >= r->rest_until_ns && !checkpoint_due(r, now) &&
	    !program_at_end(&r->planned, r->task.job)) {
		e = lease_unpark(&r->lease);
		if (e == 0)
			return start_one(r);
		if (e != -EAGAIN)
			return lost_lease(r, e);
		may = false; /* it closed since the look; a WAKE comes when it is open again */
	}
	if (r->in_flight)
		return finish_one(r);
	return turn_free(r, may, now);
}

static int prepare(struct run *r, const struct vk_device *dev, struct fence_ring *ring,
		   struct error *err)
{
	const struct task *t = &r->task;

	slice_planner_init(&r->planner, t->job, t->sizes,
			   dev->caps.limits.maxComputeWorkGroupCount);
	r->planned = r->done = r->saved = t->start;
	r->checkpoint_at_ns = clock_now_ns() + page_load(&r->pages.grant->checkpoint_every_ns);
	page_store(&r->pages.report->dispatches_total, t->job->dispatches);
	page_store(&r->pages.report->dispatches_done, r->done.passed);
	return vk_submit_new(&r->submit, dev, &t->kernels, ring, err);
}

int run_job(struct run *r, const struct vk_device *dev, struct fence_ring *ring,
	    const struct worker_msg *msg, struct control_fds *fds)
{
	struct error err = {.where = ""};
	int e = task_load(&r->task, dev, msg->flags & WORKER_JOB_HAS_CHECKPOINT, fds,
			  page_load(&r->pages.grant->first_slice_limit_ns), &err);

	if (e < 0)
		return run_fail(r, &err) - 1;
	if (*r->task.note)
		run_note(r, "%s", r->task.note);
	e = prepare(r, dev, ring, &err);
	if (e < 0)
		return run_fail(r, &err) - 1;
	for (e = RUN_ON; !e;)
		e = turn(r);
	watchdog_rest();
	vk_submit_free(&r->submit);
	task_free(&r->task, dev);
	return e - 1;
}
