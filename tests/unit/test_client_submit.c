/* SPDX-License-Identifier: MIT */
/*
 * Handing in a bundle, against a scripted peer (a child process): which blobs are passed, in what
 * order, and what happens when the broker has lost one in between.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/client.h"
#include "libbroker/util/io.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define E "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"

/* What the peer answers, and the first bytes of the files that must have come with the call. */
struct turn {
	const char *reply;
	const char *expect; /* part of the call */
	const char *files;
};

static void play_turn(int sock, const struct turn *t)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(8 * sizeof(int))];
	} control;
	char got[4096];
	struct iovec iov = {.iov_base = got, .iov_len = sizeof(got)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	ssize_t len = recvmsg(sock, &msg, 0);
	struct cmsghdr *m = CMSG_FIRSTHDR(&msg);
	size_t n = m ? (m->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

	if (len <= 0 || !strstr(got, t->expect)) {
		dprintf(2, "expected %s\ngot %s\n", t->expect, got);
		_exit(1);
	}
	if (n != strlen(t->files))
		_exit(2);
	for (size_t i = 0; i < n; i++) {
		char byte = 0;
		int fd;

		memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
		if (pread(fd, &byte, 1, 0) != 1 || byte != t->files[i])
			_exit(3);
	}
	if (io_write_all(sock, t->reply, strlen(t->reply) + 1) < 0)
		_exit(4);
}

static int submit(const struct turn *turns, unsigned int n, uint64_t *id)
{
	struct bundle_blob blobs[3];
	struct bundle bundle = {
		.json = (char *)"{}\n", .json_len = 3, .n_blobs = 3, .blobs = blobs};
	struct idlebroker *c = calloc(1, sizeof(*c));
	int pair[2], status, r;
	pid_t pid;

	memset(blobs[0].sha256, 0xaa, SHA256_SIZE);
	memset(blobs[1].sha256, 0xcc, SHA256_SIZE);
	memset(blobs[2].sha256, 0xee, SHA256_SIZE);
	for (int i = 0; i < 3; i++)
		blobs[i].fd = io_memfd("blob", &"ace"[i], 1);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (pid == 0) {
		for (unsigned int i = 0; i < n; i++)
			play_turn(pair[1], &turns[i]);
		_exit(0);
	}
	close(pair[1]);
	c->fd = pair[0];
	c->timeout_ms = 20000;
	varlink_reader_init(&c->reader);
	r = client_submit_bundle(c, &bundle, id);
	idlebroker_close(c);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "the peer ended with %d", WEXITSTATUS(status));
	for (int i = 0; i < 3; i++)
		close(blobs[i].fd);
	return r;
}

Test(client_submit, only_missing_blobs_are_passed)
{
	static const struct turn turns[] = {
		{"{\"parameters\":{\"missing\":[\"" E "\",\"" A "\"]}}",
		 "\"sha256\":[\"" A "\",\"" C "\",\"" E "\"]", ""},
		{"{\"parameters\":{\"id\":42}}",
		 "{\"job\":\"{}\\n\",\"blobs\":[{\"sha256\":\"" A "\",\"fd\":0},{\"sha256\":\"" E
		 "\",\"fd\":1}]}",
		 "ae"},
	};
	uint64_t id;

	cr_assert_eq(submit(turns, 2, &id), 0);
	cr_assert_eq(id, 42);
}

Test(client_submit, a_blob_that_vanished_in_between_is_passed_then)
{
	static const struct turn turns[] = {
		{"{\"parameters\":{\"missing\":[]}}", "MissingBlobs", ""},
		{"{\"error\":\"io.idlebroker.BlobMissing\",\"parameters\":{\"sha256\":[\"" C
		 "\"]}}",
		 "\"blobs\":[]", ""},
		{"{\"parameters\":{\"id\":43}}", "{\"sha256\":\"" C "\",\"fd\":0}", "c"},
	};
	uint64_t id;

	cr_assert_eq(submit(turns, 3, &id), 0);
	cr_assert_eq(id, 43);
}

Test(client_submit, files_that_are_refused_are_passed_as_copies)
{
	static const char refusal[] =
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":"
		"{\"parameter\":\"blobs\",\"message\":\"descriptor 0: not on a mount of this "
		"system\"}}";
	static const struct turn turns[] = {
		{"{\"parameters\":{\"missing\":[\"" C "\"]}}", "MissingBlobs", ""},
		{refusal, "Submit", "c"},
		{"{\"parameters\":{\"id\":44}}", "Submit", "c"},
	};
	const struct turn stubborn[] = {turns[0], turns[1], turns[1]};
	uint64_t id;

	cr_assert_eq(submit(turns, 3, &id), 0);
	cr_assert_eq(id, 44);
	cr_assert_eq(submit(stubborn, 3, &id), -EINVAL);
}

Test(client_submit, a_broker_that_never_has_enough_is_given_up)
{
	static const struct turn turns[] = {
		{"{\"parameters\":{\"missing\":[\"" C "\"]}}", "MissingBlobs", ""},
		{"{\"error\":\"io.idlebroker.BlobMissing\",\"parameters\":{\"sha256\":[\"" C
		 "\"]}}",
		 "Submit", "c"},
	};
	uint64_t id;

	cr_assert_eq(submit(turns, 2, &id), -ENODATA);
}

Test(client_submit, a_refusal_is_handed_through)
{
	static const struct turn turns[] = {
		{"{\"parameters\":{\"missing\":[]}}", "MissingBlobs", ""},
		{"{\"error\":\"io.idlebroker.LimitExceeded\",\"parameters\":{\"message\":\"full\"}}",
		 "Submit", ""},
	};
	uint64_t id;

	cr_assert_eq(submit(turns, 2, &id), -EDQUOT);
}
