/* SPDX-License-Identifier: MIT */
/*
 * Slots and turns; see supervisor.h.
 *
 * The scheduler holds every job that could use a device now: waiting ones, and loaded ones whether
 * they hold the turn or not. A job leaves it while its worker starts, while it backs off after a
 * crash, and when it ends.
 */
#include "broker/supervisor_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define TICK_NS         NS_PER_S
#define RETRY_NS        (5 * NS_PER_S) /* when no worker could be started */
#define TICK_WATCHED_NS (NS_PER_S / 4) /* while a client watches progress */

void worker_set_phase(struct worker *w, enum worker_phase phase)
{
	static const enum broker_job_phase shown[] = {
		[WORKER_STARTING] = BROKER_PHASE_STARTING, [WORKER_LOADING] = BROKER_PHASE_STARTING,
		[WORKER_PARKED] = BROKER_PHASE_PARKED,     [WORKER_RUNNING] = BROKER_PHASE_RUNNING,
		[WORKER_PARKING] = BROKER_PHASE_RUNNING,   [WORKER_EVICTING] = BROKER_PHASE_PARKED,
		[WORKER_FINISHING] = BROKER_PHASE_RUNNING,
	};
	bool told;

	w->phase = phase;
	w->phase_ns = clock_now_ns();
	if (phase != WORKER_RUNNING && phase != WORKER_PARKING && w->slot->holder == w)
		w->slot->holder = NULL;
	if (!w->job)
		return;
	told = w->job->phase != shown[phase];
	w->job->phase = shown[phase];
	if (told)
		broker_tell_job(w->sup->broker, w->job->id, w->job->uid);
}

void worker_grant(struct worker *w, enum grant_state state)
{
	struct grant_page *page = worker_proc_grant(w->proc);
	const struct config *c = &w->sup->broker->config;

	page_store(&page->quantum_ns, c->quantum_ns);
	page_store(&page->slice_limit_ns, c->slice_limit_ns);
	page_store(&page->first_slice_limit_ns, c->first_slice_limit_ns);
	page_store(&page->checkpoint_every_ns, c->checkpoint_every_ns);
	page_store(&page->duty_permille, w->sup->duty_permille);
	/* A worker reads them the other way round, so it answers no grant that it has not seen. */
	page_store(&page->state, state);
	page_store(&page->serial, page->serial + 1);
	worker_proc_send(w->proc, WORKER_MSG_WAKE, 0, NULL, 0);
}

/* A worker can claim no more than the time that passed. */
void worker_charge(struct worker *w, uint64_t claimed_ns)
{
	uint64_t now = clock_now_ns();
	uint64_t passed = now - w->charged_at_ns;
	uint64_t ns = claimed_ns > w->charged_ns ? claimed_ns - w->charged_ns : 0;

	w->charged_at_ns = now;
	if (ns > passed)
		ns = passed;
	w->charged_ns += ns;
	if (w->job && ns)
		broker_charge(w->sup->broker, w->job, ns);
}

void worker_release(struct worker *w)
{
	for (unsigned int i = 0; i < RESIDENT_MAX; i++)
		if (w->slot->workers[i] == w)
			w->slot->workers[i] = NULL;
	if (w->slot->holder == w)
		w->slot->holder = NULL;
	if (w->job)
		w->job->worker = NULL;
	worker_proc_free(w->proc);
	job_free(w->document);
	free(w);
}

void worker_each(struct supervisor *sup, void (*fn)(struct worker *w))
{
	for (unsigned int s = 0; s < sup->n_slots; s++)
		for (unsigned int i = 0; i < RESIDENT_MAX; i++)
			if (sup->slots[s].workers[i])
				fn(sup->slots[s].workers[i]);
}

static const struct device *slot_device(const struct slot *slot)
{
	const struct device *list;
	unsigned int n = devices_list(slot->sup->broker->devices, &list);

	for (unsigned int i = 0; i < n; i++)
		if (list[i].usable && !strcmp(list[i].id, slot->device_id))
			return &list[i];
	return NULL;
}

/* Devices found since the last look get a slot; a slot whose device went stays, unused. */
static void slots_refresh(struct supervisor *sup)
{
	const struct device *list;
	unsigned int n = devices_list(sup->broker->devices, &list);

	for (unsigned int i = 0; i < n; i++) {
		unsigned int s = 0;

		while (s < sup->n_slots && strcmp(sup->slots[s].device_id, list[i].id) != 0)
			s++;
		if (!list[i].usable || s < sup->n_slots || s == DEVICES_MAX)
			continue;
		sup->slots[s] = (struct slot){.sup = sup};
		memcpy(sup->slots[s].device_id, list[i].id, DEVICE_ID_MAX);
		sup->n_slots++;
	}
}

