/* SPDX-License-Identifier: MIT */
/* The gate and the broker: status, why, pause, resume, reload, version. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "libbroker/proto/gate_page.h"
#include "libbroker/util/cleanup.h"
#include "tools/ctl.h"
#include "tools/print.h"
#include "tools/text.h"

static void put_ratio(const char *label, const json_t *status)
{
	const json_t *budget = json_object_get(status, "day_budget_ns");
	struct text_unit used, of;

	if (!json_is_integer(json_object_get(status, "used_today_ns")))
		return;
	text_duration(&used, print_u64(status, "used_today_ns"));
	if (json_is_integer(budget))
		print_line(label, "%s of %s on the device", used.text,
			   text_duration(&of, (uint64_t)json_integer_value(budget)));
	else
		print_line(label, "%s on the device", used.text);
}

static void put_status(const json_t *s)
{
	char holds[256];
	struct text_unit up;

	print_names(holds, sizeof(holds), json_object_get(s, "holds"));
	if (json_is_true(json_object_get(s, "open")))
		print_line("gate", "open");
	else
		print_line("gate", "closed: %s", holds);
	print_line("jobs", "%" PRIu64 " running, %" PRIu64 " parked, %" PRIu64 " waiting",
		   print_u64(s, "running"), print_u64(s, "parked"), print_u64(s, "waiting"));
	if (json_is_integer(json_object_get(s, "duty_permille")))
		print_line("duty", "%.1f %%", (double)print_u64(s, "duty_permille") / 10);
	put_ratio("today", s);
	print_line("tier", "%s", print_text(s, "tier"));
	if (json_is_true(json_object_get(s, "store_ok")))
		print_line("store", "ok");
	else
		print_line("store", "BROKEN: %s", print_text(s, "store_message"));
	print_line("broker", "%s, process %" PRIu64 ", up %s", print_text(s, "version"),
		   print_u64(s, "pid"), text_duration(&up, print_u64(s, "uptime_ns")));
	print_line("", "%" PRIu64 " wake-ups, %" PRIu64 " clients", print_u64(s, "wakeups"),
		   print_u64(s, "clients"));
}

/*
 * Without a broker the kernel module, if it is there, still says how the gate is: closed, since
 * nobody hosts it, or as a broker holds it that does not answer here. Returns @code.
 */
static int glance(const struct ctl *ctl, int code)
{
	struct idlegate_page page;
	struct idlegate_info info;
	char holds[256];

	if (code != CTL_UNREACHABLE || ctl->json ||
	    gate_page_glance(IDLEGATE_DEVICE, &page, &info) < 0)
		return code;
	gate_page_names(page.holds, holds, sizeof(holds));
	if (page.holds)
		print_line("gate", "closed: %s", holds);
	else
		print_line("gate", "open");
	print_line("tier", "module");
	print_line("broker", "%s",
		   info.hosted ? "one hosts the gate in the kernel, but none answers here"
			       : "none: the kernel keeps the gate closed");
	return code;
}

int cmd_status(struct ctl *ctl, int argc, char **argv)
{
	json_t *s = NULL;
	int r = ctl_no_arguments(ctl, argc, argv);

	if (!r)
		r = glance(ctl, ctl_call(ctl, "Status", json_object(), ctl->json ? NULL : &s));
	if (!r && s)
		put_status(s);
	json_decref(s);
	return r;
}

static void put_hold(const json_t *hold, unsigned int columns)
{
	const json_t *clear_in = json_object_get(hold, "clear_in_ns");
	struct text_unit age, left;
	char text[1024];

	snprintf(text, sizeof(text), "%s, for %s", print_text(hold, "name"),
		 text_duration(&age, print_u64(hold, "age_ns")));
	print_wrapped(text, 2, columns);
	print_wrapped(print_text(hold, "why"), 4, columns);
	snprintf(text, sizeof(text), "Cleared by: %s.", print_text(hold, "clears"));
	print_wrapped(text, 4, columns);
	if (!json_is_integer(clear_in))
		return;
	text_duration(&left, (uint64_t)json_integer_value(clear_in));
	snprintf(text, sizeof(text), "In %s if nothing new happens.", left.text);
	print_wrapped(text, 4, columns);
}

static void put_change(const json_t *change, unsigned int columns)
{
	const json_t *holds = json_object_get(change, "holds");
	char set[256], cleared[256], all[256], text[1024];
	struct text_unit ago;

	print_names(set, sizeof(set), json_object_get(change, "set"));
	print_names(cleared, sizeof(cleared), json_object_get(change, "cleared"));
	print_names(all, sizeof(all), holds);
	snprintf(text, sizeof(text), "%s ago: %s%s%s%s%s -> %s",
		 text_duration(&ago, print_u64(change, "ago_ns")), set[0] ? "+ " : "", set,
		 set[0] && cleared[0] ? ", " : "", cleared[0] ? "- " : "", cleared,
		 json_array_size(holds) ? all : "open");
	print_wrapped(text, 2, columns);
}

