/* SPDX-License-Identifier: MIT */
/*
 * From a reply to the public structs; see client_result.h. Each struct is one table of fields,
 * so a field that the broker leaves out or gives another type is one error for all of them.
 */
#include "libbroker/client_result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

struct result_item {
	struct result_item *next;
	_Alignas(max_align_t) char data[];
};

struct result_box {
	json_t *json;
	struct result_item *items;
	_Alignas(max_align_t) char data[];
};

enum field_kind {
	FIELD_U64,
	FIELD_S64,
	FIELD_U32,
	FIELD_S32,
	FIELD_BOOL,
	FIELD_TEXT,
	FIELD_ENUM
};
enum {
	REQUIRED = 0,
	OPTIONAL = 1,
	OR_MAX = 2
}; /* OR_MAX: UINT64_MAX when it is not there */

struct field {
	const char *key;
	size_t offset;
	enum field_kind kind;
	int optional;
	const char *const *names; /* ENUM */
};

static const char *const state_names[] = {"queued", "running", "done", "failed", "cancelled", NULL};
static const char *const phase_names[] = {"waiting", "starting", "running",
					  "parked",  "ended",    NULL};

#define AT(member) offsetof(struct idlebroker_job, member)
static const struct field job_fields[] = {
	{"id", AT(id), FIELD_U64, REQUIRED, NULL},
	{"uid", AT(uid), FIELD_U32, REQUIRED, NULL},
	{"priority", AT(priority), FIELD_S32, REQUIRED, NULL},
	{"state", AT(state), FIELD_ENUM, REQUIRED, state_names},
	{"phase", AT(phase), FIELD_ENUM, REQUIRED, phase_names},
	{"name", AT(name), FIELD_TEXT, REQUIRED, NULL},
	{"waits_for", AT(waits_for), FIELD_TEXT, OPTIONAL, NULL},
	{"reason", AT(reason), FIELD_TEXT, OPTIONAL, NULL},
	{"device", AT(device), FIELD_TEXT, OPTIONAL, NULL},
	{"submitted_s", AT(submitted_s), FIELD_S64, REQUIRED, NULL},
	{"started_s", AT(started_s), FIELD_S64, OPTIONAL, NULL},
	{"ended_s", AT(ended_s), FIELD_S64, OPTIONAL, NULL},
	{"deadline_s", AT(deadline_s), FIELD_S64, OPTIONAL, NULL},
	{"device_ns", AT(device_ns), FIELD_U64, REQUIRED, NULL},
	{"device_limit_ns", AT(device_limit_ns), FIELD_U64, OPTIONAL, NULL},
	{"dispatches_done", AT(dispatches_done), FIELD_U64, REQUIRED, NULL},
	{"dispatches_total", AT(dispatches_total), FIELD_U64, REQUIRED, NULL},
	{"memory", AT(memory), FIELD_U64, REQUIRED, NULL},
	{"runs", AT(runs), FIELD_U32, REQUIRED, NULL},
	{"checkpoint", AT(checkpoint), FIELD_BOOL, REQUIRED, NULL},
};
#undef AT

#define AT(member) offsetof(struct idlebroker_output, member)
static const struct field output_fields[] = {
	{"name", AT(name), FIELD_TEXT, REQUIRED, NULL},
	{"sha256", AT(sha256), FIELD_TEXT, REQUIRED, NULL},
	{"size", AT(size), FIELD_U64, REQUIRED, NULL},
};
#undef AT

#define AT(member) offsetof(struct idlebroker_hold, member)
static const struct field hold_fields[] = {
	{"name", AT(name), FIELD_TEXT, REQUIRED, NULL},
	{"why", AT(why), FIELD_TEXT, REQUIRED, NULL},
	{"clears", AT(clears), FIELD_TEXT, REQUIRED, NULL},
	{"age_ns", AT(age_ns), FIELD_U64, REQUIRED, NULL},
	{"clear_in_ns", AT(clear_in_ns), FIELD_U64, OR_MAX, NULL},
};
#undef AT

#define AT(member) offsetof(struct idlebroker_gate_change, member)
static const struct field change_fields[] = {
	{"at_s", AT(at_s), FIELD_S64, REQUIRED, NULL},
	{"ago_ns", AT(ago_ns), FIELD_U64, REQUIRED, NULL},
};
#undef AT

