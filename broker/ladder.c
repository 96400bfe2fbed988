/* SPDX-License-Identifier: MIT */
/*
 * Getting out: what happens to a worker after the gate closes, and to one that does not behave.
 *
 *   at once      the grants are withdrawn (the worker has seen the gate page by itself before)
 *   grace        SIGSTOP for each that has not parked
 *   limit - 2 S  SIGCONT for those who were stopped: S is the time that a slice may take
 *   limit        SIGKILL for those who still have not parked
 *   eviction     the parked ones write a checkpoint and free the device
 *
 * The second chance is for a worker that was late through no fault of its own, since the owner's
 * programs had the processor or its slices were long: its slices are over by then, it has but to
 * take them in, and its work since the last checkpoint is not lost.
 *
 * Where the kernel module hosts the gate, SIGSTOP and SIGKILL are the kernel's: a worker has
 * a lease, which it parks when nothing of it is on the device, and which the kernel enforces with
 * the same times. It knows better who is on the device: one that loads or compiles is not touched.
 * Nothing is done twice here, and one that the kernel stopped is let go on for an eviction, since
 * it must run to leave; that it gets out of the device by the limit is still the kernel's to see.
 *
 * One timer, armed only while there is a next rung for some worker: with all of them gone, a
 * closed gate costs nothing.
 */
#include "broker/supervisor_internal.h"

#include <signal.h>

#include "libbroker/util/log.h"

#define EVICT_TIMEOUT_NS    (20 * NS_PER_S)
#define START_TIMEOUT_NS    (60 * NS_PER_S)
#define FINISH_TIMEOUT_NS   (300 * NS_PER_S)
#define SHUTDOWN_TIMEOUT_NS (25 * NS_PER_S)

static bool worker_is_out(const struct worker *w)
{
	return w->gone || w->phase == WORKER_PARKED || w->phase == WORKER_EVICTING ||
	       w->phase == WORKER_FINISHING;
}

static void withdraw(struct worker *w)
{
	w->spared = false;
	if (w->phase != WORKER_RUNNING && w->phase != WORKER_PARKED)
		return;
	if (w->phase == WORKER_RUNNING)
		worker_set_phase(w, WORKER_PARKING);
	worker_grant(w, GRANT_PARK);
}

static void worker_continue(struct worker *w)
{
	if (!w->stopped)
		return;
	w->stopped = false;
	worker_proc_signal(w->proc, SIGCONT);
}

void ladder_evict(struct worker *w)
{
	w->stopped |= w->leased; /* perhaps, by the kernel */
	worker_continue(w);
	if (w->phase == WORKER_STARTING || w->phase == WORKER_LOADING) {
		/* Nothing of the job was done yet in this run: there is nothing to keep. */
		w->end = WORKER_END_EVICTED;
		worker_proc_signal(w->proc, SIGKILL);
		return;
	}
	if (w->phase == WORKER_EVICTING || w->phase == WORKER_FINISHING)
		return;
	if (w->job)
		broker_dequeue(w->sup->broker, w->job);
	worker_set_phase(w, WORKER_EVICTING);
	worker_grant(w, GRANT_EVICT);
	if (w->sup->open)
		loop_timer_at(w->sup->ladder, w->phase_ns + EVICT_TIMEOUT_NS);
}

static void kill_late(struct worker *w, const char *why)
{
	log_warning("worker killed", LOG_UINT("job", w->job ? w->job->id : 0), LOG_STR("why", why));
	w->end = WORKER_END_KILLED;
	worker_proc_signal(w->proc, SIGKILL);
}

static uint64_t spare_at(const struct supervisor *sup)
{
	const struct config *c = &sup->broker->config;
	uint64_t kill_ns = c->kill_ns, slices_ns = 2 * c->slice_limit_ns;

	if (kill_ns > IDLEGATE_LEASE_MAX_MS * NS_PER_MS)
		kill_ns = IDLEGATE_LEASE_MAX_MS * NS_PER_MS;
	if (c->grace_ns + slices_ns >= kill_ns)
		return UINT64_MAX;
	return sup->closed_ns + kill_ns - slices_ns;
}

/* One that has not parked. */
static uint64_t worker_getting_out(struct worker *w, uint64_t now)
{
	const struct supervisor *sup = w->sup;
	const struct config *c = &sup->broker->config;
	uint64_t stop_at = sup->closed_ns + c->grace_ns, kill_at = sup->closed_ns + c->kill_ns;
	uint64_t spare = w->spared ? UINT64_MAX : spare_at(sup);

	if (now >= spare) {
		w->spared = true;
		w->stopped |= w->leased; /* perhaps, by the kernel */
		worker_continue(w);
		spare = UINT64_MAX;
	}
	if (w->leased)
		return spare;
	if (now >= kill_at) {
		kill_late(w, "it did not park within the limit");
		return UINT64_MAX;
	}
	if (now >= stop_at && !w->stopped && !w->spared) {
		w->stopped = true;
		worker_proc_signal(w->proc, SIGSTOP);
	}
	if (now < stop_at)
		return stop_at;
	return spare < kill_at ? spare : kill_at;
}

