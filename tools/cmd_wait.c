/* SPDX-License-Identifier: MIT */
/*
 * wait and events: what comes by itself. On a terminal `wait` draws one progress line; elsewhere
 * it prints a line when the job changes what it does and at each tenth of the way.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "tools/ctl.h"
#include "tools/print.h"
#include "tools/text.h"

#define RATE_WINDOW_NS (2 * NS_PER_S) /* the rate is an average over about this time */
#define TEXT_MAX       600

struct waiter {
	bool terminal;
	bool drawn; /* an unfinished line stands on the terminal */
	bool started;
	uint64_t begun_ns, last_ns, last_done;
	double rate;
	int32_t last_phase;
	unsigned int last_tenth;
	int32_t state; /* enum idlebroker_job_state of the last event */
};

static const char *const phase_names[] = {"waiting", "starting", "running", "parked", "ended"};

/* Only running counts: time in which the owner had the device says nothing about the rate. */
static void waiter_rate(struct waiter *w, const struct idlebroker_job *job, uint64_t now_ns)
{
	uint64_t passed = now_ns - w->last_ns;
	bool running = job->phase == IDLEBROKER_PHASE_RUNNING &&
		       w->last_phase == IDLEBROKER_PHASE_RUNNING;

	if (w->started && running && passed && job->dispatches_done >= w->last_done) {
		double now = (double)(job->dispatches_done - w->last_done) * 1e9 / (double)passed;
		double weight = (double)passed / (double)(passed + RATE_WINDOW_NS);

		w->rate = w->rate > 0 ? w->rate + (now - w->rate) * weight : now;
	}
	w->last_ns = now_ns;
	w->last_done = job->dispatches_done;
}

static void draw(struct waiter *w, const struct idlebroker_job *job)
{
	_cleanup_free_ char *clean = text_clean(job->waits_for ? job->waits_for : "", false);
	struct text_progress p = {.done = job->dispatches_done, .total = job->dispatches_total};
	unsigned int columns = text_columns();
	char line[TEXT_MAX], note[TEXT_MAX];

	if (job->phase == IDLEBROKER_PHASE_RUNNING) {
		p.rate = w->rate;
	} else {
		p.note = phase_names[job->phase];
		snprintf(note, sizeof(note), "waits for %s", clean);
		if (clean[0] && text_width(note) + 20 <= columns)
			p.note = note;
	}
	text_progress(line, sizeof(line), &p, columns - 1);
	printf("\r%s\033[K", line);
	fflush(stdout);
	w->drawn = true;
}

static void put_line(struct waiter *w, const struct idlebroker_job *job)
{
	unsigned int tenth = job->dispatches_total ? (unsigned int)(job->dispatches_done * 10.0 /
								    (double)job->dispatches_total)
						   : 0;
	char text[TEXT_MAX];

	if (w->started && job->phase == w->last_phase && tenth == w->last_tenth)
		return;
	w->last_tenth = tenth;
	snprintf(text, sizeof(text), "job %" PRIu64 ": %s, %u %%%s%s", job->id,
		 phase_names[job->phase], tenth * 10, job->waits_for ? ", waits for " : "",
		 job->waits_for ? job->waits_for : "");
	print_wrapped(text, 0, 200);
	fflush(stdout);
}

static void put_end(const struct waiter *w, const struct idlebroker_job *job)
{
	struct text_unit wall, device;
	char text[TEXT_MAX];
	int64_t s = job->ended_s && job->submitted_s ? job->ended_s - job->submitted_s : 0;

	snprintf(text, sizeof(text), "job %" PRIu64 " %s%s%s after %s, %s on the device", job->id,
		 job->state == IDLEBROKER_JOB_DONE     ? "is done"
		 : job->state == IDLEBROKER_JOB_FAILED ? "failed"
						       : "was cancelled",
		 job->reason ? ": " : "", job->reason ? job->reason : "",
		 text_duration(&wall, (uint64_t)(s > 0 ? s : 0) * NS_PER_S),
		 text_duration(&device, job->device_ns));
	if (w->drawn)
		printf("\r\033[K");
	print_wrapped(text, 0, text_columns());
}

