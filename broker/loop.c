/* SPDX-License-Identifier: MIT */
/*
 * The loop; see loop.h.
 *
 * A dropped watch may still have a poll request in the ring: it becomes a zombie and is freed
 * when the cancelled request comes back, so a stale completion never meets freed memory.
 */
#include "broker/loop.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define RING_ENTRIES 64
#define CQES_A_BATCH 64

struct loop_watch {
	struct loop *loop;
	struct loop_watch *next, **prev;
	int fd;
	uint32_t events;
	loop_watch_fn fn;
	void *data;
	bool armed; /* a request is in the ring */
	bool in_call; /* its callback runs: free it later */
	bool dropped;
};

struct loop_timer {
	struct loop *loop;
	struct loop_timer *next, **prev;
	uint64_t at_ns;
	uint64_t round; /* the last round it ran in */
	loop_timer_fn fn;
	void *data;
};

struct loop {
	struct io_uring ring;
	struct loop_watch *watches;
	struct loop_timer *timers;
	uint64_t wakeups;
	uint64_t round;
	bool stop;
};

static int explain_ring_failure(int r, struct error *err)
{
	if (r == -EPERM)
		return error_set(err, r, "io_uring",
				 "io_uring is switched off for this process: set "
				 "kernel.io_uring_disabled=0 (sysctl), or allow io_uring_setup in "
				 "the container's seccomp profile");
	if (r == -ENOSYS)
		return error_set(err, r, "io_uring",
				 "this kernel has no io_uring: it needs 5.11 or later with "
				 "CONFIG_IO_URING=y");
	if (r == -ENOMEM)
		return error_set(err, r, "io_uring",
				 "no memory for the ring: raise RLIMIT_MEMLOCK (ulimit -l) to at "
				 "least 512 KiB");
	return error_set(err, r, "io_uring", "setting up the ring failed: %s", strerror(-r));
}

int loop_new(struct loop **out, struct error *err)
{
	struct io_uring_params params = {.flags = IORING_SETUP_CLAMP};
	struct loop *loop = calloc(1, sizeof(*loop));
	int r;

	if (!loop)
		return error_set(err, -ENOMEM, "io_uring", "out of memory");
	r = io_uring_queue_init_params(RING_ENTRIES, &loop->ring, &params);
	if (r < 0) {
		free(loop);
		return explain_ring_failure(r, err);
	}
	if (!(params.features & IORING_FEAT_EXT_ARG)) {
		io_uring_queue_exit(&loop->ring);
		free(loop);
		return explain_ring_failure(-ENOSYS, err);
	}
	*out = loop;
	return 0;
}

static void watch_free(struct loop_watch *w)
{
	*w->prev = w->next;
	if (w->next)
		w->next->prev = w->prev;
	free(w);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	io_uring_queue_exit(&loop->ring);
	while (loop->watches)
		watch_free(loop->watches);
	while (loop->timers)
		loop_timer_free(loop->timers);
	free(loop);
}

/* A full submission queue is sent to the kernel to make room. */
static struct io_uring_sqe *loop_sqe(struct loop *loop)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&loop->ring);
	return io_uring_get_sqe(&loop->ring);
}

static int watch_arm(struct loop_watch *w)
{
	struct io_uring_sqe *sqe;

	if (w->armed || w->dropped || !w->events)
		return 0;
	sqe = loop_sqe(w->loop);
	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_add(sqe, w->fd, w->events);
	io_uring_sqe_set_data(sqe, w);
	w->armed = true;
	return 0;
}

