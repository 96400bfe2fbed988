/* SPDX-License-Identifier: MIT */
/* The table of the programs: one entry for each .bpf.c, with its variants, the best first. */
#ifndef BROKER_BPF_LOADER_OBJECTS_H
#define BROKER_BPF_LOADER_OBJECTS_H

#include "broker/bpf/loader/load.h"
#include "broker/bpf/probe.h"

extern const struct bpf_source bpf_objects_hello;
extern const struct bpf_source bpf_objects[BPF_PROBE_COUNT];

#endif
