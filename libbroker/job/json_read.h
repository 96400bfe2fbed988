/* SPDX-License-Identifier: MIT */
/*
 * Reading a stranger's JSON with errors that name the place: "buffers.x.size".
 *
 * A json_node is a value together with the way to it, kept as a chain on the reader's stack, so
 * a path costs nothing until there is something to complain about. Every text that goes into
 * an error is printable ASCII, whatever the document held.
 */
#ifndef LIBBROKER_JOB_JSON_READ_H
#define LIBBROKER_JOB_JSON_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libbroker/util/error.h"

#define JSON_NAME_MAX 64

struct json_node {
	json_t *value; /* borrowed */
	const struct json_node *up; /* NULL: the document */
	const char *key; /* NULL: an element of an array, at index */
	size_t index;
	struct error *err;
};

/**
 * json_read_load() - parse a document: depth, UTF-8, syntax, no key twice
 * @depth: levels of objects and arrays allowed; checked before anything is parsed
 * Return: a new reference, or NULL with words in @err.
 */
json_t *json_read_load(const char *text, size_t len, unsigned int depth, struct error *err);

/** json_read_clean() - @text as printable ASCII, cut with "..." to fit; returns @out */
const char *json_read_clean(char *out, size_t size, const char *text);

struct json_node json_read_root(json_t *value, struct error *err);
struct json_node json_read_item(const struct json_node *array, size_t index);
struct json_node json_read_member(const struct json_node *object, const char *key, json_t *value);

/** json_read_fail() - @code, with the node's path and these words in its error */
int json_read_fail(const struct json_node *n, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** json_read_object() - is it one, with no key but @keys (NULL-terminated; NULL: any)? */
int json_read_object(const struct json_node *n, const char *const *keys);

/** json_read_array() - is it one, with @min to @max elements of @what? */
int json_read_array(const struct json_node *n, size_t min, size_t max, const char *what);

/** json_read_find() - Return: 1 with *@out, 0 when the key is not there */
int json_read_find(const struct json_node *object, const char *key, struct json_node *out);
/** json_read_need() - as json_read_find(), but a missing key is -EINVAL saying @what it holds */
int json_read_need(const struct json_node *object, const char *key, const char *what,
		   struct json_node *out);

/** json_read_int() - -EINVAL for what is no integer or less than @min, -E2BIG for more than @max */
int json_read_int(const struct json_node *n, int64_t min, int64_t max, int64_t *out);
int json_read_text(const struct json_node *n, const char **out); /* borrowed */

/**
 * json_read_name() - a name: A-Z a-z 0-9 _ . - , begins with a letter, digit or _, 1 to 64 long
 * json_read_name_check() does the same for any text at @n, such as a key.
 */
int json_read_name(const struct json_node *n, char out[JSON_NAME_MAX + 1]);
int json_read_name_check(const struct json_node *n, const char *text, const char *what);

/** json_read_choice() - one of @names (NULL-terminated): its index, or -EINVAL */
int json_read_choice(const struct json_node *n, const char *const *names);

#endif
