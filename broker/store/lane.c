/* SPDX-License-Identifier: MIT */
/*
 * A thread with a queue; see lane.h.
 *
 * Three lists: `staged` is the loop thread's own and needs no lock; `queue` and `finished` are
 * shared under the lock. A timer that is due at once moves staged to queue: the loop runs its
 * timers after the descriptors of a turn.
 */
#include "broker/store/lane.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Sanitizers and debug builds of libraries want more than the caller counted on. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_EXTRA (1u << 20)
#else
#define STACK_EXTRA 0u
#endif

struct op_list {
	struct lane_op *first, **last;
};

struct lane {
	struct lane_work w;
	struct loop *loop;
	struct loop_watch *watch;
	struct loop_timer *timer;
	struct op_list staged;
	int eventfd;

	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t wake; /* the thread waits: work, stop, release */
	pthread_cond_t rest; /* others wait: the thread came to rest */
	struct op_list queue, finished;
	bool stop, held;
	bool in_batch, in_idle; /* the thread is at it, without the lock */
};

static void list_init(struct op_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_add(struct op_list *l, struct lane_op *op)
{
	op->next = NULL;
	*l->last = op;
	l->last = &op->next;
}

static void list_move(struct op_list *to, struct op_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	list_init(from);
}

static void list_take(struct op_list *to, struct op_list *from, unsigned int max)
{
	list_init(to);
	for (; max && from->first; max--) {
		struct lane_op *op = from->first;

		from->first = op->next;
		list_add(to, op);
	}
	if (!from->first)
		list_init(from);
}

static void lane_signal_loop(struct lane *lane)
{
	uint64_t one = 1;

	/* A full counter wakes the loop as well. */
	if (write(lane->eventfd, &one, sizeof(one)) < 0)
		return;
}

/* With the lock held; returns with it held. */
static void lane_run_batch(struct lane *lane)
{
	struct op_list batch;
	bool was_empty;

	list_take(&batch, &lane->queue, lane->w.batch);
	lane->in_batch = true;
	pthread_mutex_unlock(&lane->lock);
	lane->w.work(lane->w.data, batch.first);
	pthread_mutex_lock(&lane->lock);
	lane->in_batch = false;
	was_empty = !lane->finished.first;
	list_move(&lane->finished, &batch);
	if (was_empty)
		lane_signal_loop(lane);
	pthread_cond_broadcast(&lane->rest);
}

static bool lane_run_idle(struct lane *lane)
{
	bool more;

	lane->in_idle = true;
	pthread_mutex_unlock(&lane->lock);
	more = lane->w.idle(lane->w.data);
	pthread_mutex_lock(&lane->lock);
	lane->in_idle = false;
	pthread_cond_broadcast(&lane->rest);
	return more;
}

static void *lane_thread(void *arg)
{
	struct lane *lane = arg;
	bool more_idle = lane->w.idle;

	pthread_mutex_lock(&lane->lock);
	for (;;) {
		if (lane->held)
			pthread_cond_wait(&lane->wake, &lane->lock);
		else if (lane->queue.first)
			lane_run_batch(lane);
		else if (lane->stop)
			break;
		else if (more_idle)
			more_idle = lane_run_idle(lane);
		else
			pthread_cond_wait(&lane->wake, &lane->lock);
	}
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

static void lane_hand_over(struct lane *lane)
{
	if (!lane->staged.first)
		return;
	pthread_mutex_lock(&lane->lock);
	list_move(&lane->queue, &lane->staged);
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
}

static void lane_timer(void *data)
{
	lane_hand_over(data);
}

static bool lane_deliver(struct lane *lane)
{
	struct op_list list;
	bool any;

	pthread_mutex_lock(&lane->lock);
	list_init(&list);
	list_move(&list, &lane->finished);
	pthread_mutex_unlock(&lane->lock);
	any = list.first;
	while (list.first) {
		struct lane_op *op = list.first;

		list.first = op->next;
		op->done(op);
	}
	return any;
}

static void lane_event(void *data, int fd, int events)
{
	struct lane *lane = data;
	uint64_t count;

	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	lane_deliver(lane);
}

/* Signals are the main thread's. */
static int lane_start(struct lane *lane)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int r;

	sigfillset(&all);
	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	pthread_attr_setstacksize(&attr, lane->w.stack + STACK_EXTRA);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&lane->thread, &attr, lane_thread, lane);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (r)
		return -r;
	lane->started = true;
	pthread_setname_np(lane->thread, lane->w.name);
	return 0;
}

int lane_new(struct lane **out, struct loop *loop, const struct lane_work *work, struct error *err)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	int r;

	if (!lane)
		return error_set(err, -ENOMEM, work->name, "out of memory");
	lane->w = *work;
	lane->loop = loop;
	list_init(&lane->staged);
	list_init(&lane->queue);
	list_init(&lane->finished);
	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->wake, NULL);
	pthread_cond_init(&lane->rest, NULL);
	lane->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = lane->eventfd < 0 ? -errno : 0;
	if (!r)
		r = loop_timer_new(loop, lane_timer, lane, &lane->timer);
	if (!r)
		r = loop_watch(loop, lane->eventfd, POLLIN, lane_event, lane, &lane->watch);
	if (!r)
		r = lane_start(lane);
	if (r < 0) {
		lane_free(lane);
		return error_set(err, r, work->name, "starting the thread failed: %s",
				 strerror(-r));
	}
	*out = lane;
	return 0;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	if (lane->started) {
		while (lane_flush(lane))
			;
		pthread_mutex_lock(&lane->lock);
		lane->stop = true;
		pthread_cond_signal(&lane->wake);
		pthread_mutex_unlock(&lane->lock);
		pthread_join(lane->thread, NULL);
	}
	loop_unwatch(lane->watch);
	loop_timer_free(lane->timer);
	if (lane->eventfd >= 0)
		close(lane->eventfd);
	pthread_cond_destroy(&lane->rest);
	pthread_cond_destroy(&lane->wake);
	pthread_mutex_destroy(&lane->lock);
	free(lane);
}

void lane_push(struct lane *lane, struct lane_op *op)
{
	if (!lane->staged.first)
		loop_timer_at(lane->timer, 0);
	list_add(&lane->staged, op);
}

bool lane_flush(struct lane *lane)
{
	lane_hand_over(lane);
	pthread_mutex_lock(&lane->lock);
	while (lane->queue.first || lane->in_batch)
		pthread_cond_wait(&lane->rest, &lane->lock);
	pthread_mutex_unlock(&lane->lock);
	return lane_deliver(lane);
}

void lane_hold(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->held = true;
	while (lane->in_batch || lane->in_idle)
		pthread_cond_wait(&lane->rest, &lane->lock);
	pthread_mutex_unlock(&lane->lock);
}

void lane_release(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	lane->held = false;
	pthread_cond_signal(&lane->wake);
	pthread_mutex_unlock(&lane->lock);
}
