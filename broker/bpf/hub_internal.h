/* SPDX-License-Identifier: MIT */
/* Of the hub, for the files of this folder alone. */
#ifndef BROKER_BPF_HUB_INTERNAL_H
#define BROKER_BPF_HUB_INTERNAL_H

#include "broker/bpf/hub.h"

/** bpf_hub_page() - what both sides share, or NULL */
struct bpf_shared *bpf_hub_page(const struct bpf_hub *hub);

/** bpf_hub_map() - the descriptor of a map of any object that is loaded, or -ENOENT; the hub's */
int bpf_hub_map(const struct bpf_hub *hub, const char *name);

#endif
