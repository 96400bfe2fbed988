/* SPDX-License-Identifier: MIT */
/* What the ways to run `brokerctl top` share: one connection, one sample after the other. */
#ifndef TOOLS_TOP_H
#define TOOLS_TOP_H

#include "tools/ctl.h"
#include "tools/top_layout.h"

struct top_run {
	struct ctl *ctl;
	bool once;
	bool jobs_denied; /* it was once, by this connection */
	uint64_t interval_ns;
	struct top_options options;
	struct top_sampler sampler;
	struct top_reading reading; /* the last sample */
	struct top_page page;
};

/**
 * top_fetch() - ask the broker, on a new connection if the old one is broken, and sample
 * Return: 0 or -errno; idlebroker_error() of the connection has the words.
 */
int top_fetch(struct top_run *run);

/** top_screen() - on the whole terminal until the user leaves; an exit code */
int top_screen(struct top_run *run);

#endif
