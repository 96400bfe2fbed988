/* SPDX-License-Identifier: MIT */
/*
 * Cutting one dispatch into boxes.
 *
 * Pure. The workgroups of a dispatch are counted in one line: x fastest, then y, then z. A
 * position in that line, kept in the program's cursor, is all that a checkpoint needs. What
 * Vulkan can start is a box (vkCmdDispatchBase: a base and a count on each axis), so from a
 * position the next box is, as far as the wanted number reaches: the rest of a row, or whole rows,
 * or whole planes.
 *
 * Invariant: boxes taken one after the other from position 0 cover each workgroup exactly once.
 */
#ifndef BROKER_WORKER_CUT_H
#define BROKER_WORKER_CUT_H

#include <stdint.h>

struct cut_box {
	uint32_t base[3];
	uint32_t count[3];
};

/** cut_total() - workgroups of a dispatch; Return: 0 with *@total, or -ERANGE past 64 bits */
int cut_total(const uint32_t groups[3], uint64_t *total);

/**
 * cut_next() - the next box
 * @groups: of the whole dispatch, each 1 or more
 * @position: workgroups done, below the total
 * @most: take at most so many, 1 or more
 * Return: how many workgroups *@out has, 1 to @most.
 */
uint64_t cut_next(const uint32_t groups[3], uint64_t position, uint64_t most, struct cut_box *out);

#endif
