/* SPDX-License-Identifier: MIT */
/* The worker's document to devices; see device_probe.h. */
#include "broker/device_probe.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define PATH_ROOM 64
#define UUID_HEX  32

DEFINE_CLEANUP(json_t, json, json_decref)

void device_set_clear(struct device_set *set)
{
	for (unsigned int i = 0; i < set->n; i++)
		json_decref(set->list[i].details);
	*set = (struct device_set){0};
}

/* What is shown on terminals and in logs has no control characters. */
static void copy_shown(char *out, size_t room, const char *in)
{
	size_t n = strlen(in);

	if (n >= room)
		n = room - 1;
	/* Never end in the middle of a character. */
	while (n && in[n] && ((unsigned char)in[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)in[i] < 0x20 || in[i] == 0x7f ? '?' : in[i];
	out[n] = '\0';
}

static const char *json_string_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* What goes into an id is plain. */
static void make_plain(char *s)
{
	for (; *s; s++)
		if (!isascii((unsigned char)*s) ||
		    (!isalnum((unsigned char)*s) && !strchr(".:_-", *s)))
			*s = '-';
}

__attribute__((format(printf, 3, 4))) static void make_id(struct device *dev, const char *driver,
							  const char *fmt, ...)
{
	char tail[DEVICE_ID_MAX];
	size_t room;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tail, sizeof(tail), fmt, ap);
	va_end(ap);
	/* What tells devices apart is at the end, so the driver's name gives way. */
	room = sizeof(dev->id) - 1 - strlen(tail);
	if (room > strlen(driver))
		room = strlen(driver);
	memcpy(dev->id, driver, room);
	strcpy(dev->id + room, tail);
	make_plain(dev->id);
}

static int check_details(const json_t *v, const char *where, int depth, struct error *err)
{
	const char *key;
	json_t *child;
	size_t i;
	int r;

	if (depth > DEVICE_DETAILS_DEPTH)
		return error_set(err, -E2BIG, where, "nested deeper than %d levels",
				 DEVICE_DETAILS_DEPTH);
	if (json_is_string(v) && json_string_length(v) > DEVICE_DETAILS_STRING)
		return error_set(err, -E2BIG, where, "a string of more than %d bytes",
				 DEVICE_DETAILS_STRING);
	if (json_object_size(v) > DEVICE_DETAILS_MEMBERS ||
	    json_array_size(v) > DEVICE_DETAILS_MEMBERS)
		return error_set(err, -E2BIG, where, "more than %d members",
				 DEVICE_DETAILS_MEMBERS);
	json_object_foreach((json_t *)v, key, child) {
		if (strlen(key) > DEVICE_DETAILS_STRING)
			return error_set(err, -E2BIG, where, "a name of more than %d bytes",
					 DEVICE_DETAILS_STRING);
		r = check_details(child, where, depth + 1, err);
		if (r < 0)
			return r;
	}
	json_array_foreach(v, i, child) {
		r = check_details(child, where, depth + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

struct detail {
	const char *key;
	bool text; /* a string; else an object */
};

static int read_details(struct device *dev, const json_t *v, const char *where, struct error *err)
{
	static const struct detail all[] = {
		{"limits", false},    {"features", false},   {"speed", false},
		{"driverInfo", true}, {"api_version", true}, {"type", true},
	};

	dev->details = json_object();
	if (!dev->details)
		return -ENOMEM;
	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		json_t *part = json_object_get(v, all[i].key);
		char at[PATH_ROOM + 16];
		int r;

		if (!part || json_is_null(part))
			continue;
		snprintf(at, sizeof(at), "%s.%s", where, all[i].key);
		if (all[i].text ? !json_is_string(part) : !json_is_object(part))
			return error_set(err, -EINVAL, at, "must be %s",
					 all[i].text ? "a string" : "an object");
		r = check_details(part, at, 1, err);
		if (r < 0)
			return r;
		if (json_object_set(dev->details, all[i].key, part) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int read_text(char *out, size_t room, const json_t *v, const char *where, const char *key,
		     struct error *err)
{
	const char *text = json_string_value(json_object_get(v, key));

	if (!text || !*text)
		return error_set(err, -EINVAL, where, "\"%s\" must be a string that is not empty",
				 key);
	copy_shown(out, room, text);
	return 0;
}

static int read_uuid(struct device *dev, const json_t *v, const char *where, struct error *err)
{
	const char *text = json_string_value(json_object_get(v, "uuid"));
	uint8_t bytes[UUID_HEX / 2];

	if (!text || strlen(text) != UUID_HEX || hex_decode(bytes, text, sizeof(bytes)) < 0)
		return error_set(err, -EINVAL, where,
				 "\"uuid\" must be a string of %d lower-case hex digits", UUID_HEX);
	memcpy(dev->uuid, text, UUID_HEX + 1);
	return 0;
}

/* The node that the driver says it renders on: *@out is -1 for none. */
static int read_drm(int *out, const json_t *v, const char *where, const struct device_node *nodes,
		    unsigned int n_nodes, struct error *err)
{
	json_t *drm = json_object_get(v, "drm");
	json_t *major = json_object_get(drm, "render_major");
	json_t *minor = json_object_get(drm, "render_minor");

	*out = -1;
	if (!drm || json_is_null(drm))
		return 0;
	if (!json_is_integer(major) || !json_is_integer(minor))
		return error_set(err, -EINVAL, where,
				 "\"drm\" must be null or have the integers render_major and "
				 "render_minor");
	for (unsigned int i = 0; i < n_nodes; i++)
		if (json_integer_value(minor) == (json_int_t)nodes[i].minor &&
		    json_integer_value(major) == (json_int_t)nodes[i].major)
			*out = (int)i;
	return 0;
}

static void set_unusable(struct device *dev, const char *why)
{
	dev->usable = false;
	json_object_set_new(dev->details, "unusable", json_string(why));
}

static void identify(struct device *dev, bool software, const struct device_node *node)
{
	dev->usable = true;
	/* A paravirtual driver over a software one calls itself a CPU, yet it has a node. */
	dev->software = software && !node;
	if (node) {
		snprintf(dev->node, sizeof(dev->node), "%s", node->path);
		make_id(dev, node->driver, "-%.*s", 40, node->address);
	} else if (software) {
		make_id(dev, dev->driver, "-soft");
	} else {
		make_id(dev, dev->driver, "-%.12s", dev->uuid);
		set_unusable(dev, "the driver does not say which render node it is");
	}
}

static int read_device(struct device *dev, const json_t *v, unsigned int index,
		       const struct device_node *nodes, unsigned int n_nodes, int *node,
		       struct error *err)
{
	json_t *software = json_object_get(v, "software");
	char where[PATH_ROOM];
	int r;

	snprintf(where, sizeof(where), "devices[%u]", index);
	if (!json_is_object(v))
		return error_set(err, -EINVAL, where, "must be an object");
	if (!json_is_boolean(software))
		return error_set(err, -EINVAL, where, "\"software\" must be true or false");
	r = read_text(dev->name, sizeof(dev->name), v, where, "name", err);
	if (!r)
		r = read_text(dev->driver, sizeof(dev->driver), v, where, "driver", err);
	if (!r)
		r = read_uuid(dev, v, where, err);
	if (!r)
		r = read_drm(node, v, where, nodes, n_nodes, err);
	if (!r)
		r = read_details(dev, v, where, err);
	if (r)
		return r;
	identify(dev, json_is_true(software), *node < 0 ? NULL : &nodes[*node]);
	if (json_is_false(json_object_get(v, "compute")))
		set_unusable(dev, "it has no compute queue");
	return 0;
}

static bool set_has(const struct device_set *set, const char *id)
{
	for (unsigned int i = 0; i < set->n; i++)
		if (!strcmp(set->list[i].id, id))
			return true;
	return false;
}

static int read_list(struct device_set *set, const json_t *list, const struct device_node *nodes,
		     unsigned int n_nodes, struct error *err)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < json_array_size(list); i++) {
		struct device *dev = &set->list[set->n];
		int node = -1;
		int r = read_device(dev, json_array_get(list, i), i, nodes, n_nodes, &node, err);

		if (r < 0) {
			json_decref(dev->details);
			*dev = (struct device){0};
			return r;
		}
		/* Two drivers of one device, or one driver listed twice: lend it once. */
		if (set_has(set, dev->id)) {
			json_decref(dev->details);
			*dev = (struct device){0};
			continue;
		}
		if (node >= 0)
			seen |= 1ull << node;
		set->n++;
	}
	for (unsigned int i = 0; i < n_nodes && set->n < DEVICES_MAX; i++) {
		struct device *dev = &set->list[set->n];

		if (seen & 1ull << i)
			continue;
		dev->details = json_object();
		if (!dev->details)
			return -ENOMEM;
		copy_shown(dev->name, sizeof(dev->name), nodes[i].driver);
		copy_shown(dev->driver, sizeof(dev->driver), nodes[i].driver);
		identify(dev, false, &nodes[i]);
		set_unusable(dev, nodes[i].accel ? "an accelerator: Vulkan does not reach it"
						 : "no Vulkan driver answers for this node");
		set->n += !set_has(set, dev->id);
	}
	return 0;
}

int device_set_parse(struct device_set *out, const char *json, size_t len,
		     const struct device_node *nodes, unsigned int n_nodes, struct error *err)
{
	_cleanup_(device_set_clear) struct device_set set = {0};
	_cleanup_(cleanup_jsonp) json_t *root = NULL;
	json_error_t why;
	json_t *list;
	int r;

	if (len > DEVICES_PROBE_MAX)
		return error_set(err, -E2BIG, "probe", "more than %u bytes", DEVICES_PROBE_MAX);
	if (n_nodes > DEVICES_MAX)
		n_nodes = DEVICES_MAX;
	root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);
	if (!root)
		return error_set(err, -EINVAL, "probe", "line %d: %s", why.line, why.text);
	list = json_object_get(root, "devices");
	if (!json_is_array(list))
		return error_set(err, -EINVAL, "probe", "must be {\"devices\": [...]}");
	if (json_array_size(list) > DEVICES_MAX)
		return error_set(err, -E2BIG, "devices", "more than %d", DEVICES_MAX);
	copy_shown(set.error, sizeof(set.error), json_string_text(root, "error"));
	r = read_list(&set, list, nodes, n_nodes, err);
	if (r < 0)
		return r == -ENOMEM ? error_set(err, r, "probe", "out of memory") : r;
	*out = set;
	set = (struct device_set){0};
	return 0;
}

/* A software device that has another fault keeps it; the config's word is put on and taken off. */
void device_set_allow(struct device_set *set, bool allow_software)
{
	static const char forbidden[] = "a software device: allow_software_device is off";

	for (unsigned int i = 0; i < set->n; i++) {
		struct device *dev = &set->list[i];
		const char *why = json_string_value(json_object_get(dev->details, "unusable"));

		if (why && !strcmp(why, forbidden))
			json_object_del(dev->details, "unusable");
		dev->usable = !json_object_get(dev->details, "unusable");
		if (dev->usable && dev->software && !allow_software)
			set_unusable(dev, forbidden);
	}
}
