/* SPDX-License-Identifier: MIT */
/*
 * top: who uses the devices. Here are its options, its questions to the broker, and its plain
 * form for scripts; top_screen.c has the one for people.
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "tools/text.h"
#include "tools/top.h"

#define ANSWER_TIMEOUT_MS \
	3000 /* a screen that stands still longer is worse than one that says so */
#define WAITING_MAX    24
#define INTERVAL_MAX_S 3600

static int connect_again(struct top_run *run)
{
	struct ctl *ctl = run->ctl;
	int r;

	if (ctl->conn && idlebroker_get_fd(ctl->conn) >= 0)
		return 0;
	idlebroker_close(ctl->conn);
	run->jobs_denied = false;
	r = idlebroker_connect(&ctl->conn, ctl->socket);
	if (r == 0)
		idlebroker_set_timeout(ctl->conn, ANSWER_TIMEOUT_MS);
	return r;
}

/* Jobs with a worker, and the first of those that wait: a queue may be long. */
static int ask_jobs(struct top_run *run, json_t *out[2])
{
	static const char *const states[] = {"running", "queued"};
	static const int limits[] = {TOP_JOBS_MAX - WAITING_MAX, WAITING_MAX};
	int r = 0;

	for (int i = 0; i < 2 && r == 0 && !run->jobs_denied; i++) {
		json_t *p = json_pack("{s:[s], s:i}", "states", states[i], "limit", limits[i]);

		r = client_call(run->ctl->conn, "List", p, &out[i]);
		if (r == -EACCES) {
			run->jobs_denied = true;
			r = 0;
		}
	}
	return r;
}

static int ask(struct top_run *run)
{
	json_t *status = NULL, *gate = NULL, *devices = NULL, *usage = NULL, *jobs[2] = {};
	struct idlebroker *conn = run->ctl->conn;
	int r = client_call(conn, "Status", json_object(), &status);

	if (r == 0)
		r = client_call(conn, "GetGate", json_object(), &gate);
	if (r == 0)
		r = client_call(conn, "Devices", json_object(), &devices);
	if (r == 0)
		r = ask_jobs(run, jobs);
	if (r == 0)
		r = client_call(conn, "Usage", json_object(), &usage);
	if (r == 0)
		top_read(&run->reading,
			 &(struct top_replies){.status = status,
					       .gate = gate,
					       .devices = devices,
					       .usage = usage,
					       .jobs = {jobs[0], jobs[1]},
					       .jobs_denied = run->jobs_denied},
			 clock_now_ns(), (int64_t)time(NULL));
	json_decref(status);
	json_decref(gate);
	json_decref(devices);
	json_decref(usage);
	json_decref(jobs[0]);
	json_decref(jobs[1]);
	return r;
}

int top_fetch(struct top_run *run)
{
	int r = connect_again(run);

	if (r == 0)
		r = ask(run);
	if (r == 0)
		return top_sample(&run->sampler, &run->reading);
	top_sample_lost(&run->sampler);
	return r;
}

static int print_page(struct top_run *run)
{
	run->options.width = text_columns();
	run->options.height = TOP_HEIGHT_MAX;
	top_layout(&run->page, &run->reading, &run->sampler, &run->options);
	for (uint32_t i = 0; i < run->page.n; i++) {
		const char *text = run->page.line[i].text;
		size_t len = strlen(text);

		while (len && text[len - 1] == ' ')
			len--;
		printf("%.*s\n", (int)len, text);
	}
	return fflush(stdout) ? ctl_error(CTL_FAILED, "cannot write: %s", strerror(errno)) : CTL_OK;
}

static int print_json(struct top_run *run)
{
	json_t *j = top_json(&run->reading);
	int r = ctl_print_json(j, true);

	json_decref(j);
	return r;
}

/* The first sample has no rates, so it is not told. */
static int run_plain(struct top_run *run)
{
	struct timespec pause = {.tv_sec = (time_t)(run->interval_ns / NS_PER_S),
				 .tv_nsec = (long)(run->interval_ns % NS_PER_S)};
	int r;

	for (bool first = true;; first = false) {
		r = top_fetch(run);
		if (r < 0)
			return ctl_failed(run->ctl, r);
		if (!first) {
			r = run->ctl->json ? print_json(run) : print_page(run);
			if (r || run->once)
				return r;
		}
		nanosleep(&pause, NULL);
	}
}

static int parse_interval(const char *text, uint64_t *ns)
{
	uint64_t s;

	if (text_parse_duration(text, &s) < 0 || !s || s > INTERVAL_MAX_S)
		return -EINVAL;
	*ns = s * NS_PER_S;
	return 0;
}

static int take_options(struct top_run *run, int argc, char **argv)
{
	static const struct option options[] = {{"once", no_argument, NULL, '1'},
						{"interval", required_argument, NULL, 'i'},
						{"ascii", no_argument, NULL, 'a'},
						{}};
	int opt;

	while ((opt = getopt_long(argc, argv, "i:", options, NULL)) != -1) {
		if (opt == '1')
			run->once = true;
		else if (opt == 'a')
			run->options.ascii = true;
		else if (opt != 'i' || parse_interval(optarg, &run->interval_ns) < 0)
			return ctl_usage(run->ctl, "TIME is 1s to 1h");
	}
	return optind < argc ? ctl_usage(run->ctl, "top takes no \"%s\"", argv[optind]) : CTL_OK;
}

static bool has_screen(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

int cmd_top(struct ctl *ctl, int argc, char **argv)
{
	_cleanup_free_ struct top_run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return ctl_error(CTL_FAILED, "out of memory");
	run->ctl = ctl;
	run->interval_ns = NS_PER_S;
	r = take_options(run, argc, argv);
	if (r)
		return r;
	run->options.step_ns = run->interval_ns;
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		run->options.ascii = true;
	if (run->once || ctl->json)
		r = run_plain(run);
	else if (!has_screen())
		r = ctl_error(CTL_USAGE, "top needs a terminal; where there is none, top --once "
					 "prints one screen as text, top --json --once as JSON");
	else
		r = top_screen(run);
	top_sampler_deinit(&run->sampler);
	return r;
}
