/* SPDX-License-Identifier: MIT */
/*
 * The connection behind idlebroker.h: one socket, one call at a time. What the files of the
 * client library share, and what brokerctl needs to print replies as they are.
 */
#ifndef LIBBROKER_CLIENT_H
#define LIBBROKER_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "libbroker/idlebroker.h"
#include "libbroker/job/bundle.h"
#include "libbroker/proto/varlink.h"

#define CLIENT_FDS_MAX 4 /* received and not yet taken; a broker never sends more than one */

struct idlebroker {
	int fd; /* -1: dead */
	int timeout_ms;
	struct varlink_reader reader;
	int fds[CLIENT_FDS_MAX];
	unsigned int n_fds;
	idlebroker_watch_fn watch_fn; /* NULL: not watching */
	void *watch_data;
	char error_name[96]; /* of the last reply that was an error: "io.idlebroker.NotFound" */
	json_t *error_parameters; /* its parameters, or NULL */
	char error_text[640];
};

/** client_fail() - keep the words, hand the code through */
int client_fail(struct idlebroker *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int client_fail_with(struct idlebroker *c, int code, const struct error *err);

/**
 * client_send() - one call
 * @method: without the interface's name
 * @parameters: taken over, also on failure; NULL: no memory for them
 */
int client_send(struct idlebroker *c, const char *method, json_t *parameters, bool more,
		const int *fds, unsigned int n_fds);

/**
 * client_receive() - the next reply
 * Return: 1: more follow; 0: the last; the parameters (owned; never NULL) in *@out. -errno for an
 * error reply or a broken connection; -ETIMEDOUT and, while watching, -EINTR, which leave a
 * watching connection as it is and end any other.
 */
int client_receive(struct idlebroker *c, int timeout_ms, json_t **out);

/** client_call() - send and receive; *@out (may be NULL) is owned by the caller */
int client_call(struct idlebroker *c, const char *method, json_t *parameters, json_t **out);

/** client_take_fd() - the next received descriptor, the caller's; -EPROTO when there is none */
int client_take_fd(struct idlebroker *c);

/** client_submit_bundle() - what idlebroker_submit() does behind opening the bundle */
int client_submit_bundle(struct idlebroker *c, const struct bundle *bundle, uint64_t *id);

/** client_list() - all pages as one array of jobs, owned by the caller; @filter is taken over */
int client_list(struct idlebroker *c, json_t *filter, json_t **out);

#endif
