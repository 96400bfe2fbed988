/* SPDX-License-Identifier: MIT */
/*
 * The conversation with a worker, from its start to its end; see libbroker/proto/worker_proto.h.
 *
 * Whatever ends a worker, the job's fate is decided in one place, worker_ended(): DONE and FAILED
 * were said by a message before; everything else puts the job back into the queue, from its last
 * checkpoint. Calls into the store come back later, so they carry a job's id, never a pointer to a
 * worker that may be gone by then; the one exception, opening the run, keeps its worker alive
 * until it has come back.
 */
#include "broker/supervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define CRASHES_MAX    5 /* faults of its own in a row, without progress */
#define KILLS_MAX      200 /* ended from outside in a row, without progress */
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define RUN_FDS_MAX    200

/* What a store callback needs to find the job again. */
struct pending {
	struct supervisor *sup;
	uint64_t id;
};

static struct pending *pending_new(struct supervisor *sup, uint64_t id)
{
	struct pending *p = malloc(sizeof(*p));

	if (p)
		*p = (struct pending){.sup = sup, .id = id};
	return p;
}

static struct job_rec *pending_take(struct pending *p, struct supervisor **sup)
{
	struct job_rec *job = jobs_find(&p->sup->broker->jobs, p->id);

	*sup = p->sup;
	free(p);
	return job;
}

static void back_off(struct supervisor *sup, struct job_rec *job)
{
	uint64_t wait = job->crashes < 2 ? 0
					 : (100 * NS_PER_MS)
						   << (job->crashes - 2 < 9 ? job->crashes - 2 : 9);

	if (wait > BACKOFF_MAX_NS)
		wait = BACKOFF_MAX_NS;
	job->not_before_ns = clock_now_ns() + wait;
	supervisor_retry_at(sup, job->not_before_ns);
}

/* For who lists jobs by state; a start takes a row that says RUNNING for the same. */
static void waits_again(struct supervisor *sup, struct job_rec *job)
{
	struct store_update u = broker_update(job, STORE_QUEUED);

	job->phase = BROKER_PHASE_WAITING;
	u.charge_ns = job->ledger_ns;
	job->ledger_ns = 0;
	store_put(sup->broker->store, &u, NULL, NULL);
}

static void requeue(struct supervisor *sup, struct job_rec *job)
{
	job->phase = BROKER_PHASE_WAITING;
	if (job->committing || job->ending)
		return; /* its callback goes on from here */
	waits_again(sup, job);
	broker_enqueue(sup->broker, job);
	broker_tell_job(sup->broker, job->id, job->uid);
}

/*
 * Its last checkpoint stands: it runs the rest again when there may be room. What that takes is not
 * counted twice against its own limit, or a full disk could end it.
 */
static void results_not_kept(struct supervisor *sup, struct job_rec *job, const char *why)
{
	log_error("results not kept", LOG_UINT("job", job->id), LOG_STR("why", why));
	job->device_ns = job->kept_ns;
	job->phase = BROKER_PHASE_WAITING;
	job->not_before_ns = clock_now_ns() + BACKOFF_MAX_NS;
	supervisor_retry_at(sup, job->not_before_ns);
	broker_tell_job(sup->broker, job->id, job->uid);
}

/* A worker that says why takes the whole job down; its word is shown to the submitter only. */
static void say_failed(struct worker *w, const char *text)
{
	w->end = WORKER_END_FAILED;
	snprintf(w->reason, sizeof(w->reason), "%s", text[0] ? text : "the worker gave no reason");
}

/* In words, the same with every C library; NULL: by its number alone. */
static const char *signal_words(int sig)
{
	switch (sig) {
	case SIGABRT:
		return "SIGABRT, aborted";
	case SIGBUS:
		return "SIGBUS, memory that is not there";
	case SIGFPE:
		return "SIGFPE, arithmetic";
	case SIGILL:
		return "SIGILL, an instruction this processor lacks";
	case SIGKILL:
		return "SIGKILL, killed from outside or for want of memory";
	case SIGSEGV:
		return "SIGSEGV, access to memory that is not its own";
	case SIGSYS:
		return "SIGSYS, the filter refused a system call; "
		       "IDLEBROKER_SECCOMP_LOG=1 names it";
	case SIGTERM:
		return "SIGTERM, ended from outside";
	case SIGXCPU:
		return "SIGXCPU, over its processor time";
	default:
		return NULL;
	}
}

static void crash_reason(char *out, size_t size, int status, unsigned int in_a_row)
{
	const char *words = WIFSIGNALED(status) ? signal_words(WTERMSIG(status)) : NULL;

	if (words)
		snprintf(out, size, "worker ended by signal %d (%s); %u in a row", WTERMSIG(status),
			 words, in_a_row);
	else if (WIFSIGNALED(status))
		snprintf(out, size, "worker ended by signal %d; %u in a row", WTERMSIG(status),
			 in_a_row);
	else
		snprintf(out, size, "worker ended with status %d; %u in a row", WEXITSTATUS(status),
			 in_a_row);
}

