/* SPDX-License-Identifier: MIT */
/*
 * Processor: do the owner's programs wait for it?
 *
 * A pressure trigger (PSI) wakes us when some task waited longer than the configured share of a
 * second. That may have been our own jobs, so two looks a second apart follow, from which the
 * waiting of our workers' threads is taken off (psi.h). If others waited, the fact is on; if
 * not, the trigger rests for a while, since jobs that fill the processor would fire it on and on.
 * While the fact is on a look every 5 s finds out when it is over (below half the share).
 *
 * The trigger exists only while the gate is open: in the kernel, too, it costs wake-ups. A look
 * every 5 s stands beside it, and in for it where none can be set: a trigger without
 * CAP_SYS_RESOURCE is judged by the work that also brings the averages up to date, and a program
 * that reads the pressure file just before leaves that work nothing to do (psi_show() and
 * psi_avgs_work() in kernel/sched/psi.c), so the trigger may stay silent.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/sources/psi.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define CPU_CONFIRM_NS  (1 * NS_PER_S)
#define CPU_REST_NS     (4 * NS_PER_S)
#define CPU_LOOK_NS     (5 * NS_PER_S)
#define CPU_WORKERS_MAX 64
#define CPU_HOLDS       IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_CPU_BUSY)

enum cpu_phase {
	CPU_IDLE, /* nothing is armed */
	CPU_TRIGGER, /* the trigger waits */
	CPU_CONFIRM, /* it fired: the second look is due */
	CPU_REST, /* it fired for our own jobs: armed again later */
	CPU_LOOK, /* looking by time */
};

struct cpu {
	struct sensor sensor;
	struct loop_timer *timer;
	struct loop_watch *watch;
	int trigger;
	int trigger_error;
	uint32_t holds;
	enum cpu_phase phase;
	bool busy;
	bool had; /* pressure was readable once */
	struct psi_look before; /* at_ns 0: none */
};

static uint64_t cpu_own_delay(const struct cpu *c)
{
	const struct source_ctx *ctx = &c->sensor.ctx;
	int pids[CPU_WORKERS_MAX];
	int n = ctx->workers ? ctx->workers(ctx->data, pids, CPU_WORKERS_MAX) : 0;
	uint64_t sum = 0;

	for (int i = 0; i < n && i < CPU_WORKERS_MAX; i++)
		sum += psi_run_delay(ctx->config->roots.proc, pids[i]);
	return sum;
}

static void cpu_disarm(struct cpu *c)
{
	loop_unwatch(c->watch);
	c->watch = NULL;
	if (c->trigger >= 0)
		close(steal_fd(&c->trigger));
	loop_timer_at(c->timer, UINT64_MAX);
	c->phase = CPU_IDLE;
}

/* Says what is wrong when the look failed. */
static int cpu_read(struct cpu *c, struct psi_look *out, uint32_t *avg10)
{
	const char *proc = c->sensor.ctx.config->roots.proc;
	_cleanup_close_ int dir = dir_open(proc, "pressure");
	char text[256];
	int r = dir < 0 ? dir : attr_read(dir, "cpu", text, sizeof(text));

	if (r == -ENOENT || r == -EOPNOTSUPP) {
		sensor_say(
			&c->sensor, c->had ? GATE_SENSOR_LOST : GATE_SENSOR_ABSENT,
			"no %.100s/pressure/cpu: the kernel needs CONFIG_PSI, and psi=1 if it is "
			"off by default",
			proc);
		return r;
	}
	if (r >= 0)
		r = psi_parse(text, &out->some_us, avg10);
	if (r < 0) {
		sensor_say(&c->sensor, GATE_SENSOR_LOST, "%.100s/pressure/cpu: %s", proc,
			   r == -EBADMSG ? "not the text of a pressure file" : strerror(-r));
		return r;
	}
	out->at_ns = clock_now_ns();
	out->own_ns = cpu_own_delay(c);
	return 0;
}

static void cpu_tell(struct cpu *c, bool busy, uint32_t permille)
{
	char how[64] = "";

	c->busy = busy;
	c->had = true;
	sensor_fact(&c->sensor, &(struct gate_fact){.kind = GATE_FACT_CPU, .on = busy});
	if (c->trigger_error)
		snprintf(how, sizeof(how), "; no trigger (%s), so it looks every 5 s",
			 strerror(-c->trigger_error));
	sensor_say(&c->sensor, GATE_SENSOR_OK, "others waited %u of 1000%s", permille, how);
}

static void cpu_schedule(struct cpu *c);

static void cpu_trigger_ready(void *data, int fd, int events)
{
	struct cpu *c = data;
	uint32_t avg10;

	cpu_disarm(c);
	if (events < 0 || events & (POLLERR | POLLNVAL)) {
		sensor_say(&c->sensor, GATE_SENSOR_LOST,
			   "the kernel took the pressure trigger away");
		cpu_schedule(c);
		return;
	}
	if (cpu_read(c, &c->before, &avg10) < 0)
		return;
	c->phase = CPU_CONFIRM;
	loop_timer_at(c->timer, clock_now_ns() + CPU_CONFIRM_NS);
}

static void cpu_arm_look(struct cpu *c)
{
	uint32_t avg10;

	if (c->phase != CPU_LOOK && cpu_read(c, &c->before, &avg10) < 0)
		c->before.at_ns = 0;
	c->phase = CPU_LOOK;
	loop_timer_at(c->timer, clock_now_ns() + CPU_LOOK_NS);
}

