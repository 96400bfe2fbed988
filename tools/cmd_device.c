/* SPDX-License-Identifier: MIT */
/* devices and doctor: what is there, and how the broker knows. */
#include <inttypes.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/ctl.h"
#include "tools/print.h"
#include "tools/text.h"

#define DETAIL_DEPTH_MAX 3

/* Limits and features as the probe named them: "key: value", nested ones indented. */
static void put_details(const json_t *object, unsigned int indent, unsigned int depth)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		char text[512];
		char *dump;

		if (json_is_object(value) && depth < DETAIL_DEPTH_MAX) {
			snprintf(text, sizeof(text), "%s:", key);
			print_wrapped(text, indent, text_columns());
			put_details(value, indent + 2, depth + 1);
			continue;
		}
		dump = json_is_string(value) ? strdup(json_string_value(value))
					     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		snprintf(text, sizeof(text), "%s: %s", key, dump ? dump : "?");
		free(dump);
		print_wrapped(text, indent, text_columns());
	}
}

static void put_device(const json_t *device)
{
	const char *node = print_text(device, "node");

	print_wrapped(print_text(device, "id"), 0, text_columns());
	print_line("  name", "%s", print_text(device, "name"));
	print_line("  driver", "%s%s%s", print_text(device, "driver"), node[0] ? " at " : "", node);
	print_line("  usable", "%s%s",
		   json_is_true(json_object_get(device, "usable")) ? "yes" : "no",
		   json_is_true(json_object_get(device, "software")) ? ", a software device" : "");
	if (print_u64(device, "job"))
		print_line("  job", "%" PRIu64, print_u64(device, "job"));
	put_details(json_object_get(device, "details"), 2, 0);
}

int cmd_devices(struct ctl *ctl, int argc, char **argv)
{
	json_t *reply = NULL, *devices;
	int r = ctl_no_arguments(ctl, argc, argv);

	if (!r)
		r = ctl_call(ctl, "Devices", json_object(), ctl->json ? NULL : &reply);
	if (r || !reply)
		return r;
	devices = json_object_get(reply, "devices");
	for (size_t i = 0; i < json_array_size(devices); i++)
		put_device(json_array_get(devices, i));
	if (json_is_string(json_object_get(reply, "message")))
		print_line(json_array_size(devices) ? "but" : "none", "%s",
			   print_text(reply, "message"));
	json_decref(reply);
	return r;
}

static void put_check(const json_t *check)
{
	const char *tier = print_text(check, "tier");
	bool ok = json_is_true(json_object_get(check, "ok"));

	print_line(!ok                    ? "NO"
		   : strcmp(tier, "none") ? "ok"
					  : "--",
		   "%s%s%s%s", print_text(check, "name"), tier[0] ? " (" : "", tier,
		   tier[0] ? ")" : "");
	if (print_text(check, "detail")[0])
		print_line("", "%s", print_text(check, "detail"));
}

int cmd_doctor(struct ctl *ctl, int argc, char **argv)
{
	static const char *const lists[] = {"sensors", "checks"};
	json_t *reply = NULL;
	int r = ctl_no_arguments(ctl, argc, argv);

	if (!r)
		r = ctl_call(ctl, "Doctor", json_object(), ctl->json ? NULL : &reply);
	if (r || !reply)
		return r;
	print_line("tier", "%s", print_text(reply, "tier"));
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++) {
		const json_t *list = json_object_get(reply, lists[k]);

		for (size_t i = 0; i < json_array_size(list); i++)
			put_check(json_array_get(list, i));
	}
	json_decref(reply);
	return r;
}