static void crashed(struct worker *w, struct job_rec *job, int status)
{
	int sig = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	bool outside = sig == SIGKILL || sig == SIGTERM;
	char reason[160];

	if (w->leased && sig == SIGKILL && w->end == WORKER_END_NONE && !w->sup->open &&
	    clock_now_ns() >= w->sup->closed_ns + w->sup->broker->config.grace_ns)
		log_warning("worker killed", LOG_UINT("job", job->id),
			    LOG_STR("why", "it did not park within the limit"),
			    LOG_STR("by", "the kernel, or for want of memory"));
	if (job->crashes < UINT8_MAX)
		job->crashes++;
	crash_reason(reason, sizeof(reason), status, job->crashes);
	log_warning("worker crashed", LOG_UINT("job", job->id), LOG_INT("signal", sig),
		    LOG_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
		    LOG_UINT("in_a_row", job->crashes));
	store_log(w->sup->broker->store, job->id, reason);
	if (job->crashes >= (outside ? KILLS_MAX : CRASHES_MAX)) {
		broker_end_job(w->sup->broker, job, STORE_FAILED,
			       "its worker crashed again and again without getting further; the "
			       "job's log has the signals");
		return;
	}
	back_off(w->sup, job);
	waits_again(w->sup, job);
}

static void worker_ended(void *data, int status)
{
	struct worker *w = data;
	struct supervisor *sup = w->sup;
	struct job_rec *job = w->job;
	unsigned int parked;

	w->gone = true;
	if (w->opening)
		return;
	if (job)
		job->worker = NULL;
	if (job && !job->ending) {
		broker_dequeue(sup->broker, job);
		if (w->end == WORKER_END_FAILED)
			broker_end_job(sup->broker, job, STORE_FAILED, w->reason);
		else if (w->end == WORKER_END_EVICTED && w->phase == WORKER_FINISHING)
			results_not_kept(sup, job,
					 "the worker could not write them; the job's "
					 "log says why");
		else if (w->end == WORKER_END_EVICTED)
			requeue(sup, job);
		else
			crashed(w, job, status);
	}
	w->job = NULL;
	worker_release(w);
	if (sup->shutting_down) {
		if (supervisor_workers(sup, &parked) == 0 && sup->shutdown_done)
			sup->shutdown_done(sup->shutdown_data);
		return;
	}
	supervisor_schedule(sup);
}

static int send_job(struct worker *w, const struct store_run *run)
{
	_cleanup_close_ int json = io_memfd("idlebroker-job", run->json, run->json_len);
	int fds[RUN_FDS_MAX];
	unsigned int n = 0;
	uint32_t flags = run->checkpoint_fd >= 0 ? WORKER_JOB_HAS_CHECKPOINT : 0;

	if (json < 0)
		return json;
	if (run->n_blobs + 2 > RUN_FDS_MAX)
		return -E2BIG;
	io_seal(json);
	fds[n++] = json;
	if (run->checkpoint_fd >= 0)
		fds[n++] = run->checkpoint_fd;
	for (uint32_t i = 0; i < run->n_blobs; i++)
		fds[n++] = run->blob_fds[i];
	return worker_proc_send(w->proc, WORKER_MSG_JOB, flags, fds, n);
}

static void on_run_opened(void *data, int result, struct store_run *run, const struct error *err)
{
	struct worker *w = data;
	struct error why;

	w->opening = false;
	if (w->gone || !w->job) {
		if (result == 0)
			store_run_deinit(run);
		if (w->gone)
			worker_ended(w, 0);
		return;
	}
	if (result == 0)
		result = job_parse(&w->document, run->json, run->json_len, &why);
	else
		why = *err;
	if (result == 0) {
		int r = send_job(w, run);

		store_run_deinit(run);
		if (r < 0)
			worker_proc_signal(w->proc, SIGKILL); /* queued again, after a wait */
		return;
	}
	log_error("job cannot be opened", LOG_UINT("job", w->job->id), LOG_STR("why", why.what));
	say_failed(w, why.what);
	worker_proc_signal(w->proc, SIGKILL);
}

static void on_committed(void *data, int result, const struct error *err)
{
	struct supervisor *sup;
	struct job_rec *job = pending_take(data, &sup);

	if (!job)
		return;
	job->committing = false;
	if (result < 0) {
		log_error("checkpoint not kept: the one before stands", LOG_UINT("job", job->id),
			  LOG_STR("why", err->what));
	} else {
		job->crashes = 0;
		job->kept_ns = job->device_ns;
	}
	if (!job->worker && !job->ending && !job->not_before_ns) {
		requeue(sup, job);
		supervisor_schedule(sup);
	}
}

