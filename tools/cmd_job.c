/* SPDX-License-Identifier: MIT */
/* Jobs: submit, jobs, show, cancel, logs. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/ctl.h"
#include "tools/print.h"
#include "tools/text.h"

static json_t *id_parameter(uint64_t id)
{
	return json_pack("{s:I}", "id", (json_int_t)id);
}

/* The one argument that is an id. */
static int only_id(struct ctl *ctl, int argc, char **argv, uint64_t *id)
{
	if (argc != 2)
		return ctl_usage(ctl, "%s takes one job's id", argv[0]);
	return ctl_parse_id(ctl, argv[1], id);
}

static int submit_one(struct ctl *ctl, const char *path, bool quiet, bool wait)
{
	uint64_t id = 0;
	json_t *reply;
	int r;

	r = idlebroker_submit(ctl->conn, path, &id);
	if (r < 0)
		return ctl_failed(ctl, r);
	if (ctl->json && !wait) {
		reply = id_parameter(id);
		r = ctl_print_json(reply, true);
		json_decref(reply);
		return r;
	}
	if (quiet)
		printf("%" PRIu64 "\n", id);
	else if (!ctl->json)
		printf("submitted: job %" PRIu64 "\n", id);
	fflush(stdout);
	return wait ? ctl_wait_for(ctl, id) : CTL_OK;
}

int cmd_submit(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"quiet", no_argument, NULL, 'q'}, {"wait", no_argument, NULL, 'w'}, {}};
	bool quiet = false, wait = false;
	int opt, r;

	while ((opt = getopt_long(argc, argv, "qw", options, NULL)) != -1) {
		if (opt == 'q')
			quiet = true;
		else if (opt == 'w')
			wait = true;
		else
			return ctl_usage(ctl, "see brokerctl submit --help");
	}
	if (optind == argc)
		return ctl_usage(ctl, "which bundle? A directory or tar file with job.json");
	r = ctl_connect(ctl);
	for (int i = optind; !r && i < argc; i++) {
		r = submit_one(ctl, argv[i], quiet, wait);
		if (r && !wait && argc - optind > 1)
			ctl_error(r, "%s was not handed in, nor what follows it", argv[i]);
	}
	return r;
}

int cmd_jobs(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"state", required_argument, NULL, 's'}, {}};
	json_t *filter = json_object(), *jobs = NULL, *names;
	unsigned int columns = text_columns();
	int opt, r;

	while ((opt = getopt_long(argc, argv, "s:", options, NULL)) != -1) {
		if (opt != 's')
			break;
		names = json_array();
		for (char *s = strtok(optarg, ","); s; s = strtok(NULL, ","))
			json_array_append_new(names, json_string(s));
		json_object_set_new(filter, "states", names);
	}
	if (opt != -1 || optind != argc) {
		json_decref(filter);
		return ctl_usage(ctl, "STATE: queued, running, done, failed or cancelled");
	}
	r = ctl_connect(ctl);
	if (r) {
		json_decref(filter);
		return r;
	}
	r = client_list(ctl->conn, filter, &jobs);
	if (r < 0)
		return ctl_failed(ctl, r);
	if (ctl->json) {
		json_t *object = json_pack("{s:O}", "jobs", jobs);

		r = ctl_print_json(object, false);
		json_decref(object);
	} else if (!json_array_size(jobs)) {
		printf("no jobs\n");
	} else {
		print_job_row(NULL, columns);
		for (size_t i = 0; i < json_array_size(jobs); i++)
			print_job_row(json_array_get(jobs, i), columns);
	}
	json_decref(jobs);
	return r;
}

static void put_outputs(const json_t *outputs)
{
	struct text_unit size;

	for (size_t i = 0; i < json_array_size(outputs); i++) {
		const json_t *o = json_array_get(outputs, i);

		print_line(i ? "" : "outputs", "%s, %s, %s", print_text(o, "name"),
			   text_bytes(&size, print_u64(o, "size")), print_text(o, "sha256"));
	}
}

int cmd_show(struct ctl *ctl, int argc, char **argv)
{
	json_t *reply = NULL, *outputs = NULL;
	const json_t *job;
	uint64_t id;
	int r = only_id(ctl, argc, argv, &id);

	if (!r)
		r = ctl_call(ctl, "Show", id_parameter(id), &reply);
	if (r)
		return r;
	job = json_object_get(reply, "job");
	if (!strcmp(print_text(job, "state"), "done"))
		r = ctl_call(ctl, "Outputs", id_parameter(id), &outputs);
	if (!r && ctl->json) {
		if (outputs)
			json_object_update(reply, outputs);
		r = ctl_print_json(reply, false);
	} else if (!r) {
		print_job(job);
		put_outputs(json_object_get(outputs, "outputs"));
	}
	json_decref(reply);
	json_decref(outputs);
	return r;
}

int cmd_logs(struct ctl *ctl, int argc, char **argv)
{
	_cleanup_free_ char *clean = NULL;
	json_t *reply = NULL;
	uint64_t id;
	int r = only_id(ctl, argc, argv, &id);

	if (!r)
		r = ctl_call(ctl, "Logs", id_parameter(id), ctl->json ? NULL : &reply);
	if (r || !reply)
		return r;
	clean = text_clean(print_text(reply, "text"), true);
	fputs(clean, stdout);
	if (clean[0] && clean[strlen(clean) - 1] != '\n')
		putchar('\n');
	json_decref(reply);
	return r;
}

int cmd_cancel(struct ctl *ctl, int argc, char **argv)
{
	int result = CTL_OK;

	if (argc < 2)
		return ctl_usage(ctl, "which job?");
	for (int i = 1; i < argc; i++) {
		uint64_t id;
		int r = ctl_parse_id(ctl, argv[i], &id);

		if (r)
			return r;
		r = ctl_call(ctl, "Cancel", id_parameter(id), NULL);
		if (r == CTL_UNREACHABLE)
			return r;
		if (!r && !ctl->json)
			printf("cancelled: job %" PRIu64 "\n", id);
		result = r ? r : result;
	}
	return result;
}
