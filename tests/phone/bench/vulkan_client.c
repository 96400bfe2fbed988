/* SPDX-License-Identifier: MIT */
/*
 * A program of the owner's that draws: `vulkan_client KERNEL.spv MS` finds how much work its GPU
 * does in MS ms, says "ready ROUNDS NS" (NS: what a piece took), and then does as lines of standard
 * input ask: "PIECES MS" gives so many pieces to the GPU one after the other, waits for each, and
 * rests so long after each but the last; "done" goes out for each line.
 *
 * Each piece has a fence of the kernel's, as that of a program has which shows what it drew. The
 * kernel is tests/jobs/mix/mix.comp.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/jobs/vkrun.h"

#define NS_PER_S   1000000000ull
#define NS_PER_MS  1000000ull
#define WORKGROUPS 4096
#define WORD_BYTES ((uint64_t)WORKGROUPS * 64 * 4)
#define TRIES      12
#define GROWTH_MAX 8
#define ROUNDS_MAX 1000000

struct work {
	struct vkrun v;
	uint32_t kernel, buffer, rounds, step;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t piece(struct work *w)
{
	const uint32_t push[] = {w->step++, w->rounds}, groups[] = {WORKGROUPS, 1, 1};
	uint64_t began = now_ns();

	vkrun_dispatch(&w->v, w->kernel, &w->buffer, push, groups);
	return now_ns() - began;
}

/* The first one is not counted: it waits for the driver to compile. */
static uint64_t find_rounds(struct work *w, uint64_t wanted_ns)
{
	uint64_t took = 0;

	w->rounds = 1;
	piece(w);
	for (int i = 0; i < TRIES; i++) {
		uint64_t more;

		took = piece(w);
		if (took >= wanted_ns - wanted_ns / 8 && took <= wanted_ns + wanted_ns / 8)
			break;
		more = w->rounds * (wanted_ns < GROWTH_MAX * took ? wanted_ns : GROWTH_MAX * took) /
		       took;
		w->rounds = more < 1 ? 1 : more > ROUNDS_MAX ? ROUNDS_MAX : (uint32_t)more;
	}
	return took;
}

static void rest(unsigned int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000 * NS_PER_MS)};

	nanosleep(&t, NULL);
}

static int serve(struct work *w)
{
	unsigned int pieces, gap_ms;
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%u %u", &pieces, &gap_ms) != 2) {
			fprintf(stderr, "vulkan_client: cannot do: %s", line);
			return 2;
		}
		while (pieces--) {
			piece(w);
			if (pieces)
				rest(gap_ms);
		}
		puts("done");
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct work w = {.rounds = 1};
	unsigned long ms = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	uint64_t took;
	int r;

	if (!ms) {
		fprintf(stderr, "usage: vulkan_client KERNEL.spv MS\n");
		return 2;
	}
	if (vkrun_open_polled(&w.v) < 0) {
		fprintf(stderr, "vulkan_client: no Vulkan device\n");
		return 1;
	}
	w.kernel = vkrun_kernel(&w.v, argv[1], 1, 2);
	w.buffer = vkrun_buffer(&w.v, WORD_BYTES);
	took = find_rounds(&w, ms * NS_PER_MS);
	printf("ready %" PRIu32 " %" PRIu64 "\n", w.rounds, took);
	fflush(stdout);
	r = serve(&w);
	vkrun_close(&w.v);
	return r;
}
