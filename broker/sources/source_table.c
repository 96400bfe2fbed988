/* SPDX-License-Identifier: MIT */
/* Every source, in the order in which they are opened and shown. */
#include "broker/sources/source.h"

#include <stddef.h>

const struct source_ops *const source_table[] = {
	&source_input, &source_power,    &source_thermal, &source_cpu,
	&source_gpu,   &source_schedule, &source_suspend, NULL,
};