#define AT(member) offsetof(struct idlebroker_gate, member)
static const struct field gate_fields[] = {
	{"open", AT(open), FIELD_BOOL, REQUIRED, NULL},
	{"opens", AT(opens), FIELD_U64, REQUIRED, NULL},
	{"closes", AT(closes), FIELD_U64, REQUIRED, NULL},
};
#undef AT

#define AT(member) offsetof(struct idlebroker_device, member)
static const struct field device_fields[] = {
	{"id", AT(id), FIELD_TEXT, REQUIRED, NULL},
	{"name", AT(name), FIELD_TEXT, REQUIRED, NULL},
	{"driver", AT(driver), FIELD_TEXT, REQUIRED, NULL},
	{"node", AT(node), FIELD_TEXT, OPTIONAL, NULL},
	{"software", AT(software), FIELD_BOOL, REQUIRED, NULL},
	{"usable", AT(usable), FIELD_BOOL, REQUIRED, NULL},
	{"job", AT(job), FIELD_U64, OPTIONAL, NULL},
};
#undef AT

static struct result_box *box_of(const void *result)
{
	return (struct result_box *)((char *)result - offsetof(struct result_box, data));
}

void *result_new(size_t size, json_t *json)
{
	struct result_box *box = calloc(1, sizeof(*box) + size);

	if (!box) {
		json_decref(json);
		return NULL;
	}
	box->json = json;
	return box->data;
}

void *result_alloc(void *result, size_t size)
{
	struct result_item *item = calloc(1, sizeof(*item) + size);

	if (!item)
		return NULL;
	item->next = box_of(result)->items;
	box_of(result)->items = item;
	return item->data;
}

void idlebroker_free(const void *result)
{
	struct result_box *box;

	if (!result)
		return;
	box = box_of(result);
	while (box->items) {
		struct result_item *item = box->items;

		box->items = item->next;
		free(item);
	}
	json_decref(box->json);
	free(box);
}

static int fill_int(void *at, enum field_kind kind, const json_t *value)
{
	json_int_t i = json_integer_value(value);

	if (!json_is_integer(value))
		return -EPROTO;
	if (kind == FIELD_S64) {
		*(int64_t *)at = i;
	} else if (kind == FIELD_U64 && i >= 0) {
		*(uint64_t *)at = (uint64_t)i;
	} else if (kind == FIELD_U32 && i >= 0 && i <= UINT32_MAX) {
		*(uint32_t *)at = (uint32_t)i;
	} else if (kind == FIELD_S32 && i >= INT32_MIN && i <= INT32_MAX) {
		*(int32_t *)at = (int32_t)i;
	} else {
		return -EPROTO;
	}
	return 0;
}

static int fill_enum(int32_t *at, const char *const *names, const json_t *value)
{
	const char *text = json_string_value(value);

	for (int32_t i = 0; text && names[i]; i++)
		if (!strcmp(names[i], text)) {
			*at = i;
			return 0;
		}
	return -EPROTO;
}

static int fill_field(char *at, const struct field *f, const json_t *value)
{
	if (f->optional && (!value || json_is_null(value))) {
		if (f->optional == OR_MAX)
			*(uint64_t *)(void *)at = UINT64_MAX;
		return 0;
	}
	switch (f->kind) {
	case FIELD_TEXT:
		*(const char **)(void *)at = json_string_value(value);
		return json_is_string(value) ? 0 : -EPROTO;
	case FIELD_BOOL:
		*(int32_t *)(void *)at = json_is_true(value);
		return json_is_boolean(value) ? 0 : -EPROTO;
	case FIELD_ENUM:
		return fill_enum((int32_t *)(void *)at, f->names, value);
	default:
		return fill_int(at, f->kind, value);
	}
}

static int fill(void *out, const struct field *fields, size_t n, const json_t *json)
{
	for (size_t i = 0; i < n; i++) {
		int err = fill_field((char *)out + fields[i].offset, &fields[i],
				     json_object_get(json, fields[i].key));

		if (err)
			return err;
	}
	return 0;
}

int result_fill_job(void *result, void *out, const json_t *json)
{
	return fill(out, job_fields, ARRAY_SIZE(job_fields), json);
}

