/* SPDX-License-Identifier: GPL-2.0-only */
/* The page that every observer maps: struct idlegate_page. */
#ifndef IDLEGATE_GATEPAGE_H
#define IDLEGATE_GATEPAGE_H

#include <linux/mm_types.h>
#include <linux/types.h>

struct gate;

/** gatepage_init() - make the page; it shows broker-gone. Return: 0 or -ENOMEM */
int gatepage_init(void);
void gatepage_exit(void);

/**
 * gatepage_publish() - show the gate
 * @gate: NULL while nobody hosts: broker-gone alone
 * @now_ns: when the holds changed, if @gate is NULL
 *
 * The caller serializes.
 */
void gatepage_publish(const struct gate *gate, u64 now_ns);

/** gatepage_holds() - the published holds, without a lock */
u32 gatepage_holds(void);

/** gatepage_mmap() - the file operation. Return: 0, -EINVAL, -EPERM, -ENOMEM */
int gatepage_mmap(struct file *file, struct vm_area_struct *vma);

#endif
