/* SPDX-License-Identifier: MIT */
/*
 * The eBPF programs as brokerd sees them: which are attached and how, what they tell, and why one
 * is not there.
 *
 * One ring buffer for all, whose map is polled by the loop itself; one page that both sides have
 * mapped (bpf/record.h). A source asks for the probe that it wants, is told when there is an
 * answer, listens to a kind of record, and arms it: one record comes for each arming, and costs the
 * loop one wake-up. Nothing is pinned: all of it goes with the hub.
 *
 * Programs are loaded by a process of its own (broker-bpf; load_proc.h), which lives as long as
 * that takes. So nothing here blocks, and where nobody asks nothing is started.
 *
 * A program stays attached for as long as the hub has its link: the kernel lets nobody detach one
 * of these kinds (tracing, raw tracepoint, perf event) from outside: BPF_LINK_DETACH says
 * EOPNOTSUPP, and tests/integration/test_bpf.py would notice if it did not for one that it sees. A
 * module counts the programs at its tracepoints, so it cannot be unloaded under them. So nobody
 * looks whether one is still there.
 *
 * A build without eBPF has the same interface (hub-fallback.c), in which nothing can be attached.
 */
#ifndef BROKER_BPF_HUB_H
#define BROKER_BPF_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "broker/bpf/probe.h"
#include "broker/loop.h"

struct bpf_hub;

struct bpf_probe_status {
	const char *name; /* "input"; static */
	const char *tier; /* how it is attached: "fentry", "kprobe" …; "none"; the hub's */
	bool wanted; /* somebody asked for it */
	char detail[192]; /* why it is not, and what would help; empty if it is */
};

/* @rec: NULL when records were lost, maybe one of this kind */
typedef void (*bpf_hub_fn)(void *data, const struct bpf_record *rec);

/* There is an answer, or it changed: see bpf_hub_attach(). */
typedef void (*bpf_hub_answer_fn)(void *data);

/**
 * bpf_hub_new() - nothing is loaded, and nothing known, before somebody asks
 * @loader: path of broker-bpf; it outlives the hub and may change
 */
int bpf_hub_new(struct bpf_hub **out, struct loop *loop, const char *loader);
void bpf_hub_free(struct bpf_hub *hub); /* NULL is fine */

/**
 * bpf_hub_attach() - by the first of its variants that the kernel takes; if it is attached: nothing
 * Return: 0; -EINPROGRESS: it is being loaded, and the answer is told (bpf_hub_on_answer());
 * or another -errno, with words in its status: it cannot be had, and attaching once more changes
 * nothing; see bpf_hub_ask_again().
 */
int bpf_hub_attach(struct bpf_hub *hub, enum bpf_probe probe);
/** bpf_hub_detach() - or never mind */
void bpf_hub_detach(struct bpf_hub *hub, enum bpf_probe probe);

/** bpf_hub_on_answer() - one listener a probe, the last one counts; NULL: none */
void bpf_hub_on_answer(struct bpf_hub *hub, enum bpf_probe probe, bpf_hub_answer_fn fn, void *data);

/**
 * bpf_hub_ask_again() - if @probe is wanted and could not be had: ask for it anew
 * @error: only if this was why (-ESRCH: what it looks at, a kernel module, was not there); 0: any
 *
 * For @error 0 what was found out of eBPF as a whole is forgotten too. With another one, which may
 * come often, the answer takes until BPF_HUB_AGAIN_NS after the last.
 */
void bpf_hub_ask_again(struct bpf_hub *hub, enum bpf_probe probe, int error);

#define BPF_HUB_AGAIN_NS (10 * NS_PER_S)

/** bpf_hub_status() - Return: 0, or -ENOENT when @probe is out of range or @hub is NULL */
int bpf_hub_status(const struct bpf_hub *hub, enum bpf_probe probe, struct bpf_probe_status *out);

/** bpf_hub_listen() - to one kind; one listener a kind, the last one counts; NULL: none */
void bpf_hub_listen(struct bpf_hub *hub, enum bpf_record_kind kind, bpf_hub_fn fn, void *data);

/**
 * bpf_hub_arm() - have a record sent at the next occasion
 * @known_ns: the last occasion that the caller knows of
 * Return: whether there was one since, before the arming: no record may come of that one.
 */
bool bpf_hub_arm(struct bpf_hub *hub, enum bpf_record_kind kind, uint64_t known_ns);

/** bpf_hub_last() - when there last was an occasion, CLOCK_MONOTONIC; 0: never */
uint64_t bpf_hub_last(const struct bpf_hub *hub, enum bpf_record_kind kind);

/** bpf_hub_zone_limit() - THERMAL: passing this temperature, either way, is an occasion */
void bpf_hub_zone_limit(struct bpf_hub *hub, int32_t limit_mc);

/** bpf_hub_asleep() - SUSPEND: what the last occasion was; false if there was none */
bool bpf_hub_asleep(const struct bpf_hub *hub);

/** bpf_hub_dropped() - records lost since the start, because the ring was full */
uint64_t bpf_hub_dropped(const struct bpf_hub *hub);

#endif
