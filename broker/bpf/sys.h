/* SPDX-License-Identifier: MIT */
/*
 * The few calls of bpf(2) that brokerd makes itself, on descriptors that it was given. libbpf is
 * the loader's alone: what it needs of memory and time to start, brokerd does not pay.
 */
#ifndef BROKER_BPF_SYS_H
#define BROKER_BPF_SYS_H

#include <stdint.h>

struct bpf_map_info;

/* Each returns 0 or -errno; none sleeps. */
int bpf_sys_map_info(int map, struct bpf_map_info *out);
int bpf_sys_map_lookup(int map, const void *key, void *value, uint64_t flags);
/** bpf_sys_map_next() - @key: NULL for the first one; -ENOENT: no more */
int bpf_sys_map_next(int map, const void *key, void *next);
/** bpf_sys_run() - run a program once, here and now */
int bpf_sys_run(int program);

#endif
