/* SPDX-License-Identifier: MIT */
/* What all commands share: the connection, calls, errors and exit codes. */
#include "tools/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/text.h"

#define ANSWER_TIMEOUT_MS 30000

static void say(const char *text)
{
	_cleanup_free_ char *clean = text_clean(text, false);

	fprintf(stderr, "brokerctl: %s\n", clean);
}

int ctl_error(int code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(text);
	return code;
}

int ctl_usage(const struct ctl *ctl, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(text);
	if (ctl->command)
		fprintf(stderr, "usage: brokerctl %s %s\n", ctl->command->name,
			ctl->command->arguments);
	return CTL_USAGE;
}

int ctl_no_arguments(const struct ctl *ctl, int argc, char **argv)
{
	return argc > 1 ? ctl_usage(ctl, "%s takes no argument, not \"%s\"", argv[0], argv[1])
			: CTL_OK;
}

int ctl_failed(struct ctl *ctl, int err)
{
	const char *words = idlebroker_error(ctl->conn);
	bool answered = ctl->conn && ctl->conn->error_name[0];

	say(words);
	if (err == -EACCES)
		return CTL_DENIED;
	if (answered)
		return err == -ENOENT ? CTL_NOT_FOUND : CTL_FAILED;
	if (err == -ECONNRESET || err == -ETIMEDOUT || err == -EPIPE ||
	    idlebroker_get_fd(ctl->conn) < 0)
		return CTL_UNREACHABLE;
	return CTL_FAILED;
}

int ctl_connect(struct ctl *ctl)
{
	int err;

	if (ctl->conn)
		return CTL_OK;
	err = idlebroker_connect(&ctl->conn, ctl->socket);
	if (!ctl->conn)
		return ctl_error(CTL_FAILED, "out of memory");
	if (err)
		return ctl_failed(ctl, err);
	idlebroker_set_timeout(ctl->conn, ANSWER_TIMEOUT_MS);
	return CTL_OK;
}

int ctl_call(struct ctl *ctl, const char *method, json_t *parameters, json_t **out)
{
	json_t *reply = NULL;
	int r = ctl_connect(ctl);

	if (r) {
		json_decref(parameters);
		return r;
	}
	r = client_call(ctl->conn, method, parameters, &reply);
	if (r < 0)
		return ctl_failed(ctl, r);
	if (out) {
		*out = reply;
		return CTL_OK;
	}
	r = ctl->json ? ctl_print_json(reply, false) : CTL_OK;
	json_decref(reply);
	return r;
}

int ctl_print_json(const json_t *value, bool one_line)
{
	int r = json_dumpf(value, stdout, one_line ? JSON_COMPACT : JSON_INDENT(2));

	putchar('\n');
	if (r < 0 || fflush(stdout))
		return ctl_error(CTL_FAILED, "cannot write: %s", strerror(errno));
	return CTL_OK;
}

int ctl_parse_id(const struct ctl *ctl, const char *text, uint64_t *id)
{
	char *end;

	errno = 0;
	*id = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || !*id || *id > INT64_MAX)
		return ctl_usage(ctl, "a job's id is a number like 17, not \"%s\"", text);
	return CTL_OK;
}
