/* SPDX-License-Identifier: MIT */
/* Locks of files, whose holders may be about to go. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/util/io.h"

static char path[] = "/tmp/idlebroker-io-XXXXXX";
static int held, other;

static void set_up(void)
{
	held = mkostemp(path, O_CLOEXEC);
	other = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(held >= 0 && other >= 0);
	cr_assert_eq(io_lock(held, 0), 0);
}

static void tear_down(void)
{
	unlink(path);
}

TestSuite(io, .init = set_up, .fini = tear_down);

Test(io, a_lock_that_is_held_is_told)
{
	cr_assert_eq(io_lock(other, 0), -EWOULDBLOCK);
	cr_assert_eq(io_lock(other, 5), -EWOULDBLOCK);
	close(held);
	cr_assert_eq(io_lock(other, 0), 0);
	cr_assert_eq(io_lock(-1, 5), -EBADF);
}

/* As the child of one that was killed, until it has called exec(). */
Test(io, a_child_that_has_it_for_a_moment_is_waited_for)
{
	pid_t child = fork();

	if (child == 0) {
		usleep(50000);
		_exit(0);
	}
	cr_assert_gt(child, 0);
	close(held);
	cr_assert_eq(io_lock(other, 0), -EWOULDBLOCK);
	cr_assert_eq(io_lock(other, 20000), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
}
