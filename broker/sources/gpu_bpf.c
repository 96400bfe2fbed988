/* SPDX-License-Identifier: MIT */
/*
 * GPU by eBPF: does a program that is no job use a device, and how much of it?
 *
 * The programs count device time by process in the kernel, and tell when there is something to
 * judge (gpu_watch.h); which programs these are goes by the drivers in the machine (gpu_plan.h).
 * Where what is needed cannot be attached, and until it is, the source that looks into fdinfo
 * stands in (gpu.c), as a part of this one. Devices come and go: at each uevent of theirs all this
 * is asked anew. Nothing is let go before what takes its place is there.
 *
 * While a hold stands that an event or a deadline clears, nothing that happens here could open the
 * gate, so nothing is armed and no timer runs; the programs go on counting.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/bpf/gpu.h"
#include "broker/sources/bpf.h"
#include "broker/sources/gpu_plan.h"
#include "broker/sources/gpu_watch.h"
#include "broker/sources/sensor.h"
#include "broker/sources/uevent.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define GPU_PROBES                                                                \
	(GPU_PLAN_BIT(BPF_PROBE_GPU_SCHED) | GPU_PLAN_BIT(BPF_PROBE_GPU_VIRTIO) | \
	 GPU_PLAN_BIT(BPF_PROBE_GPU_I915) | GPU_PLAN_FENCE)
#define GPU_HOLDS IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY)

struct gpu_bpf {
	struct sensor sensor;
	struct gpu_watch watch;
	struct gpu_plan plan;
	uint32_t attached;
	struct uevent *drm, *accel;
	struct loop_timer *timer;
	uint32_t holds;
	bool told, busy; /* the last fact */
	void *fdinfo; /* stands in; NULL: it does not */
};

static struct bpf_hub *hub_of(const struct gpu_bpf *g)
{
	return g->sensor.ctx.bpf;
}

static bool is_asleep(const struct gpu_bpf *g)
{
	return source_pace(g->holds, sensor_mine(&g->sensor, GPU_HOLDS)) == SOURCE_ASLEEP;
}

static void tell(struct gpu_bpf *g, bool busy)
{
	if (g->told && g->busy == busy)
		return;
	g->told = true;
	g->busy = busy;
	sensor_fact(&g->sensor, &(struct gate_fact){.kind = GATE_FACT_GPU, .on = busy});
}

/* Was there more work after the counts were read, and before the switch was turned on? */
static bool arm(struct gpu_bpf *g, const struct gpu_watch_verdict *v, uint64_t submit_ns,
		uint64_t over_ns, enum gpu_watch_event *missed)
{
	if (v->arm_over && bpf_hub_arm(hub_of(g), BPF_RECORD_GPU_SHARE, over_ns)) {
		*missed = GPU_WATCH_OVER;
		return true;
	}
	if (v->arm_submit && bpf_hub_arm(hub_of(g), BPF_RECORD_GPU, submit_ns)) {
		*missed = GPU_WATCH_SUBMIT;
		return true;
	}
	return false;
}

static void judge(struct gpu_bpf *g, enum gpu_watch_event event)
{
	struct gpu_watch_verdict v;
	struct gpu_total total;
	bool again;
	int r;

	if (g->fdinfo)
		return;
	do {
		uint64_t submit_ns = bpf_hub_last(hub_of(g), BPF_RECORD_GPU);
		uint64_t over_ns = bpf_hub_last(hub_of(g), BPF_RECORD_GPU_SHARE);

		r = bpf_gpu_total(hub_of(g), &total);
		if (r < 0) {
			sensor_say(&g->sensor, GATE_SENSOR_LOST, "the counts cannot be read: %s",
				   strerror(-r));
			return;
		}
		gpu_watch_step(&g->watch, event, &total, clock_now_ns(), &v);
		again = !is_asleep(g) && arm(g, &v, submit_ns, over_ns, &event);
	} while (again && !g->watch.busy);
	loop_timer_at(g->timer, is_asleep(g) ? UINT64_MAX : v.look_at_ns);
	tell(g, v.busy);
}

