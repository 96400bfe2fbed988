/* SPDX-License-Identifier: MIT */
/* Between job_parse.c, job_resource_parse.c and job_program_parse.c only: the reader's parts. */
#ifndef LIBBROKER_JOB_JOB_READ_H
#define LIBBROKER_JOB_JOB_READ_H

#include "libbroker/job/job.h"
#include "libbroker/job/json_read.h"

/** job_find_buffer() - index by name, or -1 */
int job_find_buffer(const struct job *job, const char *name);

/* "buffers" into job->buffers, "kernels" into job->kernels; both add to job->blobs; 0 or -errno */
int job_read_buffers(struct job *job, const struct json_node *n);
int job_read_kernels(struct job *job, const struct json_node *n);

/** job_read_bindings() - {"0": "x", …} into @out, at most JOB_BINDINGS_MAX; 0 or -errno */
int job_read_bindings(const struct job *job, const struct json_node *n, struct job_binding *out,
		      uint32_t *count);

/** job_read_program() - fills job->steps and job->dispatches; 0 or -errno */
int job_read_program(struct job *job, const struct json_node *n);

#endif
