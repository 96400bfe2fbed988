/* SPDX-License-Identifier: MIT */
/*
 * Input by eBPF: when did the owner last use the device?
 *
 * The program (bpf/input.bpf.c) sees every event of every device, a grabbed one too, and keeps
 * the time of the last. The first after a quiet time is told by a record, and closes the gate;
 * from then on nobody need be woken for the next ones: a timer looks at the time now and then,
 * by a fraction of the idle time and at most every second, and if something came that is one more
 * input. When nothing did, a record is asked for again and no timer is left. An input found by the
 * timer counts from then, so the error is on the owner's side.
 *
 * Lost records count as an input, and so does one of the last moments before this source was
 * opened, or before it is closed: the source whose place it takes, or that takes its place, may not
 * have come to tell of it.
 */
#include <errno.h>
#include <stdlib.h>

#include "broker/bpf/hub.h"
#include "broker/sources/bpf.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define QUIET_MAX_NS (1 * NS_PER_S)
#define QUIET_MIN_NS (10 * NS_PER_MS)
#define MOMENTS_NS   (5 * NS_PER_S)

struct input_bpf {
	struct sensor sensor;
	struct loop_timer *timer;
	uint64_t known_ns; /* the last input that was told */
};

static uint64_t quiet_ns(const struct input_bpf *in)
{
	uint64_t quiet = in->sensor.ctx.config->gate.idle_after_ns / 16;

	if (quiet > QUIET_MAX_NS)
		return QUIET_MAX_NS;
	return quiet < QUIET_MIN_NS ? QUIET_MIN_NS : quiet;
}

static void input_came(struct input_bpf *in)
{
	in->known_ns = bpf_hub_last(in->sensor.ctx.bpf, BPF_RECORD_INPUT);
	loop_timer_at(in->timer, clock_now_ns() + quiet_ns(in));
	sensor_fact(&in->sensor, &(struct gate_fact){.kind = GATE_FACT_INPUT});
}

static void on_record(void *data, const struct bpf_record *rec)
{
	input_came(data);
}

/* Was there another since the last look? If not, the next one shall be told. */
static void on_timer(void *data)
{
	struct input_bpf *in = data;
	struct bpf_hub *hub = in->sensor.ctx.bpf;

	if (bpf_hub_last(hub, BPF_RECORD_INPUT) > in->known_ns ||
	    bpf_hub_arm(hub, BPF_RECORD_INPUT, in->known_ns))
		input_came(in);
}

static void input_status(void *source, struct source_status *out)
{
	struct input_bpf *in = source;

	sensor_status(&in->sensor, out);
}

static void input_close(void *source)
{
	struct input_bpf *in = source;
	struct bpf_hub *hub = in->sensor.ctx.bpf;

	if (bpf_hub_last(hub, BPF_RECORD_INPUT) > in->known_ns)
		sensor_fact(&in->sensor, &(struct gate_fact){.kind = GATE_FACT_INPUT});
	bpf_hub_listen(hub, BPF_RECORD_INPUT, NULL, NULL);
	bpf_hub_detach(hub, BPF_PROBE_INPUT);
	loop_timer_free(in->timer);
	free(in);
}

static int input_open(void **out, const struct source_ctx *ctx)
{
	struct input_bpf *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return -ENOMEM;
	sensor_init(&in->sensor, ctx, &source_bpf_input);
	r = loop_timer_new(ctx->loop, on_timer, in, &in->timer);
	if (r < 0) {
		free(in);
		return r;
	}
	in->sensor.tier = "ebpf";
	in->known_ns = bpf_hub_last(ctx->bpf, BPF_RECORD_INPUT);
	if (in->known_ns + MOMENTS_NS > clock_now_ns())
		in->known_ns = 0;
	bpf_hub_listen(ctx->bpf, BPF_RECORD_INPUT, on_record, in);
	sensor_say(&in->sensor, GATE_SENSOR_OK,
		   "every input device, also one that a program has grabbed");
	on_timer(in);
	*out = in;
	return 0;
}

const struct source_ops source_bpf_input = {
	.name = "input",
	.sensor = GATE_SENSOR_INPUT,
	.open = input_open,
	.status = input_status,
	.close = input_close,
};
