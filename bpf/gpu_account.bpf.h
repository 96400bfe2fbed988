/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The accounts of device time, which all gpu_*.bpf.c share: a job is queued by a process, begins to
 * run, and is done. Each driver's programs say when; here is what follows from it.
 *
 * A ring is what does one job after the other. Of two jobs that were given to it one after the
 * other the second began when the first was done, whatever the driver says; so the time of a job is
 * that from its begin, or from the end of the one before it, to its own end, and no moment of a
 * ring counts twice.
 */
#ifndef IDLEBROKER_BPF_GPU_ACCOUNT_H
#define IDLEBROKER_BPF_GPU_ACCOUNT_H

#include "common.bpf.h"
#include "gpu.h"

#define GPU_JOBS_MAX  4096
#define GPU_RINGS_MAX 128
#define ANCESTORS_MAX 8
#define PF_KTHREAD    0x00200000 /* linux/sched.h */

struct gpu_job_key {
	__u64 object; /* a fence, or a queue with numbered jobs */
	__u64 number;
};

struct gpu_job {
	struct gpu_client_key client;
	__u64 ring;
	__u64 run_ns; /* 0: not yet */
	__u32 foreign;
	__u32 pad;
};

/* struct gpu_total with its lock. */
struct gpu_total_locked {
	struct bpf_spin_lock lock;
	__u32 running;
	struct gpu_share share;
	__u64 running_since_ns;
	__u64 busy_ns, submits;
	__u64 last_ns;
};

_Static_assert(sizeof(struct gpu_total_locked) == sizeof(struct gpu_total), "one layout");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GPU_JOBS_MAX);
	__type(key, struct gpu_job_key);
	__type(value, struct gpu_job);
} gpu_jobs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GPU_RINGS_MAX);
	__type(key, __u64);
	__type(value, __u64); /* when the last job was done */
} gpu_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, GPU_CLIENTS_MAX);
	__type(key, struct gpu_client_key);
	__type(value, struct gpu_client);
} gpu_clients SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GPU_DEVICES_MAX);
	__type(key, __u64);
	__type(value, struct gpu_device);
} gpu_devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gpu_total_locked);
} gpu_total SEC(".maps");

struct gpu_submitter {
	__u32 tgid;
	__u32 foreign;
};

/* Who is it that gives work to the device now? */
static __always_inline struct gpu_submitter gpu_submitter(const struct bpf_shared *s)
{
	const struct task_struct *t = (const struct task_struct *)bpf_get_current_task();
	struct gpu_submitter who = {.tgid = bpf_get_current_pid_tgid() >> 32, .foreign = 1};
	__u32 ours = s->our_tgid;

	if (BPF_CORE_READ(t, flags) & PF_KTHREAD)
		return (struct gpu_submitter){.tgid = 0, .foreign = 0};
#pragma unroll
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		__u32 tgid = BPF_CORE_READ(t, tgid);

		if (tgid == ours)
			who.foreign = 0;
		if (tgid <= 1 || !who.foreign)
			break;
		t = BPF_CORE_READ(t, real_parent);
	}
	return who;
}

static __always_inline __u32 gpu_device_id(struct bpf_shared *s, const struct device *dev)
{
	struct gpu_device *known, new = {};
	__u64 key = (__u64)dev;
	const char *name;

	if (!dev)
		return 0;
	known = bpf_map_lookup_elem(&gpu_devices, &key);
	if (known)
		return known->id;
	name = BPF_CORE_READ(dev, kobj.name);
	if (bpf_probe_read_kernel_str(new.name, sizeof(new.name), name) <= 1)
		return 0;
	new.id = __sync_fetch_and_add(&s->gpu_devices, 1) + 1;
	bpf_map_update_elem(&gpu_devices, &key, &new, BPF_NOEXIST);
	known = bpf_map_lookup_elem(&gpu_devices, &key);
	return known ? known->id : 0;
}

static __always_inline struct gpu_client *gpu_client_get(const struct gpu_client_key *key,
							 __u32 foreign)
{
	struct gpu_client *c = bpf_map_lookup_elem(&gpu_clients, key);
	struct gpu_client new = {.foreign = foreign};

	if (c)
		return c;
	bpf_get_current_comm(new.comm, sizeof(new.comm));
	bpf_map_update_elem(&gpu_clients, key, &new, BPF_NOEXIST);
	return bpf_map_lookup_elem(&gpu_clients, key);
}

static __always_inline struct gpu_total_locked *gpu_total_get(void)
{
	const __u32 zero = 0;

	return bpf_map_lookup_elem(&gpu_total, &zero);
}

