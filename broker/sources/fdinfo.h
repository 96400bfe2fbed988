/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells of one open DRM descriptor: /proc/PID/fdinfo/N with keys drm-* (kernel
 * documentation, gpu/drm-usage-stats).
 */
#ifndef BROKER_SOURCES_FDINFO_H
#define BROKER_SOURCES_FDINFO_H

#include <stdbool.h>
#include <stdint.h>

#define FDINFO_ENGINES_MAX 16
#define FDINFO_NAME_MAX    32

struct fdinfo_engine {
	char name[FDINFO_NAME_MAX];
	bool has_ns; /* drm-engine-<name> */
	bool has_cycles; /* drm-cycles-<name> and drm-total-cycles-<name> */
	uint64_t ns;
	uint64_t cycles, total_cycles;
	uint32_t capacity; /* how many equal engines share the name; at least 1 */
};

struct fdinfo {
	char driver[FDINFO_NAME_MAX];
	char pdev[64]; /* bus address; empty where the driver tells none */
	bool has_client;
	uint64_t client; /* the same for descriptors that share one open file */
	bool has_memory;
	uint64_t memory; /* bytes of its resident buffers in all regions, or of all */
	uint32_t n_engines; /* those that tell a time */
	struct fdinfo_engine engine[FDINFO_ENGINES_MAX];
};

/**
 * fdinfo_parse() - a whole fdinfo text
 * Return: 1; 0 when it is no DRM descriptor's; -EBADMSG when a drm-* line makes no sense.
 *
 * Keys that are not needed are passed over; engines beyond the limit are left out.
 */
int fdinfo_parse(const char *text, struct fdinfo *out);

/**
 * fdinfo_busy() - share of one engine in permille that a client used between two looks
 * @before: the same engine earlier; @window_ns: time between the looks
 */
uint32_t fdinfo_busy(const struct fdinfo_engine *before, const struct fdinfo_engine *now,
		     uint64_t window_ns);

#endif