static void want_checkpoint(struct worker *w)
{
	_cleanup_close_ int fd = store_checkpoint_file(w->sup->broker->store, w->job->id);

	if (fd < 0) {
		log_error("no file for a checkpoint", LOG_UINT("job", w->job->id),
			  LOG_STR("why", strerror(-fd)));
		/* Without descriptors the message says: not now, go on without. */
		worker_proc_send(w->proc, WORKER_MSG_CHECKPOINT_FILE, 0, NULL, 0);
		return;
	}
	worker_proc_send(w->proc, WORKER_MSG_CHECKPOINT_FILE, 0, &fd, 1);
}

/* The count of dispatches is shown: it is kept between what is known and the total. */
static void take_progress(struct worker *w, const struct worker_msg *msg)
{
	struct job_rec *job = w->job;

	worker_charge(w, msg->device_ns);
	if (msg->dispatches_done > job->dispatches_done &&
	    msg->dispatches_done <= job->dispatches_total)
		job->dispatches_done = msg->dispatches_done;
}

static void checkpoint_written(struct worker *w)
{
	struct broker *b = w->sup->broker;
	struct store_update u = broker_update(w->job, STORE_RUNNING);
	struct pending *p = pending_new(w->sup, w->job->id);

	if (!p)
		return; /* the checkpoint before stands */
	u.charge_ns = w->job->ledger_ns;
	w->job->ledger_ns = 0;
	w->job->committing = true;
	store_checkpoint_commit(b->store, &u, on_committed, p);
}

static void want_outputs(struct worker *w)
{
	int fds[JOB_BUFFERS_MAX];
	unsigned int n = 0;
	int r = 0;

	while (w->document && n < w->document->n_outputs && r >= 0) {
		r = store_output_file(w->sup->broker->store, w->job->id, n);
		if (r >= 0)
			fds[n++] = r;
	}
	if (r >= 0 && w->document) {
		worker_set_phase(w, WORKER_FINISHING);
		broker_dequeue(w->sup->broker, w->job);
		worker_proc_send(w->proc, WORKER_MSG_OUTPUT_FILES, 0, fds, n);
	} else {
		log_error("no files for a job's outputs", LOG_UINT("job", w->job->id),
			  LOG_STR("why", strerror(-r)));
		worker_proc_signal(w->proc, SIGKILL); /* queued again, after a wait */
	}
	while (n)
		close(fds[--n]);
}

static void on_finished(void *data, int result, const struct error *err)
{
	struct supervisor *sup;
	struct job_rec *job = pending_take(data, &sup);

	if (!job)
		return;
	if (result == 0) {
		log_info("job done", LOG_UINT("job", job->id),
			 LOG_UINT("device_ms", job->device_ns / NS_PER_MS));
		broker_forget_job(sup->broker, job);
		return;
	}
	job->ending = false;
	results_not_kept(sup, job, err->what);
}

static void outputs_written(struct worker *w)
{
	struct broker *b = w->sup->broker;
	struct job_rec *job = w->job;
	struct store_update u;
	const char *names[JOB_BUFFERS_MAX];
	struct pending *p = pending_new(w->sup, job->id);

	if (!p || !w->document) {
		free(p);
		worker_proc_signal(w->proc, SIGKILL);
		return;
	}
	for (uint32_t i = 0; i < w->document->n_outputs; i++)
		names[i] = w->document->buffers[w->document->outputs[i]].name;
	job->dispatches_done = job->dispatches_total;
	u = broker_update(job, STORE_DONE);
	u.charge_ns = job->ledger_ns;
	job->ledger_ns = 0;
	job->ending = true;
	w->end = WORKER_END_DONE;
	store_finish(b->store, &u, w->document->n_outputs, names, on_finished, p);
}

static void parked(struct worker *w, const struct worker_msg *msg)
{
	uint32_t serial = (uint32_t)page_load(&worker_proc_grant(w->proc)->serial);

	/* One that obeys an older grant has not seen the latest yet and will say so again. */
	if (w->phase == WORKER_EVICTING || w->phase == WORKER_FINISHING || msg->flags != serial)
		return;
	if (w->phase == WORKER_LOADING)
		broker_enqueue(w->sup->broker, w->job);
	worker_set_phase(w, WORKER_PARKED);
	if (!w->sup->open)
		ladder_run(w->sup); /* it stands on another rung now */
	supervisor_schedule(w->sup);
}

static void on_ready(struct worker *w)
{
	struct broker *b = w->sup->broker;

	worker_set_phase(w, WORKER_LOADING);
	w->opening = true;
	store_open_run(b->store, w->job->id, on_run_opened, w);
}