/* The next moment at which something is due for this worker; what is due now is done. */
static uint64_t worker_rung(struct worker *w, uint64_t now)
{
	const struct supervisor *sup = w->sup;
	const struct config *c = &sup->broker->config;

	if (w->gone || w->end == WORKER_END_KILLED)
		return UINT64_MAX;
	if (w->phase == WORKER_EVICTING) {
		if (now >= w->phase_ns + EVICT_TIMEOUT_NS)
			kill_late(w, "it did not leave the device after eviction");
		return w->phase_ns + EVICT_TIMEOUT_NS;
	}
	if (w->phase == WORKER_FINISHING || sup->open)
		return UINT64_MAX;
	if (!worker_is_out(w)) {
		uint64_t at = worker_getting_out(w, now);

		if (!w->leased || at != UINT64_MAX)
			return at;
	}
	if (now >= sup->closed_ns + c->evict_after_ns) {
		ladder_evict(w);
		return w->phase_ns + EVICT_TIMEOUT_NS;
	}
	return sup->closed_ns + c->evict_after_ns;
}

void ladder_run(void *data)
{
	struct supervisor *sup = data;
	uint64_t now = clock_now_ns(), next = UINT64_MAX;

	for (unsigned int s = 0; s < sup->n_slots; s++) {
		for (unsigned int i = 0; i < RESIDENT_MAX; i++) {
			struct worker *w = sup->slots[s].workers[i];
			uint64_t at = w ? worker_rung(w, now) : UINT64_MAX;

			next = at < next ? at : next;
		}
	}
	if (sup->shutting_down && now >= sup->shutdown_by_ns && sup->shutdown_done) {
		sup->shutdown_done(sup->shutdown_data);
		return;
	}
	if (sup->shutting_down && sup->shutdown_by_ns < next)
		next = sup->shutdown_by_ns;
	loop_timer_at(sup->ladder, next);
}

void ladder_closed(struct supervisor *sup)
{
	sup->closed_ns = clock_now_ns();
	loop_timer_at(sup->tick, UINT64_MAX);
	worker_each(sup, withdraw);
	ladder_run(sup);
}

/* One that had not parked yet goes on as if nothing had been; the parked wait for their turn. */
static void reopen(struct worker *w)
{
	worker_continue(w);
	if (w->phase == WORKER_PARKING) {
		w->slot->holder = w;
		w->charged_at_ns = clock_now_ns();
		worker_set_phase(w, WORKER_RUNNING);
		worker_grant(w, GRANT_RUN);
	}
}

void ladder_opened(struct supervisor *sup)
{
	worker_each(sup, reopen);
	loop_timer_at(sup->tick, clock_now_ns() + NS_PER_S);
	ladder_run(sup);
}

/* The worker watches its own slices; this is for one that has stopped watching. */
void ladder_watch(struct worker *w, uint64_t now)
{
	const struct config *c = &w->sup->broker->config;
	uint64_t limit = c->first_slice_limit_ns + 5 * NS_PER_S;
	struct report_page report;

	if (w->gone || w->end != WORKER_END_NONE)
		return;
	if (w->phase <= WORKER_LOADING && !w->opening && now > w->phase_ns + START_TIMEOUT_NS) {
		kill_late(w, "it took too long to start");
		return;
	}
	if (w->phase == WORKER_FINISHING && now > w->phase_ns + FINISH_TIMEOUT_NS) {
		kill_late(w, "it took too long to write its outputs");
		return;
	}
	if (w->job && w->job->device_limit_ns && w->job->device_ns >= w->job->device_limit_ns) {
		struct job_rec *job = w->job;

		supervisor_kill_job(w->sup, job);
		broker_end_job(w->sup->broker, job, STORE_FAILED,
			       "it used all the device time that its limits allow "
			       "(limits.device_time_s)");
		return;
	}
	worker_proc_report(w->proc, &report);
	if (w->phase == WORKER_RUNNING && report.in_flight && report.last_submit_ns < now &&
	    now - report.last_submit_ns > limit && now - w->phase_ns > limit)
		kill_late(w, "a slice does not end and the worker does not say so");
}

static void evict_one(struct worker *w)
{
	ladder_evict(w);
}

void supervisor_evict_all(struct supervisor *sup)
{
	worker_each(sup, evict_one);
	ladder_run(sup);
}

void supervisor_shutdown(struct supervisor *sup, void (*done)(void *data), void *data)
{
	unsigned int parked;

	sup->shutting_down = true;
	sup->shutdown_done = done;
	sup->shutdown_data = data;
	sup->shutdown_by_ns = clock_now_ns() + SHUTDOWN_TIMEOUT_NS;
	if (supervisor_workers(sup, &parked) == 0) {
		done(data);
		return;
	}
	worker_each(sup, evict_one);
	ladder_run(sup);
}
