/* SPDX-License-Identifier: MIT */
/*
 * What brokerd and broker-bpf say to each other. Pure.
 *
 * One packet asks, with the descriptors of the maps that exist already, in the order of their
 * names. If there are none, the first answer brings the base: the program `hello` and the maps
 * that all share. Then comes one answer for each probe that was asked for, by number, when it is
 * ready: with the descriptors of its links, which keep it attached, and after them those of its own
 * maps. After the last one the socket ends.
 *
 * Both are of one size and have fixed limits. What is not used is zero.
 */
#ifndef BROKER_BPF_LOAD_MSG_H
#define BROKER_BPF_LOAD_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "broker/bpf/probe.h"

#define BPF_LOAD_FD        3 /* the socket (SOCK_SEQPACKET) in broker-bpf */
#define BPF_LOAD_VERSION   1u
#define BPF_LOAD_MAPS_MAX  8
#define BPF_LOAD_MAPS_BASE 2 /* these are the base's, and come first */
#define BPF_LOAD_LINKS_MAX 8
#define BPF_LOAD_FDS_MAX   (BPF_LOAD_LINKS_MAX + BPF_LOAD_MAPS_MAX)
#define BPF_LOAD_NAME_LEN  16
#define BPF_LOAD_TIER_LEN  24
#define BPF_LOAD_WHY_LEN   192
#define BPF_LOAD_BASE      BPF_PROBE_COUNT /* in the place of a probe */

struct bpf_load_request {
	uint32_t version;
	uint32_t probes; /* bits by enum bpf_probe; at least one */
	uint32_t n_maps;
	uint32_t pad;
	char map[BPF_LOAD_MAPS_MAX][BPF_LOAD_NAME_LEN]; /* each ended by 0, and no two the same */
};

struct bpf_load_answer {
	uint32_t version;
	uint32_t probe; /* or BPF_LOAD_BASE, whose one "link" is the program */
	int32_t error; /* 0 or -errno: then there are no descriptors, and no tier, but words */
	uint32_t n_links, n_maps;
	uint32_t pad;
	char tier[BPF_LOAD_TIER_LEN]; /* "fentry" */
	char why[BPF_LOAD_WHY_LEN];
	char map[BPF_LOAD_MAPS_MAX][BPF_LOAD_NAME_LEN];
};

/**
 * bpf_load_request_parse(), bpf_load_answer_parse() - a packet
 * @data: @size bytes, at any alignment
 * @n_fds: descriptors that came with it
 * Return: 0, or -EBADMSG and @out is left alone. What is taken keeps all that stands above, and its
 * words can be shown.
 */
int bpf_load_request_parse(const void *data, size_t size, unsigned int n_fds,
			   struct bpf_load_request *out);
int bpf_load_answer_parse(const void *data, size_t size, unsigned int n_fds,
			  struct bpf_load_answer *out);

#endif