static void on_message(void *data, const struct worker_msg *msg)
{
	struct worker *w = data;

	if (!w->job || w->end != WORKER_END_NONE)
		return;
	take_progress(w, msg);
	if ((msg->type == WORKER_MSG_READY) != (w->phase == WORKER_STARTING) &&
	    msg->type != WORKER_MSG_FAILED && msg->type != WORKER_MSG_NOTE) {
		worker_proc_signal(w->proc, SIGKILL);
		return;
	}
	switch (msg->type) {
	case WORKER_MSG_READY:
		on_ready(w);
		break;
	case WORKER_MSG_PARKED:
		parked(w, msg);
		break;
	case WORKER_MSG_CHECKPOINT_WANT:
		want_checkpoint(w);
		break;
	case WORKER_MSG_CHECKPOINT_WRITTEN:
		checkpoint_written(w);
		break;
	case WORKER_MSG_OUTPUTS_WANT:
		want_outputs(w);
		break;
	case WORKER_MSG_DONE:
		if (w->phase == WORKER_FINISHING)
			outputs_written(w);
		break;
	case WORKER_MSG_FAILED:
		say_failed(w, msg->text);
		break;
	case WORKER_MSG_EVICTED:
		w->end = WORKER_END_EVICTED;
		break;
	case WORKER_MSG_NOTE:
		store_log(w->sup->broker->store, w->job->id, msg->text);
		break;
	}
}

static void on_line(void *data, const char *line)
{
	struct worker *w = data;

	if (w->job)
		store_log(w->sup->broker->store, w->job->id, line);
}

static const struct worker_proc_ops ops = {
	.message = on_message, .line = on_line, .ended = worker_ended};

static void on_started_row(void *data, int result, const struct error *err)
{
	if (result < 0)
		log_warning("the start of a job is not recorded", LOG_STR("why", err->what));
}

/*
 * Its lease, where the kernel enforces it: SIGSTOP at the grace and SIGKILL at the limit are the
 * ladder's, done by the module. @out: -1 in user space. Return: 0, or -errno: none is to be had.
 */
static int lease_for(struct broker *b, struct idlegate_join *join, int *out)
{
	uint64_t limit = b->config.kill_ns / NS_PER_MS;
	uint64_t grace = b->config.grace_ns / NS_PER_MS;

	*out = -1;
	if (!gatehost_is_module(b->gate))
		return 0;
	limit = limit < IDLEGATE_LEASE_MAX_MS ? limit : IDLEGATE_LEASE_MAX_MS;
	*join = (struct idlegate_join){.grace_ms = (uint32_t)(grace < limit ? grace : limit),
				       .limit_ms = (uint32_t)limit};
	*out = gatehost_lease_fd(b->gate);
	return *out < 0 ? *out : 0;
}

int worker_start(struct slot *slot, struct job_rec *job, const struct device *device)
{
	struct broker *b = slot->sup->broker;
	struct worker_spawn spawn = {
		.program = b->config.worker,
		.user = b->config.worker_user,
		.device = device,
		.gate_fd = gatehost_page_fd(b->gate),
		.grant = {.magic = GRANT_MAGIC,
			  .version = GRANT_VERSION,
			  .state = GRANT_PARK,
			  .duty_permille = slot->sup->duty_permille,
			  .expiry_ns = GRANT_EXPIRY_NEVER,
			  .quantum_ns = b->config.quantum_ns,
			  .slice_limit_ns = b->config.slice_limit_ns,
			  .first_slice_limit_ns = b->config.first_slice_limit_ns,
			  .checkpoint_every_ns = b->config.checkpoint_every_ns},
	};
	struct worker *w = calloc(1, sizeof(*w));
	struct store_update u;
	struct error err;
	int r;

	if (!w)
		return -ENOMEM;
	r = lease_for(b, &spawn.join, &spawn.lease_fd);
	if (r < 0) {
		log_error("no lease for a worker", LOG_STR("why", strerror(-r)));
		free(w);
		return r;
	}
	*w = (struct worker){.sup = slot->sup,
			     .slot = slot,
			     .job = job,
			     .leased = spawn.lease_fd >= 0,
			     .charged_at_ns = clock_now_ns()};
	r = worker_proc_start(&w->proc, b->loop, &spawn, &ops, w, &err);
	if (r < 0) {
		log_error("worker not started", LOG_STR("program", err.where),
			  LOG_STR("why", err.what));
		free(w);
		return r;
	}
	for (unsigned int i = 0; i < RESIDENT_MAX; i++) {
		if (!slot->workers[i]) {
			slot->workers[i] = w;
			break;
		}
	}
	job->worker = w;
	job->runs++;
	worker_set_phase(w, WORKER_STARTING);
	u = broker_update(job, STORE_RUNNING);
	store_put(b->store, &u, on_started_row, NULL);
	loop_timer_at(slot->sup->tick, clock_now_ns() + NS_PER_S);
	return 0;
}
