/* SPDX-License-Identifier: MIT */
/*
 * Workers and turns: which job has which device now.
 *
 * A slot is one device. Up to RESIDENT_MAX workers live on it, each with its job loaded; one of
 * them holds the turn and submits slices. While jobs compete, a timer ends the turn and asks the
 * scheduler again; while one job is alone it runs with no timer but a slow tick for its accounts.
 *
 * When the gate closes, workers see it in the gate page without us; the supervisor withdraws the
 * grants and walks the ladder: SIGSTOP at the grace for those who have not parked, SIGKILL at the
 * limit, eviction (checkpoint, memory freed) after a longer while. A killed job is queued again and
 * resumes from its last checkpoint.
 */
#ifndef BROKER_SUPERVISOR_H
#define BROKER_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct broker;
struct job_rec;
struct supervisor;

int supervisor_new(struct supervisor **out, struct broker *broker);
void supervisor_free(struct supervisor *sup);

/** supervisor_kick() - something changed (a job came, a device was found): look again, soon */
void supervisor_kick(struct supervisor *sup);
void supervisor_gate_changed(struct supervisor *sup, bool open);
void supervisor_set_duty(struct supervisor *sup, uint32_t permille);
/** supervisor_kill_job() - its worker, if it has one, ends now; the job's end is the caller's */
void supervisor_kill_job(struct supervisor *sup, struct job_rec *job);
/** supervisor_evict_all() - every worker leaves; its job waits for another */
void supervisor_evict_all(struct supervisor *sup);
/** supervisor_shutdown() - evict all; @done is called once none is left, or after the time-out */
void supervisor_shutdown(struct supervisor *sup, void (*done)(void *data), void *data);

/** supervisor_pids() - of our workers; returns how many were written */
int supervisor_pids(const struct supervisor *sup, int *pids, int max);
/** supervisor_pid_job() - of the worker with this process; NULL: there is none, or it has no job */
const struct job_rec *supervisor_pid_job(const struct supervisor *sup, int pid);
/** supervisor_workers() - all, and those of them that are parked */
unsigned int supervisor_workers(const struct supervisor *sup, unsigned int *parked);

/** supervisor_device_job() - the job that holds this device, or is loaded on it; 0: none */
uint64_t supervisor_device_job(const struct supervisor *sup, const char *device_id);

struct broker_progress;
void supervisor_progress(const struct job_rec *job, struct broker_progress *out);

#endif
