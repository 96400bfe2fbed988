/* SPDX-License-Identifier: MIT */
/*
 * From a reply to the public structs. A result is one block that owns the JSON it was read
 * from (its texts point into that) and all further memory; idlebroker_free() frees it whole.
 */
#ifndef LIBBROKER_CLIENT_RESULT_H
#define LIBBROKER_CLIENT_RESULT_H

#include "libbroker/client.h"

/** result_new() - @size zero bytes that own @json, which is taken over, also on failure (NULL) */
void *result_new(size_t size, json_t *json);

/** result_alloc() - more zero bytes of the same result; NULL: no memory */
void *result_alloc(void *result, size_t size);

/* Fill one struct from @json; 0, -EPROTO (a field is missing or of another type), -ENOMEM. */
typedef int (*result_fill_fn)(void *result, void *out, const json_t *json);
int result_fill_job(void *result, void *out, const json_t *json);
int result_fill_output(void *result, void *out, const json_t *json);
int result_fill_gate(void *result, void *out, const json_t *json);
int result_fill_device(void *result, void *out, const json_t *json);

/**
 * result_one() - the object @key of @reply (taken over) as one struct
 * Return: 0 or -errno with the words in @c.
 */
int result_one(struct idlebroker *c, json_t *reply, const char *key, size_t size,
	       result_fill_fn fill, const void **out);

/** result_list() - the array @key of @reply (taken over); returns how many, or -errno */
int result_list(struct idlebroker *c, json_t *reply, const char *key, size_t size,
		result_fill_fn fill, const void *const **out);

#endif
