/* SPDX-License-Identifier: MIT */
/*
 * The gate's page (linux/idlegate.h) for those who only look: several fields of one moment, and a
 * glance at the kernel module's page without any broker.
 */
#ifndef LIBBROKER_PROTO_GATE_PAGE_H
#define LIBBROKER_PROTO_GATE_PAGE_H

#include <linux/idlegate.h>
#include <stddef.h>

/**
 * gate_page_read() - all fields of one moment; retries while the writer writes
 * Return: 0, or -EAGAIN after very many tries: the writer died in the middle.
 */
int gate_page_read(const struct idlegate_page *page, struct idlegate_page *out);

/** gate_page_names() - "user-active, paused", or "" for no hold; cut off at @size */
void gate_page_names(__u32 holds, char *out, size_t size);

/**
 * gate_page_glance() - what the kernel module shows now
 * @device: IDLEGATE_DEVICE
 * Return: 0 or -errno (-ENOENT: it is not loaded).
 */
int gate_page_glance(const char *device, struct idlegate_page *page, struct idlegate_info *info);

#endif
