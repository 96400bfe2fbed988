/* SPDX-License-Identifier: MIT */
/* Reading what came through the ring. Pure. */
#ifndef BROKER_BPF_RECORD_H
#define BROKER_BPF_RECORD_H

#include <stddef.h>

#include "bpf/record.h"

/**
 * bpf_record_parse() - a record of the ring
 * @data: @size bytes, at any alignment
 * Return: 0; -EBADMSG when it is none of this version: too short, of no known kind, of no time, a
 * name without an end or with bytes that cannot be shown, or something where must be nothing.
 */
int bpf_record_parse(const void *data, size_t size, struct bpf_record *out);

/**
 * bpf_comm_clean() - make the name of a process fit to be shown: what cannot be is a question mark
 * Return: 0, or -EBADMSG when it had no end; it then has one.
 */
int bpf_comm_clean(char comm[BPF_COMM_LEN]);

#endif