static void waiter_event(void *data, const struct idlebroker_job *job,
			 const struct idlebroker_gate *gate)
{
	struct waiter *w = data;

	if (!job)
		return;
	w->state = job->state;
	if (job->state >= IDLEBROKER_JOB_DONE) {
		put_end(w, job);
		return;
	}
	waiter_rate(w, job, clock_now_ns());
	if (w->terminal)
		draw(w, job);
	else
		put_line(w, job);
	w->last_phase = job->phase;
	w->started = true;
}

static int exit_code(int32_t state)
{
	return state == IDLEBROKER_JOB_DONE ? CTL_OK : CTL_JOB_FAILED;
}

static int wait_json(struct ctl *ctl, uint64_t id)
{
	json_t *reply = NULL;
	const char *state;
	int r;

	idlebroker_set_timeout(ctl->conn, -1);
	r = client_call(ctl->conn, "Wait", json_pack("{s:I}", "id", (json_int_t)id), &reply);
	if (r < 0)
		return ctl_failed(ctl, r);
	state = print_text(json_object_get(reply, "job"), "state");
	r = ctl_print_json(reply, false);
	r = r ? r : !strcmp(state, "done") ? CTL_OK : CTL_JOB_FAILED;
	json_decref(reply);
	return r;
}

int ctl_wait_for(struct ctl *ctl, uint64_t id)
{
	struct waiter w = {.terminal = isatty(STDOUT_FILENO), .state = -1};
	int r = ctl_connect(ctl);

	if (r)
		return r;
	if (ctl->json)
		return wait_json(ctl, id);
	r = idlebroker_watch(ctl->conn, id, waiter_event, &w);
	while (r >= 0)
		r = idlebroker_dispatch(ctl->conn, -1);
	if (w.state >= IDLEBROKER_JOB_DONE)
		return exit_code(w.state);
	if (w.drawn)
		putchar('\n');
	if (r == -ENODATA)
		return ctl_error(CTL_FAILED, "the broker ended the watch before the job");
	return ctl_failed(ctl, r);
}

int cmd_wait(struct ctl *ctl, int argc, char **argv)
{
	uint64_t id;
	int r;

	if (argc != 2)
		return ctl_usage(ctl, "wait takes one job's id");
	r = ctl_parse_id(ctl, argv[1], &id);
	return r ? r : ctl_wait_for(ctl, id);
}

static void put_stamp(void)
{
	char when[24];

	print_time(when, (int64_t)time(NULL));
	printf("%s ", when + 11);
}

static void put_event(const json_t *event)
{
	const json_t *job = json_object_get(event, "job"), *gate = json_object_get(event, "gate");
	char text[TEXT_MAX], holds[256] = "";
	const json_t *list = json_object_get(gate, "holds");

	put_stamp();
	if (json_is_object(job)) {
		print_job_row(job, text_columns() - 9);
		return;
	}
	for (size_t i = 0, len = 0; i < json_array_size(list) && len < sizeof(holds); i++)
		len += (size_t)snprintf(holds + len, sizeof(holds) - len, "%s%s", i ? ", " : "",
					print_text(json_array_get(list, i), "name"));
	snprintf(text, sizeof(text), "gate %s%s",
		 json_is_true(json_object_get(gate, "open")) ? "open" : "closed by ", holds);
	print_wrapped(text, 0, 400);
}

int cmd_events(struct ctl *ctl, int argc, char **argv)
{
	json_t *parameters = json_object();
	uint64_t id = 0;
	int r = argc > 2 ? ctl_usage(ctl, "one job at a time") : CTL_OK;

	if (!r && argc == 2)
		r = ctl_parse_id(ctl, argv[1], &id);
	if (!r)
		r = ctl_connect(ctl);
	if (r) {
		json_decref(parameters);
		return r;
	}
	if (id)
		json_object_set_new(parameters, "id", json_integer((json_int_t)id));
	r = client_send(ctl->conn, "Watch", parameters, true, NULL, 0);
	r = r < 0 ? r : 1;
	while (r == 1) {
		json_t *event = NULL;

		r = client_receive(ctl->conn, -1, &event);
		if (r >= 0 && ctl->json)
			ctl_print_json(event, true);
		else if (r >= 0)
			put_event(event);
		fflush(stdout);
		json_decref(event);
		if (r >= 0 && ferror(stdout))
			return CTL_FAILED;
	}
	return r < 0 ? ctl_failed(ctl, r) : CTL_OK;
}
