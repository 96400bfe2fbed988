/* SPDX-License-Identifier: MIT */
/*
 * Of the hub, for the files of this folder alone: hub.c is what sources see, hub_load.c asks the
 * loader and takes its answers.
 *
 * A probe is idle, asked for, being loaded, and then attached or failed; a detach makes it idle
 * again. One loader at a time: who asks meanwhile waits for the next.
 */
#ifndef BROKER_BPF_HUB_INTERNAL_H
#define BROKER_BPF_HUB_INTERNAL_H

#include "broker/bpf/base.h"
#include "broker/bpf/gpu.h"
#include "broker/bpf/hub.h"
#include "broker/bpf/load_proc.h"

enum hub_probe_state {
	HUB_PROBE_IDLE,
	HUB_PROBE_ASKED,
	HUB_PROBE_LOADING,
	HUB_PROBE_ATTACHED,
	HUB_PROBE_FAILED,
};

struct hub_probe {
	enum hub_probe_state state;
	bool wanted; /* what comes of LOADING shall be kept */
	int error; /* FAILED */
	uint64_t answered_ns, not_before_ns;
	struct bpf_load_answer has; /* ATTACHED: links and names of maps, */
	int fd[BPF_LOAD_FDS_MAX]; /* and their descriptors */
	char detail[BPF_LOAD_WHY_LEN];
	bpf_hub_answer_fn fn;
	void *data;
};

struct hub_listener {
	bpf_hub_fn fn;
	void *data;
};

struct bpf_hub {
	struct loop *loop;
	const char *program; /* broker-bpf */
	struct bpf_load_proc *loader;
	struct loop_timer *start;
	enum {
		HUB_UNKNOWN,
		HUB_WORKS,
		HUB_BROKEN
	} state;
	char why[BPF_LOAD_WHY_LEN]; /* BROKEN */
	struct bpf_base base; /* WORKS */
	struct loop_watch *watch;
	int32_t zone_limit_mc; /* in the page, as soon as there is one */
	struct gpu_share_limit gpu_limit;
	uint64_t dropped_known, bad;
	struct hub_probe probe[BPF_PROBE_COUNT];
	struct hub_listener listener[BPF_RECORD_COUNT];
};

/** hub_records() - read what is in the ring, and tell it; a callback of the loop */
void hub_records(void *data, int fd, int events);

/** hub_limits() - into the page, if there is one */
void hub_limits(struct bpf_hub *hub);

/** hub_load_soon() - somebody asked; all that is asked in one turn of the loop goes together */
void hub_load_soon(struct bpf_hub *hub);
void hub_load(void *data); /* callback of hub->start */

/** hub_let_go() - of the descriptors of a probe: with them its links go */
void hub_let_go(struct hub_probe *p);

/** bpf_hub_page() - what both sides share, or NULL */
struct bpf_shared *bpf_hub_page(const struct bpf_hub *hub);

/** bpf_hub_map() - the descriptor of a map of any probe that is attached, or -ENOENT; the hub's */
int bpf_hub_map(const struct bpf_hub *hub, const char *name);

/** bpf_gpu_map_fits() - whether a map is what gpu.c supposes of one by that name */
bool bpf_gpu_map_fits(const char *name, int map);

#endif
