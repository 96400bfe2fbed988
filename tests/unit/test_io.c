/* SPDX-License-Identifier: MIT */
/* Locks of files, whose holders may be about to go; packets with descriptors. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
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

static unsigned int count_open(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Of @sent descriptors into room for @room; a packet is taken whole or not at all. */
static void pass(unsigned int sent, unsigned int room)
{
	int pair[2], out[4] = {held, other, held, other}, in[4];
	unsigned int before, n = room;
	char data[8];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = count_open();
	cr_assert_eq(io_send_fds(pair[0], "packet", 6, out, sent), 0);
	ssize_t len = io_recv_fds(pair[1], data, sizeof(data), 0, in, &n);
	cr_assert_eq(len, sent <= room ? 6 : -EMSGSIZE, "%u into %u: %zd", sent, room, len);
	cr_assert_eq(n, sent <= room ? sent : 0, "%u into %u: %u", sent, room, n);
	while (n)
		cr_assert_eq(close(in[--n]), 0);
	cr_assert_eq(count_open(), before, "%u into %u", sent, room);
	close(pair[0]);
	close(pair[1]);
}

Test(io, descriptors_come_all_or_none)
{
	for (unsigned int room = 0; room <= 4; room++)
		for (unsigned int sent = 0; sent <= 4; sent++)
			pass(sent, room);
}

Test(io, a_packet_that_is_too_long_leaves_nothing)
{
	unsigned int n = 1, before;
	int pair[2], fd = -1;
	char data[4];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	before = count_open();
	cr_assert_eq(io_send_fds(pair[0], "packet", 6, &held, 1), 0);
	cr_assert_eq(io_recv_fds(pair[1], data, sizeof(data), 0, &fd, &n), -EMSGSIZE);
	cr_assert_eq(n, 0);
	cr_assert_eq(count_open(), before);
}
