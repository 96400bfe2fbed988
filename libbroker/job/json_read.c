/* SPDX-License-Identifier: MIT */
/*
 * JSON with errors that name the place; see json_read.h.
 *
 * Depth is counted over the bytes before jansson sees them: its own limit is a compile-time
 * constant of 2048 levels of recursion. Nothing here allocates but jansson.
 */
#include "libbroker/job/json_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

#define KEY_SHOWN 40 /* characters of a stranger's key in a message */

const char *json_read_clean(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		out[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
	if (*text && n >= 3)
		memcpy(out + n - 3, "...", 3);
	out[n] = '\0';
	return out;
}

/* Counts brackets outside of strings; says nothing about whether they match. */
static bool depth_exceeds(const char *text, size_t len, unsigned int depth)
{
	unsigned int level = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				string = false;
		} else if (c == '"') {
			string = true;
		} else if (c == '{' || c == '[') {
			if (++level > depth)
				return true;
		} else if ((c == '}' || c == ']') && level) {
			level--;
		}
	}
	return false;
}

json_t *json_read_load(const char *text, size_t len, unsigned int depth, struct error *err)
{
	char where[64], clean[JSON_ERROR_TEXT_LENGTH];
	json_error_t e;
	json_t *v;

	if (depth_exceeds(text, len, depth)) {
		error_set(err, 0, NULL, "objects and arrays are nested more than %u deep", depth);
		return NULL;
	}
	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	if (v)
		return v;
	snprintf(where, sizeof(where), "line %d, column %d", e.line, e.column);
	error_set(err, 0, where, "not valid JSON in UTF-8: %s",
		  json_read_clean(clean, sizeof(clean), e.text));
	return NULL;
}

struct json_node json_read_root(json_t *value, struct error *err)
{
	return (struct json_node){.value = value, .err = err};
}

struct json_node json_read_item(const struct json_node *array, size_t index)
{
	return (struct json_node){.value = json_array_get(array->value, index),
				  .up = array,
				  .index = index,
				  .err = array->err};
}

struct json_node json_read_member(const struct json_node *object, const char *key, json_t *value)
{
	return (struct json_node){.value = value, .up = object, .key = key, .err = object->err};
}

static bool key_is_plain(const char *key)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-";

	return *key && strlen(key) <= JSON_NAME_MAX && !key[strspn(key, plain)];
}

static size_t path_write(const struct json_node *n, char *out, size_t size)
{
	char clean[KEY_SHOWN + 1];
	size_t at;
	int w;

	if (!n->up)
		return 0;
	at = path_write(n->up, out, size);
	if (!n->key)
		w = snprintf(out + at, size - at, "[%zu]", n->index);
	else if (key_is_plain(n->key))
		w = snprintf(out + at, size - at, "%s%s", at ? "." : "", n->key);
	else
		w = snprintf(out + at, size - at, "[\"%s\"]",
			     json_read_clean(clean, sizeof(clean), n->key));
	at += (size_t)w;
	return at < size ? at : size - 1;
}

int json_read_fail(const struct json_node *n, int code, const char *fmt, ...)
{
	char where[sizeof(n->err->where)] = "", what[sizeof(n->err->what)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	path_write(n, where, sizeof(where));
	return error_set(n->err, code, where, "%s", what);
}

static const char *type_name(const json_t *v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "an integer";
	case JSON_REAL:
		return "a number with a fraction";
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "null";
	}
	return "something else";
}

/* "a, b, c" of a NULL-terminated list, cut where it does not fit. */
static const char *list_names(char *out, size_t size, const char *const *names)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; names[i] && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", names[i]);
	return out;
}

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int json_read_object(const struct json_node *n, const char *const *keys)
{
	char clean[KEY_SHOWN + 1], list[160];
	const char *key;
	json_t *value;

	if (!json_is_object(n->value))
		return json_read_fail(n, -EINVAL, "must be an object, is %s", type_name(n->value));
	if (!keys)
		return 0;
	json_object_foreach(n->value, key, value) {
		if (!listed(keys, key))
			return json_read_fail(n, -EINVAL,
					      "unknown key \"%s\"; the keys here are: %s",
					      json_read_clean(clean, sizeof(clean), key),
					      list_names(list, sizeof(list), keys));
	}
	return 0;
}

int json_read_array(const struct json_node *n, size_t min, size_t max, const char *what)
{
	size_t size;

	if (!json_is_array(n->value))
		return json_read_fail(n, -EINVAL, "must be an array of %s, is %s", what,
				      type_name(n->value));
	size = json_array_size(n->value);
	if (size >= min && size <= max)
		return 0;
	if (min == max)
		return json_read_fail(n, -EINVAL, "must hold exactly %zu %s, holds %zu", min, what,
				      size);
	return json_read_fail(n, size > max ? -E2BIG : -EINVAL,
			      "must hold %zu to %zu %s, holds %zu", min, max, what, size);
}

int json_read_find(const struct json_node *object, const char *key, struct json_node *out)
{
	json_t *value = json_object_get(object->value, key);

	if (!value)
		return 0;
	*out = json_read_member(object, key, value);
	return 1;
}

int json_read_need(const struct json_node *object, const char *key, const char *what,
		   struct json_node *out)
{
	if (json_read_find(object, key, out))
		return 0;
	return json_read_fail(object, -EINVAL, "lacks the key \"%s\": %s", key, what);
}

int json_read_int(const struct json_node *n, int64_t min, int64_t max, int64_t *out)
{
	json_int_t v;

	if (!json_is_integer(n->value))
		return json_read_fail(n, -EINVAL, "must be an integer from %lld to %lld, is %s",
				      (long long)min, (long long)max, type_name(n->value));
	v = json_integer_value(n->value);
	if (v < min || v > max)
		return json_read_fail(n, v > max ? -E2BIG : -EINVAL,
				      "must be from %lld to %lld, is %lld", (long long)min,
				      (long long)max, (long long)v);
	*out = v;
	return 0;
}

int json_read_text(const struct json_node *n, const char **out)
{
	if (!json_is_string(n->value))
		return json_read_fail(n, -EINVAL, "must be a string, is %s", type_name(n->value));
	*out = json_string_value(n->value);
	return 0;
}

int json_read_name_check(const struct json_node *n, const char *text, const char *what)
{
	static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789_.-";
	char clean[KEY_SHOWN + 1];
	size_t len = strlen(text);

	if (len >= 1 && len <= JSON_NAME_MAX && !text[strspn(text, rest)] && *text != '.' &&
	    *text != '-')
		return 0;
	return json_read_fail(n, -EINVAL,
			      "\"%s\" is no %s: 1 to %d of A-Z a-z 0-9 _ . - beginning with a "
			      "letter, a digit or _",
			      json_read_clean(clean, sizeof(clean), text), what, JSON_NAME_MAX);
}

int json_read_name(const struct json_node *n, char out[JSON_NAME_MAX + 1])
{
	const char *text = NULL;
	int r = json_read_text(n, &text);

	if (r < 0)
		return r;
	r = json_read_name_check(n, text, "name");
	if (r < 0)
		return r;
	memcpy(out, text, strlen(text) + 1);
	return 0;
}

int json_read_choice(const struct json_node *n, const char *const *names)
{
	char clean[KEY_SHOWN + 1], list[160];
	const char *text = NULL;
	int r = json_read_text(n, &text);

	if (r < 0)
		return r;
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], text))
			return i;
	return json_read_fail(n, -EINVAL, "\"%s\" is none of: %s",
			      json_read_clean(clean, sizeof(clean), text),
			      list_names(list, sizeof(list), names));
}
