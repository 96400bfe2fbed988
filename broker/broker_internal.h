/* SPDX-License-Identifier: MIT */
/* struct broker, for the few files that make it up: broker.c, job_life.c, supervisor.c … */
#ifndef BROKER_BROKER_INTERNAL_H
#define BROKER_BROKER_INTERNAL_H

#include "broker/api/api.h"
#include "broker/broker.h"
#include "broker/jobs.h"
#include "broker/look.h"
#include "broker/sched/duty.h"
#include "broker/supervisor.h"

#define BROKER_SOURCES_MAX 16

struct broker {
	struct loop *loop;
	struct config config;
	const char *config_path; /* NULL: defaults */
	struct gatehost *gate;
	struct store *store;
	struct devices *devices;
	struct look *look;
	struct sched *sched;
	struct api *api;
	struct supervisor *sup;
	struct jobs jobs;
	struct duty duty;
	struct source_ctx source_ctx;
	struct source_module source_module;
	struct bpf_hub *bpf; /* NULL: not used here */
	char bpf_loader[CONFIG_PATH_MAX + 16]; /* broker-bpf, beside the worker */
	void *sources[BROKER_SOURCES_MAX];
	const struct source_ops *source_ops[BROKER_SOURCES_MAX]; /* of those that are open */
	struct loop_timer *rehost; /* host the gate anew, soon */
	struct broker_listener *listeners;
	struct loop_timer *deadline; /* the earliest wall deadline of a job */
	int result; /* -errno: why the loop was stopped */
};

/** broker_tell() - to the listeners; broker_tell_job(): that something of a job changed */
void broker_tell(struct broker *b, const struct broker_event *event);
void broker_tell_job(struct broker *b, uint64_t id, uint32_t uid);

/** broker_enqueue() - into the scheduler, unless it stands there, runs, or is ending */
void broker_enqueue(struct broker *b, struct job_rec *job);
void broker_dequeue(struct broker *b, struct job_rec *job);

/** broker_end_job() - make its end durable, then forget it; @reason may be NULL */
void broker_end_job(struct broker *b, struct job_rec *job, enum store_state state,
		    const char *reason);
/** broker_forget_job() - its end is durable */
void broker_forget_job(struct broker *b, struct job_rec *job);

/** broker_charge() - @ns more of device time to job and tenant, in memory; the row follows later */
void broker_charge(struct broker *b, struct job_rec *job, uint64_t ns);

/** broker_update() - the row as it stands in memory, to be filled in further */
struct store_update broker_update(const struct job_rec *job, enum store_state state);

/** broker_apply_config() - hand what b->config says to the parts */
void broker_apply_config(struct broker *b);
void broker_on_deadline(void *data); /* timer: end the jobs that are late, arm for the next */

/* broker_gate.c, in this order */
int broker_gate_new(struct broker *b); /* closed */
/* by the module, if it shall be, and the sources: from here on it may open */
int broker_gate_start(struct broker *b, struct error *err);
void broker_gate_reload(struct broker *b);
void broker_gate_stop(struct broker *b); /* the sources; in any state */

int broker_start(struct broker *b, struct error *err);
void broker_deinit(struct broker *b);

#endif