static bool slot_is_starting(const struct slot *slot)
{
	for (unsigned int i = 0; i < RESIDENT_MAX; i++)
		if (slot->workers[i] && slot->workers[i]->phase <= WORKER_LOADING)
			return true;
	return false;
}

static uint64_t slot_memory(const struct slot *slot)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < RESIDENT_MAX; i++)
		if (slot->workers[i] && slot->workers[i]->job)
			sum += slot->workers[i]->job->memory;
	return sum;
}

static bool slot_has_room(const struct slot *slot, const struct job_rec *job)
{
	uint64_t limit = slot->sup->broker->config.max_job_memory;
	bool place = false;

	for (unsigned int i = 0; i < RESIDENT_MAX; i++)
		place |= !slot->workers[i];
	return place && slot_memory(slot) + job->memory <= limit;
}

/* Make room: the parked worker that has waited longest goes; its job is queued again. */
static void slot_evict_one(struct slot *slot)
{
	struct worker *oldest = NULL;

	for (unsigned int i = 0; i < RESIDENT_MAX; i++) {
		struct worker *w = slot->workers[i];

		if (w && w->phase == WORKER_EVICTING)
			return; /* room is on its way */
		if (w && w->phase == WORKER_PARKED && (!oldest || w->phase_ns < oldest->phase_ns))
			oldest = w;
	}
	if (oldest)
		ladder_evict(oldest);
	else if (slot->holder && slot->holder->phase == WORKER_RUNNING)
		ladder_evict(slot->holder);
}

void supervisor_retry_at(struct supervisor *sup, uint64_t at_ns)
{
	if (at_ns >= sup->retry_at_ns)
		return;
	sup->retry_at_ns = at_ns;
	loop_timer_at(sup->retry, at_ns);
}

/* What cannot be kept is not begun: it would be done again and again. */
static bool slot_may_start(const struct slot *slot)
{
	if (store_healthy(slot->sup->broker->store, NULL))
		return true;
	supervisor_retry_at(slot->sup, clock_now_ns() + RETRY_NS);
	return false;
}

static void slot_start(struct slot *slot, struct job_rec *job)
{
	const struct device *device = slot_device(slot);

	broker_dequeue(slot->sup->broker, job);
	if (worker_start(slot, job, device) < 0) {
		job->not_before_ns = clock_now_ns() + RETRY_NS;
		supervisor_retry_at(slot->sup, job->not_before_ns);
	}
}

static void slot_run(struct slot *slot, struct worker *w)
{
	slot->holder = w;
	w->charged_at_ns = clock_now_ns();
	worker_set_phase(w, WORKER_RUNNING);
	worker_grant(w, GRANT_RUN);
	loop_timer_at(slot->sup->tick, clock_now_ns() + TICK_WATCHED_NS);
}

/*
 * One look at what the scheduler would have on this slot now. Returns true to look again; a job
 * that belongs to another slot is taken out and written to @aside.
 */
static bool slot_look(struct slot *slot, struct job_rec **aside, unsigned int *n_aside)
{
	struct broker *b = slot->sup->broker;
	struct job_rec *job;
	struct worker *w;
	uint64_t id;

	if (sched_pick(b->sched, broker_day(), &id) != 1) {
		/* The holder's tenant has used up its day: it may not go on. */
		if (slot->holder && slot->holder->phase == WORKER_RUNNING)
			ladder_evict(slot->holder);
		return false;
	}
	job = jobs_find(&b->jobs, id);
	if (!job) {
		sched_remove(b->sched, id);
		return true;
	}
	w = job->worker;
	if (!w) {
		if (slot_is_starting(slot) || !slot_may_start(slot))
			return false;
		if (!slot_has_room(slot, job)) {
			slot_evict_one(slot);
			return false;
		}
		slot_start(slot, job);
		return true;
	}
	if (w->slot != slot) {
		broker_dequeue(b, job);
		aside[(*n_aside)++] = job;
		return *n_aside < DEVICES_MAX;
	}
	if (slot->holder && slot->holder != w && slot->holder->phase == WORKER_RUNNING) {
		worker_set_phase(slot->holder, WORKER_PARKING);
		worker_grant(slot->holder, GRANT_PARK);
	} else if (!slot->holder && w->phase == WORKER_PARKED) {
		slot_run(slot, w);
	}
	return false;
}