int result_fill_output(void *result, void *out, const json_t *json)
{
	return fill(out, output_fields, ARRAY_SIZE(output_fields), json);
}

int result_fill_device(void *result, void *out, const json_t *json)
{
	return fill(out, device_fields, ARRAY_SIZE(device_fields), json);
}

static int fill_hold(void *result, void *out, const json_t *json)
{
	return fill(out, hold_fields, ARRAY_SIZE(hold_fields), json);
}

/* An array of texts, with NULL at the end. */
static int fill_names(void *result, const char *const **out, const json_t *json)
{
	size_t n = json_array_size(json);
	const char **names;

	if (!json_is_array(json))
		return -EPROTO;
	names = result_alloc(result, (n + 1) * sizeof(*names));
	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		names[i] = json_string_value(json_array_get(json, i));
		if (!names[i])
			return -EPROTO;
	}
	*out = names;
	return 0;
}

static int fill_change(void *result, void *out, const json_t *json)
{
	struct idlebroker_gate_change *change = out;
	int err = fill(change, change_fields, ARRAY_SIZE(change_fields), json);

	if (!err)
		err = fill_names(result, &change->set, json_object_get(json, "set"));
	if (!err)
		err = fill_names(result, &change->cleared, json_object_get(json, "cleared"));
	if (!err)
		err = fill_names(result, &change->holds, json_object_get(json, "holds"));
	return err;
}

/* An array of pointers to structs of @size, with NULL at the end. */
static int fill_list(void *result, void **items, size_t size, result_fill_fn fn, const json_t *json)
{
	for (size_t i = 0; i < json_array_size(json); i++) {
		int err;

		items[i] = result_alloc(result, size);
		if (!items[i])
			return -ENOMEM;
		err = fn(result, items[i], json_array_get(json, i));
		if (err)
			return err;
	}
	return 0;
}

int result_fill_gate(void *result, void *out, const json_t *json)
{
	const json_t *holds = json_object_get(json, "holds");
	const json_t *history = json_object_get(json, "history");
	struct idlebroker_gate *gate = out;
	void **hold_items, **change_items;
	int err = fill(gate, gate_fields, ARRAY_SIZE(gate_fields), json);

	if (err)
		return err;
	if (!json_is_array(holds) || !json_is_array(history))
		return -EPROTO;
	hold_items = result_alloc(result, (json_array_size(holds) + 1) * sizeof(void *));
	change_items = result_alloc(result, (json_array_size(history) + 1) * sizeof(void *));
	if (!hold_items || !change_items)
		return -ENOMEM;
	gate->holds = (const struct idlebroker_hold *const *)hold_items;
	gate->history = (const struct idlebroker_gate_change *const *)change_items;
	err = fill_list(result, hold_items, sizeof(struct idlebroker_hold), fill_hold, holds);
	if (!err)
		err = fill_list(result, change_items, sizeof(struct idlebroker_gate_change),
				fill_change, history);
	return err;
}

static int result_failed(struct idlebroker *c, int err, const char *key)
{
	if (err == -ENOMEM)
		return client_fail(c, err, "out of memory");
	return client_fail(c, err, "the broker's answer lacks something in \"%s\"", key);
}

int result_one(struct idlebroker *c, json_t *reply, const char *key, size_t size, result_fill_fn fn,
	       const void **out)
{
	void *result = result_new(size, reply);
	int err;

	if (!result)
		return result_failed(c, -ENOMEM, key);
	err = fn(result, result, json_object_get(reply, key));
	if (err) {
		idlebroker_free(result);
		return result_failed(c, err, key);
	}
	*out = result;
	return 0;
}

int result_list(struct idlebroker *c, json_t *reply, const char *key, size_t size,
		result_fill_fn fn, const void *const **out)
{
	const json_t *array = json_object_get(reply, key);
	void **result = result_new((json_array_size(array) + 1) * sizeof(void *), reply);
	int err = json_is_array(array) ? 0 : -EPROTO;

	if (!result)
		return result_failed(c, -ENOMEM, key);
	if (!err)
		err = fill_list(result, result, size, fn, array);
	if (err) {
		idlebroker_free(result);
		return result_failed(c, err, key);
	}
	*out = (const void *const *)result;
	return (int)json_array_size(array);
}
