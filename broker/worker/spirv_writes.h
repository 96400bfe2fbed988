/* SPDX-License-Identifier: MIT */
/*
 * Which bindings a module may write, so that no kernel is given an input to write into: inputs
 * are not in checkpoints.
 *
 * The decoration NonWritable is a promise that nobody checks, and a shader may leave it out and
 * still only read. So it is not asked for: the pointers made from each buffer are followed to
 * their stores. What no store, copy, atomic or function reaches is not written. Without variable
 * pointers, which a job may not use, a pointer's origin is always known; one that is chosen,
 * passed on or kept all the same counts as written.
 */
#ifndef BROKER_WORKER_SPIRV_WRITES_H
#define BROKER_WORKER_SPIRV_WRITES_H

#include "broker/worker/spirv_scan.h"

_Static_assert(JOB_BINDING_MAX < 64, "a set of bindings is one word");

/** spirv_writes() - Return: 0 with bit n of @writes for binding n; -ENOMEM */
int spirv_writes(const struct spirv_scan *scan, uint64_t *writes);

/**
 * spirv_check_inputs() - that a kernel writes no buffer whose use is input
 * @kernel: index of job->kernels
 * Looks at the kernel's own bindings and at those of each dispatch of it.
 * Return: 0; -EINVAL with @err: where = "kernel <name>", what = the binding and the buffer.
 */
int spirv_check_inputs(const struct job *job, uint32_t kernel, uint64_t writes, struct error *err);

#endif
