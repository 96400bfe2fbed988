/* SPDX-License-Identifier: MIT */
/* Waiting by a ring that can poll and nothing else; a pipe stands where a sync_file would. */
#include <criterion/criterion.h>
#include <errno.h>
#include <liburing.h>
#include <unistd.h>

#include "broker/worker/fence.h"

static struct fence_ring *ring_or_skip(void)
{
	struct fence_ring *ring = NULL;
	int r = fence_ring_new(&ring);

	if (r == -ENOSYS || r == -EPERM)
		cr_skip_test("io_uring is disabled here");
	cr_assert_eq(r, 0);
	return ring;
}

static void wait_both_ways(struct fence_ring *ring)
{
	int fds[2];
	char c;

	cr_assert_eq(pipe(fds), 0);
	for (int round = 0; round < 20; round++) {
		cr_assert_eq(fence_ring_wait(ring, fds[0], 1), -ETIME);
		cr_assert_eq(write(fds[1], "x", 1), 1);
		cr_assert_eq(fence_ring_wait(ring, fds[0], -1), 0);
		cr_assert_eq(fence_ring_wait(ring, fds[0], 1000), 0);
		cr_assert_eq(read(fds[0], &c, 1), 1);
	}
	close(fds[0]);
	close(fds[1]);
}

Test(fence, a_wait_ends_when_the_file_is_readable_or_the_time_is_over)
{
	struct fence_ring *ring = ring_or_skip();

	wait_both_ways(ring);
	fence_ring_free(ring);
}

Test(fence, without_a_ring_it_is_poll)
{
	wait_both_ways(NULL);
}