static void on_timer(void *data)
{
	judge(data, GPU_WATCH_LOOK);
}

static void on_submit(void *data, const struct bpf_record *rec)
{
	struct gpu_bpf *g = data;

	if (rec && !g->busy)
		log_debug("foreign work on a device", LOG_STR("program", rec->comm),
			  LOG_UINT("process", rec->tgid));
	judge(g, rec ? GPU_WATCH_SUBMIT : GPU_WATCH_LOST);
}

static void on_over(void *data, const struct bpf_record *rec)
{
	struct gpu_bpf *g = data;

	if (rec && !g->busy)
		log_info("a program uses the device more than it may",
			 LOG_STR("program", rec->comm), LOG_UINT("process", rec->tgid));
	judge(g, rec ? GPU_WATCH_OVER : GPU_WATCH_LOST);
}

/* All but @keep; why one of @asked could not be had shall still be known. */
static void detach_but(struct gpu_bpf *g, uint32_t keep, uint32_t asked)
{
	uint32_t gone = GPU_PROBES & ~keep & (g->attached | ~asked);

	for (uint32_t probe = 0; probe < BPF_PROBE_COUNT; probe++)
		if (gone & GPU_PLAN_BIT(probe))
			bpf_hub_detach(hub_of(g), probe);
	g->attached &= keep;
}

/* What is attached already stays so: its counts go on. The worst answer of all. */
static int attach(struct gpu_bpf *g, uint32_t probes)
{
	int r = 0;

	for (uint32_t probe = 0; probe < BPF_PROBE_COUNT; probe++) {
		int one;

		if (!(probes & GPU_PLAN_BIT(probe)))
			continue;
		one = bpf_hub_attach(hub_of(g), probe);
		if (one == 0)
			g->attached |= GPU_PLAN_BIT(probe);
		else if (one != -EINPROGRESS || r == 0)
			r = one;
	}
	return r;
}

static void stand_in(struct gpu_bpf *g)
{
	if (g->fdinfo)
		return;
	loop_timer_at(g->timer, UINT64_MAX);
	if (source_gpu.open(&g->fdinfo, &g->sensor.ctx) < 0)
		sensor_say(&g->sensor, GATE_SENSOR_LOST, "out of memory");
	else
		source_gpu.holds_changed(g->fdinfo, g->holds);
}

static void stand_out(struct gpu_bpf *g)
{
	if (!g->fdinfo)
		return;
	source_gpu.close(steal_ptr(g->fdinfo));
	g->told = false;
	g->sensor.state = GATE_SENSOR_UNHEARD; /* what the other one said is not known here */
}

/*
 * Returns 0, and only what the plan needs is attached; -EINPROGRESS: not yet; or another -errno.
 * The fences alone are coarse, but they see every driver, and at once.
 */
static int attach_plan(struct gpu_bpf *g)
{
	uint32_t probes = g->plan.n_devices ? g->plan.probes : 0;
	int r = attach(g, probes);

	if (r == -EINPROGRESS && g->attached & GPU_PLAN_FENCE)
		return 0;
	if (r < 0 && r != -EINPROGRESS) {
		probes = GPU_PLAN_FENCE;
		r = attach(g, probes);
	}
	if (r != -EINPROGRESS)
		detach_but(g, r == 0 ? probes : 0, probes | g->plan.probes);
	return r;
}

static void plan_anew(struct gpu_bpf *g)
{
	int r = gpu_plan_look(&g->plan, g->sensor.ctx.config->roots.sys);

	if (r == 0)
		r = attach_plan(g);
	if (r < 0) {
		stand_in(g);
		return;
	}
	stand_out(g);
	if (!g->plan.n_devices) {
		loop_timer_at(g->timer, UINT64_MAX);
		tell(g, false);
		sensor_say(&g->sensor, GATE_SENSOR_ABSENT, "no render node and no accelerator");
		return;
	}
	judge(g, GPU_WATCH_LOOK);
	sensor_say(&g->sensor, GATE_SENSOR_OK, "%u devices%s", g->plan.n_devices,
		   g->attached & GPU_PLAN_FENCE ? ", by their fences alone, so coarsely" : "");
}

