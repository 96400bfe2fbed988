/* SPDX-License-Identifier: MIT */
/* The small graphs of `brokerctl top`; see top_layout.h. */
#include <string.h>

#include "tools/top_layout.h"

#define LEVELS 8

static const char *const blocks[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const letters[LEVELS] = {"_", ".", "-", ":", "=", "+", "*", "#"};

static char *append(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len + 1);
	return at + len;
}

static const char *level(int32_t value, int32_t low, int32_t high, bool ascii)
{
	int64_t i = high > low ? ((int64_t)value - low) * LEVELS / ((int64_t)high - low) : 0;

	i = i < 0 ? 0 : i >= LEVELS ? LEVELS - 1 : i;
	return ascii ? letters[i] : blocks[i];
}

void top_graph(char *out, const struct top_ring *ring, uint32_t width, int32_t low, int32_t high,
	       bool ascii)
{
	if (width > TOP_WIDTH_MAX)
		width = TOP_WIDTH_MAX;
	out[0] = '\0';
	for (uint32_t ago = width; ago-- > 0;) {
		int32_t value = top_ring_get(ring, ago);

		out = append(out, value == TOP_UNKNOWN ? " " : level(value, low, high, ascii));
	}
}

/*
 * The states that the gate had between @from and @to ago, as bits: 1 closed, 2 open. A
 * change tells what was after it; before the first one that is known the gate was closed, if that
 * is the first of all: it is as the broker starts.
 */
static unsigned int states(const struct top_reading *r, uint64_t from, uint64_t to)
{
	unsigned int seen = 0;
	uint64_t until = 0; /* ago */
	uint64_t first;

	for (uint32_t i = 0; i < r->n_changes; i++) {
		const struct top_change *c = &r->change[i];

		if (c->ago_ns > to && until < from)
			seen |= c->open ? 2 : 1;
		until = c->ago_ns;
	}
	first = r->n_changes < TOP_CHANGES_MAX ? r->uptime_ns : until;
	if (first > to && until < from)
		seen |= r->n_changes ? 1 : r->open ? 2 : 1;
	return seen;
}

void top_gate_strip(char *out, const struct top_reading *r, uint32_t width, uint64_t step_ns,
		    bool ascii)
{
	if (width > TOP_WIDTH_MAX)
		width = TOP_WIDTH_MAX;
	out[0] = '\0';
	for (uint32_t ago = width; ago-- > 0;) {
		unsigned int seen = states(r, (ago + 1) * step_ns, ago * step_ns);
		const char *full = ascii ? "#" : "█", *half = ascii ? "+" : "▄";
		const char *none = ascii ? "_" : "▁";

		out = append(out, seen == 3 ? half : seen == 2 ? full : seen == 1 ? none : " ");
	}
}
