/* SPDX-License-Identifier: MIT */
/* Every source, in the order in which they are opened and shown. */
#include "broker/sources/source.h"

#include <stddef.h>

#include "broker/sources/bpf.h"
#include "broker/sources/module.h"

const struct source_ops *const source_table[] = {
	&source_input, &source_power,    &source_thermal, &source_cpu,
	&source_gpu,   &source_schedule, &source_suspend, NULL,
};

const struct source_ops *source_choose(const struct source_ops *ops, const struct source_ctx *ctx)
{
	const struct source_ops *bpf;

	if (!ctx->module || !(ctx->module->watched & GATE_SENSOR_BIT(ops->sensor))) {
		bpf = source_bpf_choose(ops, ctx->bpf);
		return bpf ? bpf : ops;
	}
	switch (ops->sensor) {
	case GATE_SENSOR_INPUT:
		return &source_module_input;
	case GATE_SENSOR_POWER:
		return &source_module_power;
	case GATE_SENSOR_THERMAL:
		return &source_module_thermal;
	case GATE_SENSOR_SUSPEND:
		return &source_module_suspend;
	default:
		return ops;
	}
}
