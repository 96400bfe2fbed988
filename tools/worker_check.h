/* SPDX-License-Identifier: MIT */
/* Asks `broker-worker --check` about a bundle. */
#ifndef TOOLS_WORKER_CHECK_H
#define TOOLS_WORKER_CHECK_H

#include "libbroker/job/bundle.h"

/**
 * worker_check() - run the worker's check: SPIR-V, and bindings against what the shaders use
 * The worker is $IDLEBROKER_WORKER, else the installed one, else the one beside this program.
 * Return: 0; -EINVAL with the worker's words; -ENOENT: there is no worker; -EIO, -ETIMEDOUT.
 */
int worker_check(const struct bundle *bundle, struct error *err);

#endif