static void cpu_arm_trigger(struct cpu *c)
{
	const struct config *config = c->sensor.ctx.config;

	cpu_disarm(c);
	c->trigger = psi_trigger(config->roots.proc, config->cpu_busy_permille);
	c->trigger_error = c->trigger < 0 ? c->trigger : 0;
	if (c->trigger >= 0 && loop_watch(c->sensor.ctx.loop, c->trigger, POLLPRI,
					  cpu_trigger_ready, c, &c->watch) == 0) {
		c->sensor.tier = "psi trigger";
		cpu_arm_look(c);
		c->phase = CPU_TRIGGER;
		return;
	}
	c->sensor.tier = "psi";
	cpu_arm_look(c);
}

/* Brings what is armed in line with the holds. Reads, but gives no fact unless reading fails. */
static void cpu_schedule(struct cpu *c)
{
	enum source_pace pace = source_pace(c->holds, sensor_mine(&c->sensor, CPU_HOLDS));

	if (pace == SOURCE_ASLEEP || c->sensor.state == GATE_SENSOR_ABSENT)
		cpu_disarm(c);
	else if (pace == SOURCE_SLOW || c->busy || c->sensor.state == GATE_SENSOR_LOST)
		cpu_arm_look(c);
	else if (c->trigger_error)
		cpu_arm_look(c);
	else if (c->phase == CPU_IDLE || c->phase == CPU_LOOK)
		cpu_arm_trigger(c);
}

static void cpu_timer(void *data)
{
	struct cpu *c = data;
	enum cpu_phase phase = c->phase;
	uint32_t limit = c->sensor.ctx.config->cpu_busy_permille;
	struct psi_look now;
	uint32_t permille, avg10;

	if (phase == CPU_IDLE) {
		cpu_schedule(c); /* the holds changed */
		return;
	}
	if (phase == CPU_REST) {
		cpu_arm_trigger(c);
		return;
	}
	if (cpu_read(c, &now, &avg10) == 0) {
		permille = psi_foreign_permille(&c->before, &now);
		if (c->before.at_ns)
			cpu_tell(c, permille >= (c->busy ? (limit + 1) / 2 : limit), permille);
		c->before = now;
	}
	if (phase == CPU_TRIGGER && !c->busy && c->sensor.state == GATE_SENSOR_OK) {
		loop_timer_at(c->timer, clock_now_ns() + CPU_LOOK_NS);
		return;
	}
	if (phase == CPU_TRIGGER)
		cpu_disarm(c);
	if (phase == CPU_CONFIRM && !c->busy && c->sensor.state == GATE_SENSOR_OK) {
		c->phase = CPU_REST;
		loop_timer_at(c->timer, clock_now_ns() + CPU_REST_NS);
		return;
	}
	cpu_schedule(c);
}

static void cpu_holds_changed(void *source, uint32_t holds)
{
	struct cpu *c = source;
	uint32_t mine = sensor_mine(&c->sensor, CPU_HOLDS);
	enum source_pace before = source_pace(c->holds, mine);
	enum source_pace pace = source_pace(holds, mine);

	c->holds = holds;
	if (pace == before)
		return;
	/* From the timer, because a fact may be what brought us here. */
	cpu_disarm(c);
	if (pace != SOURCE_ASLEEP)
		loop_timer_at(c->timer, 0);
}

/* The first fact: nothing of ours runs yet, so the kernel's own average is all the others'. */
static void cpu_begin(struct cpu *c)
{
	uint32_t limit = c->sensor.ctx.config->cpu_busy_permille;
	uint32_t avg10;

	cpu_disarm(c);
	c->busy = false;
	c->had = false;
	c->trigger_error = 0;
	if (!limit) {
		sensor_fact(&c->sensor, &(struct gate_fact){.kind = GATE_FACT_CPU, .on = false});
		sensor_say(&c->sensor, GATE_SENSOR_ABSENT, "switched off: cpu_busy is 0");
		return;
	}
	if (cpu_read(c, &c->before, &avg10) == 0)
		cpu_tell(c, avg10 / 10 >= limit, avg10 / 10);
	cpu_schedule(c);
}

static void cpu_reload(void *source)
{
	cpu_begin(source);
}

static void cpu_status(void *source, struct source_status *out)
{
	struct cpu *c = source;

	sensor_status(&c->sensor, out);
}

static void cpu_close(void *source)
{
	struct cpu *c = source;

	cpu_disarm(c);
	loop_timer_free(c->timer);
	free(c);
}

static int cpu_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_free_ struct cpu *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	sensor_init(&c->sensor, ctx, &source_cpu);
	c->sensor.tier = "psi";
	c->trigger = -1;
	c->holds = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST);
	r = loop_timer_new(ctx->loop, cpu_timer, c, &c->timer);
	if (r < 0)
		return r;
	cpu_begin(c);
	*out = steal_ptr(c);
	return 0;
}

const struct source_ops source_cpu = {
	.name = "cpu",
	.sensor = GATE_SENSOR_CPU,
	.open = cpu_open,
	.holds_changed = cpu_holds_changed,
	.reload = cpu_reload,
	.status = cpu_status,
	.close = cpu_close,
};
