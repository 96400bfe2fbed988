/* SPDX-License-Identifier: MIT */
/* A ring that can poll and nothing else; see fence.h. */
#include "broker/worker/fence.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RING_ENTRIES 4

struct fence_ring {
	struct io_uring uring;
	uint64_t last; /* tag of the last poll: an older one that ends late is not taken for it */
};

static int restrict_to_poll(struct io_uring *uring)
{
	struct io_uring_restriction allowed[] = {
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_ADD},
		{.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_POLL_REMOVE},
	};
	int fd = uring->ring_fd;

	/* By the system call: Debian 12's liburing declares the functions, and lacks them. */
	if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, allowed, 2) < 0 ||
	    syscall(SYS_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0)
		return -errno;
	return 0;
}

int fence_ring_new(struct fence_ring **out)
{
	struct fence_ring *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	e = io_uring_queue_init(RING_ENTRIES, &r->uring, IORING_SETUP_R_DISABLED);
	if (e < 0) {
		free(r);
		return e;
	}
	e = restrict_to_poll(&r->uring);
	if (e < 0) {
		fence_ring_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void fence_ring_free(struct fence_ring *r)
{
	if (!r)
		return;
	io_uring_queue_exit(&r->uring);
	free(r);
}

static int wait_by_poll(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIME;
}

/* A poll that was given up; its end, marked by the same tag, is skipped by the next wait. */
static void give_up(struct fence_ring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&r->uring);

	if (!sqe)
		return;
	io_uring_prep_poll_remove(sqe, r->last);
	io_uring_sqe_set_data64(sqe, 0);
	io_uring_submit(&r->uring);
}

int fence_ring_wait(struct fence_ring *r, int fd, int timeout_ms)
{
	struct __kernel_timespec ts = {.tv_sec = timeout_ms / 1000,
				       .tv_nsec = timeout_ms % 1000 * 1000000ll};
	struct io_uring_sqe *sqe = r ? io_uring_get_sqe(&r->uring) : NULL;
	int e;

	if (!sqe)
		return wait_by_poll(fd, timeout_ms);
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data64(sqe, ++r->last);
	e = io_uring_submit(&r->uring);
	if (e < 0)
		return wait_by_poll(fd, timeout_ms);
	for (;;) {
		struct io_uring_cqe *cqe;
		uint64_t tag;

		e = io_uring_wait_cqe_timeout(&r->uring, &cqe, timeout_ms < 0 ? NULL : &ts);
		if (e == -EINTR)
			continue;
		if (e < 0) {
			give_up(r);
			return e;
		}
		tag = io_uring_cqe_get_data64(cqe);
		e = cqe->res;
		io_uring_cqe_seen(&r->uring, cqe);
		if (tag == r->last)
			return e < 0 ? e : 0;
	}
}
