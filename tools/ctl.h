/* SPDX-License-Identifier: MIT */
/*
 * brokerctl: a table of subcommands, each one function in the file of its group.
 *
 * A command gets its own arguments (argv[0] is its name), calls the broker through ctl_call() and
 * prints either the reply's parameters as they are (--json; the keys are those of the interface)
 * or words for a person. It returns an exit code.
 */
#ifndef TOOLS_CTL_H
#define TOOLS_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "libbroker/client.h"

enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3, /* no broker, or it went away */
	CTL_DENIED = 4,
	CTL_JOB_FAILED = 5, /* the job that was waited for failed or was cancelled */
	CTL_NOT_FOUND = 6, /* no such job or output */
};

struct ctl {
	const char *socket; /* --socket; NULL: the library's choice */
	bool json;
	struct idlebroker *conn; /* see ctl_connect() */
	const struct ctl_command *command;
};

struct ctl_command {
	const char *name;
	const char *arguments; /* "ID [OUTPUT…]" */
	const char *summary;
	const char *options; /* the long ones, space-separated, for completions; "" = none */
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

int cmd_status(struct ctl *ctl, int argc, char **argv);
int cmd_why(struct ctl *ctl, int argc, char **argv);
int cmd_events(struct ctl *ctl, int argc, char **argv);
int cmd_pause(struct ctl *ctl, int argc, char **argv);
int cmd_resume(struct ctl *ctl, int argc, char **argv);
int cmd_reload(struct ctl *ctl, int argc, char **argv);
int cmd_devices(struct ctl *ctl, int argc, char **argv);
int cmd_doctor(struct ctl *ctl, int argc, char **argv);
int cmd_pack(struct ctl *ctl, int argc, char **argv);
int cmd_check(struct ctl *ctl, int argc, char **argv);
int cmd_submit(struct ctl *ctl, int argc, char **argv);
int cmd_jobs(struct ctl *ctl, int argc, char **argv);
int cmd_show(struct ctl *ctl, int argc, char **argv);
int cmd_cancel(struct ctl *ctl, int argc, char **argv);
int cmd_logs(struct ctl *ctl, int argc, char **argv);
int cmd_fetch(struct ctl *ctl, int argc, char **argv);
int cmd_wait(struct ctl *ctl, int argc, char **argv);
int cmd_top(struct ctl *ctl, int argc, char **argv);
int cmd_version(struct ctl *ctl, int argc, char **argv);

/** ctl_usage() - a wrong command line: says what and how it would be right; returns CTL_USAGE */
int ctl_usage(const struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** ctl_error() - "brokerctl: …" on standard error, made safe; returns @code */
int ctl_error(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** ctl_no_arguments() - CTL_OK, or CTL_USAGE when there are any */
int ctl_no_arguments(const struct ctl *ctl, int argc, char **argv);

/** ctl_connect() - the first call connects; returns an exit code, said already */
int ctl_connect(struct ctl *ctl);

/** ctl_failed() - the words of the last failed call on standard error; returns its exit code */
int ctl_failed(struct ctl *ctl, int err);

/**
 * ctl_call() - connect if need be and call
 * @parameters: taken over
 * @out: owned by the caller; NULL with --json: printed
 * Return: an exit code; a failure has been said.
 */
int ctl_call(struct ctl *ctl, const char *method, json_t *parameters, json_t **out);

/** ctl_print_json() - indented, or one line in a stream; returns CTL_OK or CTL_FAILED */
int ctl_print_json(const json_t *value, bool one_line);

/** ctl_parse_id() - a job's id from the command line; CTL_OK or CTL_USAGE */
int ctl_parse_id(const struct ctl *ctl, const char *text, uint64_t *id);

/** ctl_wait_for() - what `wait` does, for `submit --wait` too */
int ctl_wait_for(struct ctl *ctl, uint64_t id);

#endif
