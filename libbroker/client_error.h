/* SPDX-License-Identifier: MIT */
/* What an error reply means: an errno and words for a person. */
#ifndef LIBBROKER_CLIENT_ERROR_H
#define LIBBROKER_CLIENT_ERROR_H

#include "libbroker/client.h"

/** client_error_reply() - Return: a negative errno; the words and the name are kept in @c. */
int client_error_reply(struct idlebroker *c, const char *name, const json_t *parameters);

#endif
