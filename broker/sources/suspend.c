/* SPDX-License-Identifier: MIT */
/*
 * Suspend: will the machine sleep now, and has it slept?
 *
 * With logind: its delay inhibitor tells of the sleep before it begins. The fact goes out at
 * once, and the inhibitor is let go after the time the jobs have to stop (grace, at most 1 s).
 * Without logind an eBPF program tells of it, most times before the kernel stops all programs; one
 * that did not come within the time that the kernel takes for that is taken back.
 * Without either a resume is noticed afterwards (resume.h) and given as suspend and resume in
 * one, so the gate still waits for the machine to settle; the sensor then counts as absent, which
 * is normal on a device without logind: the kernel freezes the jobs itself.
 *
 * A logind that was there and went is a lost sensor. It is looked for again every minute.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/sources/bpf_tell.h"
#include "broker/sources/logind.h"
#include "broker/sources/resume.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define RELEASE_MAX_NS (1 * NS_PER_S)
#define RETRY_NS       (60 * NS_PER_S)
#define FREEZE_MAX_NS  (30 * NS_PER_S) /* the kernel tries for 20 s */

struct suspend {
	struct sensor sensor;
	struct logind *logind;
	struct bpf_tell *bpf; /* without logind */
	struct resume *resume;
	struct loop_timer *release;
	struct loop_timer *retry;
	struct loop_timer *not_slept; /* bpf: a sleep that was told did not come */
	bool had_logind;
	bool told_on; /* a SUSPEND fact stands */
};

static void suspend_tell(struct suspend *s, bool on)
{
	s->told_on = on;
	sensor_fact(&s->sensor, &(struct gate_fact){.kind = GATE_FACT_SUSPEND, .on = on});
}

static void suspend_rung(void *data, const struct bpf_record *rec)
{
	struct suspend *s = data;
	bool asleep = bpf_hub_asleep(s->sensor.ctx.bpf);

	/* It may be over already: brokerd was stopped in between like all others. */
	if (!s->told_on)
		suspend_tell(s, true);
	if (!asleep)
		suspend_tell(s, false);
	loop_timer_at(s->not_slept, asleep ? clock_now_ns() + FREEZE_MAX_NS : UINT64_MAX);
}

static void suspend_not_slept(void *data)
{
	struct suspend *s = data;

	if (s->told_on)
		suspend_tell(s, false);
}

/* Only where there is no logind is it asked for, and so it is there only then. */
static void suspend_by_bpf(void *data)
{
	struct suspend *s = data;

	if (!bpf_tell_works(s->bpf))
		return;
	s->sensor.tier = "ebpf";
	sensor_say(&s->sensor, GATE_SENSOR_OK, "the kernel tells of a sleep as it begins");
}

static const struct bpf_tell_ops suspend_bell_ops = {
	.probe = BPF_PROBE_SUSPEND,
	.kind = BPF_RECORD_SUSPEND,
	.ready = suspend_by_bpf,
	.fn = suspend_rung,
};

static void suspend_without(struct suspend *s, const char *words)
{
	if (!s->had_logind && !s->bpf)
		bpf_tell_new(&s->bpf, s->sensor.ctx.bpf, &suspend_bell_ops, s);
	if (bpf_tell_works(s->bpf)) {
		suspend_by_bpf(s);
		return;
	}
	s->sensor.tier = "clock";
	if (s->had_logind) {
		sensor_say(&s->sensor, GATE_SENSOR_LOST, "%s", words);
		loop_timer_at(s->retry, clock_now_ns() + RETRY_NS);
	} else {
		sensor_say(&s->sensor, GATE_SENSOR_ABSENT,
			   "no logind (%s): a sleep is noticed after it only", words);
	}
}

static void suspend_resumed(void *data)
{
	struct suspend *s = data;

	if (s->sensor.state == GATE_SENSOR_OK && !bpf_tell_works(s->bpf))
		return; /* logind tells it better */
	suspend_tell(s, true);
	suspend_tell(s, false);
}

static void suspend_release(void *data)
{
	struct suspend *s = data;

	if (s->logind)
		logind_release(s->logind);
}

static void suspend_logind_event(void *data, enum logind_event event, const char *words)
{
	struct suspend *s = data;
	uint64_t grace = s->sensor.ctx.config->grace_ns;

	switch (event) {
	case LOGIND_READY:
		s->had_logind = true;
		bpf_tell_free(steal_ptr(s->bpf));
		loop_timer_at(s->not_slept, UINT64_MAX);
		s->sensor.tier = "logind";
		loop_timer_at(s->retry, UINT64_MAX);
		sensor_say(&s->sensor, GATE_SENSOR_OK, "logind tells of a sleep before it begins");
		break;
	case LOGIND_SLEEP:
		suspend_tell(s, true);
		loop_timer_at(s->release,
			      clock_now_ns() + (grace < RELEASE_MAX_NS ? grace : RELEASE_MAX_NS));
		break;
	case LOGIND_WAKE:
		loop_timer_at(s->release, UINT64_MAX);
		suspend_tell(s, false);
		break;
	case LOGIND_GONE:
		if (s->told_on)
			suspend_tell(s, false);
		suspend_without(s, words);
		break;
	}
}

static void suspend_connect(void *data)
{
	struct suspend *s = data;
	int r;

	logind_free(steal_ptr(s->logind));
	r = logind_new(&s->logind, s->sensor.ctx.loop, suspend_logind_event, s);
	if (r == -EOPNOTSUPP)
		suspend_without(s, "built without it");
	else if (r < 0)
		suspend_without(s, "no system bus");
}

static void suspend_reload(void *source)
{
	struct suspend *s = source;

	s->had_logind = s->sensor.state == GATE_SENSOR_OK && !bpf_tell_works(s->bpf);
	if (!s->had_logind)
		suspend_connect(s);
}

static void suspend_status(void *source, struct source_status *out)
{
	struct suspend *s = source;

	sensor_status(&s->sensor, out);
}

static void suspend_close(void *source)
{
	struct suspend *s = source;

	logind_free(s->logind);
	bpf_tell_free(s->bpf);
	loop_timer_free(s->not_slept);
	resume_free(s->resume);
	loop_timer_free(s->release);
	loop_timer_free(s->retry);
	free(s);
}

DEFINE_CLEANUP(struct suspend, suspend, suspend_close)

static int suspend_open(void **out, const struct source_ctx *ctx)
{
	_cleanup_(cleanup_suspendp) struct suspend *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	sensor_init(&s->sensor, ctx, &source_suspend);
	r = loop_timer_new(ctx->loop, suspend_release, s, &s->release);
	if (r == 0)
		r = loop_timer_new(ctx->loop, suspend_connect, s, &s->retry);
	if (r == 0)
		r = loop_timer_new(ctx->loop, suspend_not_slept, s, &s->not_slept);
	if (r == 0)
		r = resume_new(&s->resume, ctx->loop, suspend_resumed, s);
	if (r < 0)
		return r;
	suspend_connect(s);
	*out = steal_ptr(s);
	return 0;
}

const struct source_ops source_suspend = {
	.name = "suspend",
	.sensor = GATE_SENSOR_SUSPEND,
	.open = suspend_open,
	.reload = suspend_reload,
	.status = suspend_status,
	.close = suspend_close,
};
