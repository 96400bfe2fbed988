/* SPDX-License-Identifier: MIT */
/*
 * Which processes hold a DRM or accel device, and how much of it they use.
 *
 * A look visits the processes known to hold one, those that are young, and an eighth of the
 * others, so that one which opens a device late is found within eight looks, and a phone's few
 * hundred processes cost little. Devices are named by what fdinfo says: bus address and driver.
 */
#ifndef BROKER_SOURCES_GPU_CLIENTS_H
#define BROKER_SOURCES_GPU_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/sources/fdinfo.h"

#define GPU_NODE_MAX 16

struct gpu_clients;

struct gpu_look {
	uint32_t busy_permille; /* the busiest engine's share, used by foreign programs */
	uint32_t n_clients; /* foreign ones */
	uint32_t n_silent; /* of them, those whose driver tells no engine times */
	uint32_t n_denied; /* processes that we may not look into */
	char driver[FDINFO_NAME_MAX]; /* of the busiest, or of a silent one */
	bool first; /* there was no look before: busy_permille means nothing */
};

/* One open file of a device, as the last look saw it. */
struct gpu_holder {
	int pid; /* of several that share it, the one with the lowest number */
	char node[GPU_NODE_MAX]; /* "renderD128", "card0", "accel0" */
	/* NULL: its driver tells nothing, or nothing by which files could be told apart */
	const struct fdinfo *info;
};

int gpu_clients_new(struct gpu_clients **out);
void gpu_clients_free(struct gpu_clients *g); /* NULL is fine */

/** gpu_clients_forget() - the next look is a first one, and visits every process */
void gpu_clients_forget(struct gpu_clients *g);

/**
 * gpu_clients_look() - at @proc, at time @now_ns
 * @is_ours: may be NULL
 * Return: 0, or -errno when @proc cannot be read or memory is short.
 */
int gpu_clients_look(struct gpu_clients *g, const char *proc, uint64_t now_ns,
		     bool (*is_ours)(void *data, int pid), void *data, struct gpu_look *out);

/**
 * gpu_clients_each() - what the last look found, by rising numbers of processes
 *
 * A process has one without `info` for a node at most, and only if none of its files of that
 * node has one.
 */
void gpu_clients_each(const struct gpu_clients *g,
		      void (*fn)(void *data, const struct gpu_holder *holder), void *data);

#endif