void print_gate(const json_t *gate)
{
	const json_t *holds = json_object_get(gate, "holds");
	const json_t *history = json_object_get(gate, "history");
	const json_t *input = json_object_get(gate, "input_ago_ns");
	unsigned int columns = text_columns();
	size_t n = json_array_size(holds);
	struct text_unit ago;

	if (json_is_true(json_object_get(gate, "open")))
		printf("The gate is open: nothing holds it.\n");
	else
		printf("The gate is closed by %zu hold%s:\n\n", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < n; i++)
		put_hold(json_array_get(holds, i), columns);
	if (json_is_integer(input))
		printf("\nLast use by the owner: %s ago.\n",
		       text_duration(&ago, (uint64_t)json_integer_value(input)));
	if (json_array_size(history))
		printf("\nLast changes:\n");
	for (size_t i = 0; i < json_array_size(history); i++)
		put_change(json_array_get(history, i), columns);
}

/* Why this one job does not run. */
static int why_job(struct ctl *ctl, const char *text, json_t **out)
{
	json_t *job = NULL;
	uint64_t id;
	int r = ctl_parse_id(ctl, text, &id);

	if (!r)
		r = ctl_call(ctl, "Show", json_pack("{s:I}", "id", (json_int_t)id), &job);
	if (r)
		return r;
	if (ctl->json)
		*out = json_incref(json_object_get(job, "job"));
	else
		print_job_reason(json_object_get(job, "job"));
	json_decref(job);
	return CTL_OK;
}

int cmd_why(struct ctl *ctl, int argc, char **argv)
{
	json_t *reply = NULL, *job = NULL;
	int r = argc > 2 ? ctl_usage(ctl, "one job at a time") : CTL_OK;

	if (!r && argc == 2)
		r = why_job(ctl, argv[1], &job);
	if (!r)
		r = glance(ctl, ctl_call(ctl, "GetGate", json_object(), &reply));
	if (!r && ctl->json) {
		if (job)
			json_object_set(reply, "job", job);
		r = ctl_print_json(reply, false);
	} else if (!r) {
		print_gate(json_object_get(reply, "gate"));
	}
	json_decref(job);
	json_decref(reply);
	return r;
}

int cmd_pause(struct ctl *ctl, int argc, char **argv)
{
	uint64_t seconds = 0;
	struct text_unit u;
	int r;

	if (argc > 2)
		return ctl_usage(ctl, "pause takes one duration");
	if (argc == 2 && (text_parse_duration(argv[1], &seconds) < 0 || !seconds))
		return ctl_usage(ctl, "a duration is like 90s, 10m or 1h30m, not \"%s\"", argv[1]);
	r = ctl_call(ctl, "Pause",
		     seconds ? json_pack("{s:I}", "seconds", (json_int_t)seconds) : json_object(),
		     NULL);
	if (r || ctl->json)
		return r;
	if (seconds)
		printf("paused for %s\n", text_duration(&u, seconds * 1000000000ull));
	else
		printf("paused until brokerctl resume\n");
	return r;
}

int cmd_resume(struct ctl *ctl, int argc, char **argv)
{
	int r = ctl_no_arguments(ctl, argc, argv);

	if (!r)
		r = ctl_call(ctl, "Resume", json_object(), NULL);
	if (!r && !ctl->json)
		printf("resumed\n");
	return r;
}

int cmd_reload(struct ctl *ctl, int argc, char **argv)
{
	int r = ctl_no_arguments(ctl, argc, argv);

	if (!r)
		r = ctl_call(ctl, "Reload", json_object(), NULL);
	if (!r && !ctl->json)
		printf("configuration read\n");
	return r;
}

int cmd_version(struct ctl *ctl, int argc, char **argv)
{
	json_t *status = NULL, *both;
	int r = ctl_no_arguments(ctl, argc, argv), err;

	if (r)
		return r;
	/* Without a broker the own version is the answer. */
	err = idlebroker_connect(&ctl->conn, ctl->socket);
	if (!err) {
		idlebroker_set_timeout(ctl->conn, 5000);
		err = client_call(ctl->conn, "Status", json_object(), &status);
	}
	if (ctl->json) {
		both = json_pack("{s:s, s:s?}", "brokerctl", idlebroker_version(), "broker",
				 json_string_value(json_object_get(status, "version")));
		r = ctl_print_json(both, false);
		json_decref(both);
	} else {
		print_line("brokerctl", "%s", idlebroker_version());
		print_line("broker", "%s", err ? "not reachable" : print_text(status, "version"));
	}
	json_decref(status);
	return r;
}