static void on_answer(void *data)
{
	plan_anew(data);
}

/* The module that was missing may have come with the device. */
static void on_uevent(void *data)
{
	struct gpu_bpf *g = data;

	for (uint32_t probe = 0; probe < BPF_PROBE_COUNT; probe++)
		if (g->plan.probes & GPU_PLAN_BIT(probe))
			bpf_hub_ask_again(hub_of(g), probe, -ESRCH);
	plan_anew(g);
}

static void listen_answers(struct gpu_bpf *g, bpf_hub_answer_fn fn)
{
	for (uint32_t probe = 0; probe < BPF_PROBE_COUNT; probe++)
		if (GPU_PROBES & GPU_PLAN_BIT(probe))
			bpf_hub_on_answer(hub_of(g), probe, fn, g);
}

static void gpu_holds_changed(void *source, uint32_t holds)
{
	struct gpu_bpf *g = source;
	bool was_asleep = is_asleep(g);

	g->holds = holds;
	if (g->fdinfo)
		source_gpu.holds_changed(g->fdinfo, holds);
	else if (g->attached && was_asleep != is_asleep(g))
		loop_timer_at(g->timer, was_asleep ? 0 : UINT64_MAX);
}

static void gpu_reload(void *source)
{
	struct gpu_bpf *g = source;
	const struct config *c = g->sensor.ctx.config;

	gpu_watch_init(&g->watch, c->gpu_busy_permille, c->gpu_window_ns, c->gpu_at_once);
	bpf_gpu_limit(hub_of(g), &g->watch.limit);
	if (g->fdinfo)
		source_gpu.reload(g->fdinfo);
	plan_anew(g);
}

static void gpu_status(void *source, struct source_status *out)
{
	struct gpu_bpf *g = source;

	if (g->fdinfo)
		source_gpu.status(g->fdinfo, out);
	else
		sensor_status(&g->sensor, out);
}

static void gpu_close(void *source)
{
	struct gpu_bpf *g = source;

	if (g->fdinfo)
		source_gpu.close(g->fdinfo);
	bpf_hub_listen(hub_of(g), BPF_RECORD_GPU, NULL, NULL);
	bpf_hub_listen(hub_of(g), BPF_RECORD_GPU_SHARE, NULL, NULL);
	listen_answers(g, NULL);
	detach_but(g, 0, 0);
	uevent_free(g->drm);
	uevent_free(g->accel);
	loop_timer_free(g->timer);
	free(g);
}

DEFINE_CLEANUP(struct gpu_bpf, gpu_bpf, gpu_close)

static int gpu_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_gpu_bpfp) struct gpu_bpf *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	sensor_init(&g->sensor, ctx, &source_bpf_gpu);
	g->sensor.tier = "ebpf";
	g->holds = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	r = loop_timer_new(ctx->loop, on_timer, g, &g->timer);
	/* Without uevents a device that comes later is found at a reload. */
	if (r == 0 && uevent_new(&g->drm, ctx->loop, "drm", on_uevent, g) == -ENOMEM)
		r = -ENOMEM;
	if (r == 0 && uevent_new(&g->accel, ctx->loop, "accel", on_uevent, g) == -ENOMEM)
		r = -ENOMEM;
	if (r < 0)
		return r;
	bpf_hub_listen(ctx->bpf, BPF_RECORD_GPU, on_submit, g);
	bpf_hub_listen(ctx->bpf, BPF_RECORD_GPU_SHARE, on_over, g);
	listen_answers(g, on_answer);
	gpu_reload(g);
	*out = steal_ptr(g);
	return 0;
}

const struct source_ops source_bpf_gpu = {
	.name = "gpu",
	.sensor = GATE_SENSOR_GPU,
	.open = gpu_open,
	.holds_changed = gpu_holds_changed,
	.reload = gpu_reload,
	.status = gpu_status,
	.close = gpu_close,
};