static void watch_cancel(struct loop_watch *w)
{
	struct io_uring_sqe *sqe = loop_sqe(w->loop);

	if (!sqe)
		return; /* the request ends when its descriptor does */
	io_uring_prep_cancel(sqe, w, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_watch_fn fn, void *data,
	       struct loop_watch **out)
{
	struct loop_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	*w = (struct loop_watch){.loop = loop, .fd = fd, .events = events, .fn = fn, .data = data};
	w->next = loop->watches;
	w->prev = &loop->watches;
	if (w->next)
		w->next->prev = &w->next;
	loop->watches = w;
	r = watch_arm(w);
	if (r < 0) {
		watch_free(w);
		return r;
	}
	*out = w;
	return 0;
}

void loop_watch_events(struct loop_watch *w, uint32_t events)
{
	if (w->events == events)
		return;
	w->events = events;
	if (w->armed)
		watch_cancel(w); /* armed again with the new events when it comes back */
	else if (!w->in_call)
		watch_arm(w);
}

void loop_unwatch(struct loop_watch *w)
{
	if (!w)
		return;
	w->dropped = true;
	if (w->armed)
		watch_cancel(w);
	else if (!w->in_call)
		watch_free(w);
}

int loop_timer_new(struct loop *loop, loop_timer_fn fn, void *data, struct loop_timer **out)
{
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct loop_timer){.loop = loop, .at_ns = UINT64_MAX, .fn = fn, .data = data};
	t->next = loop->timers;
	t->prev = &loop->timers;
	if (t->next)
		t->next->prev = &t->next;
	loop->timers = t;
	*out = t;
	return 0;
}

void loop_timer_at(struct loop_timer *t, uint64_t at_ns)
{
	t->at_ns = at_ns;
}

void loop_timer_free(struct loop_timer *t)
{
	if (!t)
		return;
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	free(t);
}

static struct loop_timer *earliest_timer(const struct loop *loop)
{
	struct loop_timer *best = NULL;

	for (struct loop_timer *t = loop->timers; t; t = t->next)
		if (t->at_ns != UINT64_MAX && (!best || t->at_ns < best->at_ns))
			best = t;
	return best;
}

/* Each timer runs once a round, so one that re-arms itself in the past cannot starve the rest. */
static void run_timers(struct loop *loop)
{
	uint64_t now = clock_now_ns();
	struct loop_timer *t;

	loop->round++;
	while (!loop->stop && (t = earliest_timer(loop)) && t->at_ns <= now &&
	       t->round != loop->round) {
		t->at_ns = UINT64_MAX;
		t->round = loop->round;
		t->fn(t->data);
	}
}

static void watch_complete(struct loop_watch *w, int res)
{
	w->armed = false;
	if (!w->dropped && res != -ECANCELED) {
		w->in_call = true;
		w->fn(w->data, w->fd, res);
		w->in_call = false;
	}
	if (!w->dropped)
		watch_arm(w);
	else if (!w->armed)
		watch_free(w);
}

static int loop_wait(struct loop *loop)
{
	struct loop_timer *t = earliest_timer(loop);
	struct io_uring_cqe *cqe;
	int r;

	if (t) {
		uint64_t now = clock_now_ns();
		uint64_t left = t->at_ns > now ? t->at_ns - now : 0;
		struct __kernel_timespec ts = {.tv_sec = (long long)(left / NS_PER_S),
					       .tv_nsec = (long long)(left % NS_PER_S)};

		r = io_uring_submit_and_wait_timeout(&loop->ring, &cqe, 1, &ts, NULL);
	} else {
		r = io_uring_submit_and_wait(&loop->ring, 1);
	}
	loop->wakeups++;
	if (r < 0 && r != -ETIME && r != -EINTR && r != -EAGAIN && r != -EBUSY)
		return r;
	return 0;
}

int loop_run(struct loop *loop)
{
	struct io_uring_cqe *cqes[CQES_A_BATCH];

	while (!loop->stop) {
		unsigned int n;
		int r = loop_wait(loop);

		if (r < 0)
			return r;
		n = io_uring_peek_batch_cqe(&loop->ring, cqes, CQES_A_BATCH);
		for (unsigned int i = 0; i < n; i++) {
			struct loop_watch *w = io_uring_cqe_get_data(cqes[i]);
			int res = cqes[i]->res;

			io_uring_cqe_seen(&loop->ring, cqes[i]);
			if (w)
				watch_complete(w, res);
		}
		run_timers(loop);
	}
	loop->stop = false;
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}

uint64_t loop_wakeups(const struct loop *loop)
{
	return loop->wakeups;
}
