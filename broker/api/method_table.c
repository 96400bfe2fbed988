/* SPDX-License-Identifier: MIT */
/* Every method: who may call it, what it takes, who does it. The same as in the .varlink file. */
#include <string.h>

#include "broker/api/api_internal.h"
#include "libbroker/proto/interface.h"
#include "libbroker/util/cleanup.h"

#define SERVICE "org.varlink.service"
#define OWN     .interface = INTERFACE_NAME
#define PARAM(name_, type_)                  \
	{                                    \
		.name = name_, .type = type_ \
	}
#define OPTIONAL(name_, type_)                                 \
	{                                                      \
		.name = name_, .type = type_, .optional = true \
	}

static const struct method methods[] = {
	{SERVICE, "GetInfo", .start = method_get_info},
	{SERVICE, "GetInterfaceDescription", .start = method_get_interface_description,
	 .params = {PARAM("interface", JSON_STRING)}},

	{OWN, .name = "Submit", .right = API_RIGHT_JOBS, .pipelined = true, .start = method_submit,
	 .params = {PARAM("job", JSON_STRING), PARAM("blobs", JSON_ARRAY)}},
	{OWN, .name = "MissingBlobs", .right = API_RIGHT_JOBS, .start = method_missing_blobs,
	 .params = {PARAM("sha256", JSON_ARRAY)}},
	{OWN, .name = "List", .right = API_RIGHT_JOBS, .start = method_list,
	 .params = {OPTIONAL("states", JSON_ARRAY), OPTIONAL("uid", JSON_INTEGER),
		    OPTIONAL("after", JSON_INTEGER), OPTIONAL("limit", JSON_INTEGER)}},
	{OWN, .name = "Show", .right = API_RIGHT_JOBS, .start = method_show,
	 .params = {PARAM("id", JSON_INTEGER)}},
	{OWN, .name = "Watch", .right = API_RIGHT_JOBS, .needs_more = true, .start = method_watch,
	 .params = {OPTIONAL("id", JSON_INTEGER)}},
	{OWN, .name = "Wait", .right = API_RIGHT_JOBS, .start = method_wait,
	 .params = {PARAM("id", JSON_INTEGER)}},
	{OWN, .name = "Outputs", .right = API_RIGHT_JOBS, .start = method_outputs,
	 .params = {PARAM("id", JSON_INTEGER)}},
	{OWN, .name = "Fetch", .right = API_RIGHT_JOBS, .start = method_fetch,
	 .params = {PARAM("id", JSON_INTEGER), PARAM("output", JSON_STRING)}},
	{OWN, .name = "Cancel", .right = API_RIGHT_JOBS, .start = method_cancel,
	 .params = {PARAM("id", JSON_INTEGER)}},
	{OWN, .name = "Logs", .right = API_RIGHT_JOBS, .start = method_logs,
	 .params = {PARAM("id", JSON_INTEGER)}},

	{OWN, .name = "GetGate", .start = method_get_gate},
	{OWN, .name = "WatchGate", .needs_more = true, .start = method_watch_gate},
	{OWN, .name = "Devices", .start = method_devices},
	{OWN, .name = "Usage", .start = method_usage},
	{OWN, .name = "Doctor", .start = method_doctor},
	{OWN, .name = "Status", .start = method_status},

	{OWN, .name = "Pause", .right = API_RIGHT_ADMIN, .start = method_pause,
	 .params = {OPTIONAL("seconds", JSON_INTEGER)}},
	{OWN, .name = "Resume", .right = API_RIGHT_ADMIN, .start = method_resume},
	{OWN, .name = "Reload", .right = API_RIGHT_ADMIN, .start = method_reload},
};

const struct method *method_find(const char *name, size_t len, bool *interface_known)
{
	*interface_known = false;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		const struct method *m = &methods[i];
		size_t n = strlen(m->interface);

		if (len < n || strncmp(name, m->interface, n) != 0)
			continue;
		if (len == n)
			*interface_known = true;
		else if (name[n] == '.' && strlen(m->name) == len - n - 1 &&
			 !strncmp(name + n + 1, m->name, len - n - 1))
			return m;
	}
	return NULL;
}
