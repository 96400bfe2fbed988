/* SPDX-License-Identifier: MIT */
/* Checking a job without a device: what `broker-worker --check` prints. */
#ifndef BROKER_WORKER_CHECK_H
#define BROKER_WORKER_CHECK_H

#include "libbroker/util/error.h"

/**
 * check_job() - job.json and the SPIR-V of its kernels
 * @json_fd: job.json
 * @first_blob: the descriptor of the first blob; the others follow it
 * Return: 0; -errno with words.
 */
int check_job(int json_fd, int first_blob, struct error *err);

/** check_print() - {"ok": …, "where": …, "what": …} to standard output; 0 or -errno */
int check_print(int result, const struct error *err);

#endif