static __always_inline void gpu_tell(struct bpf_shared *s, __u32 kind, __u64 now,
				     const struct gpu_client_key *client, const char *comm)
{
	struct bpf_record *r;

	if (!occasion(s, kind, now))
		return;
	r = record_new(s, kind, now);
	if (!r) {
		s->armed[kind] = 1;
		return;
	}
	r->tgid = client->tgid;
	r->arg = client->device;
	if (comm)
		bpf_probe_read_kernel(r->comm, sizeof(r->comm), comm);
	bpf_ringbuf_submit(r, 0);
}

static __always_inline void gpu_count_submit(struct bpf_shared *s, __u64 now,
					     const struct gpu_client_key *key, __u32 foreign)
{
	struct gpu_client *c = gpu_client_get(key, foreign);
	struct gpu_total_locked *t;

	if (c) {
		__sync_fetch_and_add(&c->submits, 1);
		c->last_ns = now;
	}
	t = foreign ? gpu_total_get() : NULL;
	if (!t)
		return;
	bpf_spin_lock(&t->lock);
	t->submits++;
	t->last_ns = now;
	bpf_spin_unlock(&t->lock);
	gpu_tell(s, BPF_RECORD_GPU, now, key, c ? c->comm : NULL);
}

/* A process gives a job to @dev, which will be known as @key. To be called in its context. */
static __always_inline int gpu_queued(const struct gpu_job_key *key, const struct device *dev)
{
	struct bpf_shared *s = shared_page();
	struct gpu_submitter who;
	struct gpu_job job = {};

	if (!s)
		return 0;
	who = gpu_submitter(s);
	job.client.tgid = who.tgid;
	job.client.device = gpu_device_id(s, dev);
	job.foreign = who.foreign;
	if (key)
		bpf_map_update_elem(&gpu_jobs, key, &job, BPF_ANY);
	gpu_count_submit(s, bpf_ktime_get_ns(), &job.client, who.foreign);
	return 0;
}

/* The job begins, or stands in line, on @ring. */
static __always_inline int gpu_run(const struct gpu_job_key *key, __u64 ring)
{
	struct gpu_job *job = bpf_map_lookup_elem(&gpu_jobs, key);
	__u64 now = bpf_ktime_get_ns();
	struct gpu_total_locked *t;

	if (!job || job->run_ns)
		return 0;
	job->ring = ring;
	job->run_ns = now;
	t = job->foreign ? gpu_total_get() : NULL;
	if (!t)
		return 0;
	bpf_spin_lock(&t->lock);
	if (!t->running++)
		t->running_since_ns = now;
	bpf_spin_unlock(&t->lock);
	return 0;
}

/* Device time of @job up to @now; the ring's next job begins now. */
static __always_inline __u64 gpu_job_time(const struct gpu_job *job, __u64 now)
{
	__u64 *done, begin = job->run_ns, ring = job->ring;

	if (!begin)
		return 0;
	done = bpf_map_lookup_elem(&gpu_rings, &ring);
	if (done && *done > begin)
		begin = *done;
	if (done)
		*done = now;
	else
		bpf_map_update_elem(&gpu_rings, &ring, &now, BPF_ANY);
	return now > begin ? now - begin : 0;
}

static __always_inline bool gpu_count_total(const struct bpf_shared *s, const struct gpu_job *job,
					    __u64 now, __u64 busy)
{
	const struct gpu_share_limit limit = {.burst_ns = s->gpu_burst_ns,
					      .permille = s->gpu_permille};
	struct gpu_total_locked *t = gpu_total_get();
	bool over;

	if (!t)
		return false;
	bpf_spin_lock(&t->lock);
	if (job->run_ns && t->running)
		t->running--;
	t->running_since_ns = now;
	t->busy_ns += busy;
	t->last_ns = now;
	over = gpu_share_add(&t->share, &limit, now, busy);
	bpf_spin_unlock(&t->lock);
	return over;
}

/* The job is done, in whatever context. Whoever takes it out of the map counts it. */
static __always_inline int gpu_done(const struct gpu_job_key *key)
{
	struct gpu_job *found = bpf_map_lookup_elem(&gpu_jobs, key);
	struct bpf_shared *s = shared_page();
	struct gpu_client *c;
	struct gpu_job job;
	__u64 now, busy;

	if (!found || !s)
		return 0;
	job = *found;
	if (bpf_map_delete_elem(&gpu_jobs, key))
		return 0;
	now = bpf_ktime_get_ns();
	busy = gpu_job_time(&job, now);
	c = bpf_map_lookup_elem(&gpu_clients, &job.client);
	if (c) {
		__sync_fetch_and_add(&c->busy_ns, busy);
		__sync_fetch_and_add(&c->done, 1);
		c->last_ns = now;
	}
	if (job.foreign && gpu_count_total(s, &job, now, busy))
		gpu_tell(s, BPF_RECORD_GPU_SHARE, now, &job.client, c ? c->comm : NULL);
	return 0;
}

#endif