static void slot_schedule(struct slot *slot)
{
	struct job_rec *aside[DEVICES_MAX];
	unsigned int n_aside = 0;

	if (!slot_device(slot))
		return;
	while (slot_look(slot, aside, &n_aside))
		;
	for (unsigned int i = 0; i < n_aside; i++)
		broker_enqueue(slot->sup->broker, aside[i]);
}

static uint64_t next_day_ns(void)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_mday++;
	tm.tm_hour = 0;
	tm.tm_min = 0;
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return clock_now_ns() + (uint64_t)(mktime(&tm) - now) * NS_PER_S;
}

/* Jobs wait and none may run: their budgets begin anew with the day. */
static bool waits_for_day(const struct supervisor *sup)
{
	uint64_t id;

	return sched_count(sup->broker->sched) &&
	       sched_pick(sup->broker->sched, broker_day(), &id) != 1;
}

void supervisor_schedule(struct supervisor *sup)
{
	bool competing = false;

	if (!sup->open || sup->shutting_down)
		return;
	slots_refresh(sup);
	for (unsigned int s = 0; s < sup->n_slots; s++)
		slot_schedule(&sup->slots[s]);
	for (unsigned int s = 0; s < sup->n_slots; s++)
		competing |= sup->slots[s].holder && sched_count(sup->broker->sched) > sup->n_slots;
	loop_timer_at(sup->day, waits_for_day(sup) ? next_day_ns() : UINT64_MAX);
	loop_timer_at(sup->turn,
		      competing ? clock_now_ns() + sup->broker->config.turn_ns : UINT64_MAX);
}

static void charge_by_report(struct worker *w)
{
	struct report_page report;

	if (w->phase != WORKER_RUNNING && w->phase != WORKER_PARKING)
		return;
	worker_proc_report(w->proc, &report);
	worker_charge(w, report.device_ns);
}

static void on_turn(void *data)
{
	struct supervisor *sup = data;

	worker_each(sup, charge_by_report);
	supervisor_schedule(sup);
}

static void tick_one(struct worker *w)
{
	charge_by_report(w);
	if (w->job)
		broker_tell_job(w->sup->broker, w->job->id, w->job->uid);
	ladder_watch(w, clock_now_ns());
}

/* Runs only while some worker is on a device, or starting. */
static void on_tick(void *data)
{
	struct supervisor *sup = data;
	uint64_t period = sup->broker->listeners ? TICK_WATCHED_NS : TICK_NS;
	unsigned int parked, all;

	worker_each(sup, tick_one);
	supervisor_schedule(sup); /* a budget may have run out */
	all = supervisor_workers(sup, &parked);
	loop_timer_at(sup->tick, all > parked ? clock_now_ns() + period : UINT64_MAX);
}

static int retry_one(void *data, struct job_rec *job)
{
	struct supervisor *sup = data;
	uint64_t now = clock_now_ns();

	if (!job->not_before_ns)
		return 0;
	if (job->not_before_ns <= now) {
		job->not_before_ns = 0;
		broker_enqueue(sup->broker, job);
	} else {
		supervisor_retry_at(sup, job->not_before_ns);
	}
	return 0;
}

static void on_retry(void *data)
{
	struct supervisor *sup = data;

	sup->retry_at_ns = UINT64_MAX;
	jobs_each(&sup->broker->jobs, retry_one, sup);
	supervisor_schedule(sup);
}

void supervisor_kick(struct supervisor *sup)
{
	supervisor_schedule(sup);
}

void supervisor_gate_changed(struct supervisor *sup, bool open)
{
	sup->open = open;
	if (!open) {
		loop_timer_at(sup->turn, UINT64_MAX);
		loop_timer_at(sup->day, UINT64_MAX);
		ladder_closed(sup);
		return;
	}
	ladder_opened(sup);
	supervisor_schedule(sup);
}

void supervisor_set_duty(struct supervisor *sup, uint32_t permille)
{
	if (sup->duty_permille == permille)
		return;
	sup->duty_permille = permille;
	for (unsigned int s = 0; s < sup->n_slots; s++)
		for (unsigned int i = 0; i < RESIDENT_MAX; i++)
			if (sup->slots[s].workers[i])
				page_store(&worker_proc_grant(sup->slots[s].workers[i]->proc)
						    ->duty_permille,
					   permille);
}

