/* SPDX-License-Identifier: MIT */
/* Do other programs use the device too much? See gpu_watch.h. */
#include "broker/sources/gpu_watch.h"

#include "libbroker/util/clock.h"

#define LOOK_MIN_NS (10 * NS_PER_MS)
/* No driver lets a job run so long that nothing else is begun or done meanwhile. */
#define STALE_NS    (60 * NS_PER_S)

void gpu_watch_init(struct gpu_watch *w, uint32_t permille, uint64_t window_ns, bool at_once)
{
	*w = (struct gpu_watch){
		.limit = {.permille = permille, .burst_ns = window_ns / 1000 * permille},
		.window_ns = window_ns,
		.at_once = at_once,
	};
}

static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
	return now_ns > then_ns ? now_ns - then_ns : 0;
}

static bool is_running(const struct gpu_total *total, uint64_t now_ns)
{
	return total->running && since(total->last_ns, now_ns) < STALE_NS;
}

static uint64_t level_now(const struct gpu_watch *w, const struct gpu_total *total, uint64_t now_ns)
{
	struct gpu_share share = total->share;
	uint64_t running = 0;

	if (is_running(total, now_ns))
		running = since(total->running_since_ns, now_ns);
	gpu_share_add(&share, &w->limit, now_ns, running);
	return share.level_ns;
}

static bool is_quiet(const struct gpu_watch *w, const struct gpu_total *total, uint64_t now_ns)
{
	return !is_running(total, now_ns) &&
	       (!total->last_ns || since(total->last_ns, now_ns) >= w->window_ns);
}

static bool judge(const struct gpu_watch *w, enum gpu_watch_event event,
		  const struct gpu_total *total, uint64_t level, uint64_t now_ns)
{
	if (event == GPU_WATCH_LOST || (event == GPU_WATCH_OVER && !w->at_once))
		return true;
	if (w->at_once)
		return event != GPU_WATCH_LOOK || !is_quiet(w, total, now_ns);
	return level > (w->busy ? w->limit.burst_ns / 2 : w->limit.burst_ns);
}

/* When a bucket at @level will be half empty, if nothing is added. */
static uint64_t half_empty_in(const struct gpu_watch *w, uint64_t level)
{
	uint64_t half = w->limit.burst_ns / 2;

	return level > half ? (level - half) * 1000 / w->limit.permille : 0;
}

static uint64_t look_in(const struct gpu_watch *w, const struct gpu_total *total, uint64_t level,
			bool newly, uint64_t now_ns)
{
	bool running = is_running(total, now_ns);
	uint64_t in = w->window_ns;

	if (w->busy && running)
		return in;
	if (w->busy && w->at_once && total->last_ns)
		in = w->window_ns - (since(total->last_ns, now_ns) % w->window_ns);
	else if (w->busy && half_empty_in(w, level))
		in = half_empty_in(w, level);
	else if (!w->busy && (newly || running) && level <= w->limit.burst_ns)
		in = w->limit.burst_ns - level;
	return in < LOOK_MIN_NS ? LOOK_MIN_NS : in;
}

void gpu_watch_step(struct gpu_watch *w, enum gpu_watch_event event, const struct gpu_total *total,
		    uint64_t now_ns, struct gpu_watch_verdict *out)
{
	uint64_t level = level_now(w, total, now_ns);
	bool worked = total->submits != w->submits || is_running(total, now_ns);

	w->busy = judge(w, event, total, level, now_ns);
	w->submits = total->submits;
	*out = (struct gpu_watch_verdict){
		.busy = w->busy,
		.level_ns = level,
		.arm_over = !w->busy && !w->at_once,
		.arm_submit = !w->busy && (w->at_once || !worked) && event != GPU_WATCH_SUBMIT,
		.look_at_ns = GPU_WATCH_NEVER,
	};
	if (!out->arm_submit)
		out->look_at_ns =
			now_ns + look_in(w, total, level, event == GPU_WATCH_SUBMIT, now_ns);
}
