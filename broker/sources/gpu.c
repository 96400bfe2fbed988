/* SPDX-License-Identifier: MIT */
/*
 * GPU: does a program that is no job use the device?
 *
 * The kernel has no event for this in plain user space, so it is looked up in the DRM fdinfo of
 * other processes (gpu_clients.h): the share of each engine's time over a window. A look takes
 * place every 2 s while the gate is open, and every 5 s while only this keeps it closed; the
 * first window after a pause is 1 s. The fact goes on at the configured share, and off below half
 * of it. Otherwise nothing is looked at, but for one window at the start, so that the first fact
 * is a true one.
 *
 * Some drivers tell no engine times (lima, virtio-gpu): where only such are in use this sensor
 * counts as absent and says so. A broker that may not look into other users' processes has lost
 * this sensor.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/sources/gpu_clients.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define GPU_WINDOW_NS (1 * NS_PER_S)
#define GPU_FAST_NS   (2 * NS_PER_S)
#define GPU_SLOW_NS   (5 * NS_PER_S)
#define GPU_HOLDS     IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY)

struct gpu {
	struct sensor sensor;
	struct gpu_clients *clients;
	struct loop_timer *timer;
	uint32_t holds;
	bool busy;
	bool begun; /* the first fact was given */
};

DEFINE_CLEANUP(DIR, dir, closedir)

static bool folder_has(const char *dev, const char *sub, const char *prefix)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	int fd = dir_open(dev, sub);
	struct dirent *e;

	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return false;
	}
	while ((e = readdir(dir)))
		if (!strncmp(e->d_name, prefix, strlen(prefix)))
			return true;
	return false;
}

static bool gpu_have_node(const struct gpu *g)
{
	const char *dev = g->sensor.ctx.config->roots.dev;

	return folder_has(dev, "dri", "render") || folder_has(dev, "accel", "accel");
}

static void gpu_fact(struct gpu *g, bool busy)
{
	g->busy = busy;
	g->begun = true;
	sensor_fact(&g->sensor, &(struct gate_fact){.kind = GATE_FACT_GPU, .on = busy});
}

static void gpu_judge(struct gpu *g, const struct gpu_look *look)
{
	uint32_t limit = g->sensor.ctx.config->gpu_busy_permille;

	if (look->n_denied) {
		g->begun = true;
		sensor_say(&g->sensor, GATE_SENSOR_LOST,
			   "%u processes cannot be looked into: run the broker as root or give it "
			   "CAP_SYS_PTRACE",
			   look->n_denied);
		return;
	}
	gpu_fact(g, look->busy_permille >= (g->busy ? (limit + 1) / 2 : limit));
	if (look->n_clients && look->n_silent == look->n_clients)
		sensor_say(&g->sensor, GATE_SENSOR_ABSENT,
			   "driver %.31s tells no engine times: other programs' use cannot be seen",
			   look->driver);
	else if (look->n_clients)
		sensor_say(&g->sensor, GATE_SENSOR_OK,
			   "%u programs hold a device and use %u of 1000 (%.31s)%s",
			   look->n_clients, look->busy_permille, look->driver,
			   look->n_silent ? "; some drivers tell no engine times" : "");
	else
		sensor_say(&g->sensor, GATE_SENSOR_OK, "no other program holds a device");
}

static enum source_pace gpu_pace(const struct gpu *g)
{
	return source_pace(g->holds, sensor_mine(&g->sensor, GPU_HOLDS));
}

static void gpu_look_now(void *data)
{
	struct gpu *g = data;
	const struct source_ctx *ctx = &g->sensor.ctx;
	uint64_t now = clock_now_ns(), next;
	struct gpu_look look;
	int r;

	if (!gpu_have_node(g)) {
		gpu_fact(g, false);
		sensor_say(&g->sensor, GATE_SENSOR_ABSENT, "no render node and no accelerator");
		return; /* one that comes is found when the gate opens */
	}
	r = gpu_clients_look(g->clients, ctx->config->roots.proc, now, ctx->is_ours, ctx->data,
			     &look);
	if (r < 0) {
		g->begun = true;
		sensor_say(&g->sensor, GATE_SENSOR_LOST, "%.100s: %s", ctx->config->roots.proc,
			   strerror(-r));
	} else if (!look.first) {
		gpu_judge(g, &look);
	}
	if (g->begun && gpu_pace(g) == SOURCE_ASLEEP)
		return;
	next = gpu_pace(g) == SOURCE_FAST ? GPU_FAST_NS : GPU_SLOW_NS;
	loop_timer_at(g->timer, now + (r == 0 && look.first ? GPU_WINDOW_NS : next));
}

/* Starts anew: the last look may be long ago. */
static void gpu_begin(struct gpu *g)
{
	gpu_clients_forget(g->clients);
	loop_timer_at(g->timer, 0);
}

static void gpu_holds_changed(void *source, uint32_t holds)
{
	struct gpu *g = source;
	enum source_pace before = gpu_pace(g);

	g->holds = holds;
	if (!g->sensor.ctx.config->gpu_busy_permille || !g->begun || gpu_pace(g) == before)
		return;
	if (gpu_pace(g) == SOURCE_ASLEEP)
		loop_timer_at(g->timer, UINT64_MAX);
	else if (before == SOURCE_ASLEEP)
		gpu_begin(g);
	else
		loop_timer_at(g->timer, clock_now_ns() + GPU_WINDOW_NS);
}

static void gpu_reload(void *source)
{
	struct gpu *g = source;

	loop_timer_at(g->timer, UINT64_MAX);
	if (!g->sensor.ctx.config->gpu_busy_permille) {
		gpu_fact(g, false);
		sensor_say(&g->sensor, GATE_SENSOR_ABSENT, "switched off: gpu_busy is 0");
		return;
	}
	g->begun = false;
	gpu_clients_forget(g->clients);
	gpu_look_now(g);
}

static void gpu_status(void *source, struct source_status *out)
{
	struct gpu *g = source;

	sensor_status(&g->sensor, out);
}

static void gpu_close(void *source)
{
	struct gpu *g = source;

	gpu_clients_free(g->clients);
	loop_timer_free(g->timer);
	free(g);
}

DEFINE_CLEANUP(struct gpu, gpu, gpu_close)

static int gpu_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_gpup) struct gpu *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	sensor_init(&g->sensor, ctx, &source_gpu);
	g->sensor.tier = "fdinfo";
	g->holds = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	r = gpu_clients_new(&g->clients);
	if (r < 0)
		return r;
	r = loop_timer_new(ctx->loop, gpu_look_now, g, &g->timer);
	if (r < 0)
		return r;
	gpu_reload(g);
	*out = steal_ptr(g);
	return 0;
}

const struct source_ops source_gpu = {
	.name = "gpu",
	.sensor = GATE_SENSOR_GPU,
	.open = gpu_open,
	.holds_changed = gpu_holds_changed,
	.reload = gpu_reload,
	.status = gpu_status,
	.close = gpu_close,
};