void supervisor_kill_job(struct supervisor *sup, struct job_rec *job)
{
	struct worker *w = job->worker;

	if (!w)
		return;
	w->end = WORKER_END_KILLED;
	w->job = NULL; /* its end is no longer this job's */
	job->worker = NULL;
	worker_proc_signal(w->proc, SIGKILL);
}

int supervisor_pids(const struct supervisor *sup, int *pids, int max)
{
	int n = 0;

	for (unsigned int s = 0; s < sup->n_slots; s++)
		for (unsigned int i = 0; i < RESIDENT_MAX; i++)
			if (sup->slots[s].workers[i] && n < max)
				pids[n++] = worker_proc_pid(sup->slots[s].workers[i]->proc);
	return n;
}

const struct job_rec *supervisor_pid_job(const struct supervisor *sup, int pid)
{
	for (unsigned int s = 0; s < sup->n_slots; s++) {
		for (unsigned int i = 0; i < RESIDENT_MAX; i++) {
			const struct worker *w = sup->slots[s].workers[i];

			if (w && worker_proc_pid(w->proc) == pid)
				return w->job;
		}
	}
	return NULL;
}

unsigned int supervisor_workers(const struct supervisor *sup, unsigned int *parked)
{
	unsigned int all = 0;

	*parked = 0;
	for (unsigned int s = 0; s < sup->n_slots; s++) {
		for (unsigned int i = 0; i < RESIDENT_MAX; i++) {
			const struct worker *w = sup->slots[s].workers[i];

			all += w != NULL;
			*parked += w && w->phase == WORKER_PARKED;
		}
	}
	return all;
}

uint64_t supervisor_device_job(const struct supervisor *sup, const char *device_id)
{
	uint64_t job = 0;

	for (unsigned int s = 0; s < sup->n_slots; s++) {
		const struct slot *slot = &sup->slots[s];

		if (strcmp(slot->device_id, device_id) != 0)
			continue;
		if (slot->holder && slot->holder->job)
			return slot->holder->job->id;
		for (unsigned int i = 0; i < RESIDENT_MAX; i++)
			if (slot->workers[i] && slot->workers[i]->job)
				job = slot->workers[i]->job->id;
	}
	return job;
}

void supervisor_progress(const struct job_rec *job, struct broker_progress *out)
{
	const struct worker *w = job->worker;
	struct report_page report;

	*out = (struct broker_progress){
		.phase = job->phase,
		.device_ns = job->device_ns,
		.dispatches_done = job->dispatches_done,
		.dispatches_total = job->dispatches_total,
	};
	if (!w)
		return;
	memcpy(out->device, w->slot->device_id, sizeof(out->device));
	worker_proc_report(w->proc, &report);
	out->slices = report.slices <= INT64_MAX ? report.slices : 0;
	if (report.dispatches_done > out->dispatches_done &&
	    report.dispatches_done <= out->dispatches_total)
		out->dispatches_done = report.dispatches_done;
}

int supervisor_new(struct supervisor **out, struct broker *broker)
{
	struct supervisor *sup = calloc(1, sizeof(*sup));
	int r;

	if (!sup)
		return -ENOMEM;
	sup->broker = broker;
	sup->duty_permille = DUTY_MAX_PERMILLE;
	sup->retry_at_ns = UINT64_MAX;
	r = loop_timer_new(broker->loop, on_turn, sup, &sup->turn);
	if (r == 0)
		r = loop_timer_new(broker->loop, on_tick, sup, &sup->tick);
	if (r == 0)
		r = loop_timer_new(broker->loop, on_retry, sup, &sup->retry);
	if (r == 0)
		r = loop_timer_new(broker->loop, on_turn, sup, &sup->day);
	if (r == 0)
		r = loop_timer_new(broker->loop, ladder_run, sup, &sup->ladder);
	if (r < 0) {
		supervisor_free(sup);
		return r;
	}
	*out = sup;
	return 0;
}

void supervisor_free(struct supervisor *sup)
{
	if (!sup)
		return;
	worker_each(sup, worker_release);
	loop_timer_free(sup->turn);
	loop_timer_free(sup->tick);
	loop_timer_free(sup->retry);
	loop_timer_free(sup->day);
	loop_timer_free(sup->ladder);
	free(sup);
}
