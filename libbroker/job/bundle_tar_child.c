/* SPDX-License-Identifier: MIT */
/*
 * A tar file read by a jailed child: the child unpacks each entry into a memory file, seals it and
 * sends it; see bundle.h.
 *
 * The parent trusts nothing that comes: it checks the name, the count, that the file is a sealed
 * memory file of the size that was said, and its SHA-256 against its name. One struct tar_message a
 * packet; the last is TAR_END or TAR_FAILED, and silence is a child that died.
 */
#include "libbroker/job/bundle_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/job/bundle_jail.h"
#include "libbroker/job/bundle_tar.h"
#include "libbroker/job/json_read.h"
#include "libbroker/util/cleanup.h"

#define READ_CHUNK (64u << 10)
#define SEALS      (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define ERRNO_MAX  4095

enum tar_message_type {
	TAR_ENTRY = 1,
	TAR_END,
	TAR_FAILED
};

struct tar_message {
	uint32_t type;
	int32_t code; /* FAILED: -errno */
	uint64_t size; /* ENTRY */
	char name[BUNDLE_TAR_NAME]; /* ENTRY */
	struct error err; /* FAILED */
};

/* The child. */

struct child {
	struct tar_message msg;
	int memfd;
	char buf[READ_CHUNK];
};

static ssize_t child_read(void *data, const void **buf)
{
	struct child *c = data;
	ssize_t n;

	do
		n = read(BUNDLE_JAIL_INPUT, c->buf, sizeof(c->buf));
	while (n < 0 && errno == EINTR);
	*buf = c->buf;
	return n < 0 ? -errno : n;
}

static int child_begin(void *data, const char *name, uint64_t size, struct error *err)
{
	struct child *c = data;

	c->memfd = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->memfd < 0)
		return error_set(err, -errno, name, "no memory file for it");
	c->msg = (struct tar_message){.type = TAR_ENTRY, .size = size};
	snprintf(c->msg.name, sizeof(c->msg.name), "%s", name);
	return 0;
}

static int child_write(void *data, const void *buf, size_t len, struct error *err)
{
	struct child *c = data;
	int r = io_write_all(c->memfd, buf, len);

	return r < 0 ? error_set(err, r, c->msg.name, "cannot be unpacked into memory: %s",
				 strerror(-r))
		     : 0;
}

static int child_end(void *data, struct error *err)
{
	struct child *c = data;
	int r = io_seal(c->memfd);

	if (r >= 0)
		r = io_send_fds(BUNDLE_JAIL_SOCKET, &c->msg, sizeof(c->msg), &c->memfd, 1);
	close(c->memfd);
	return r < 0 ? error_set(err, r, c->msg.name, "cannot be handed on: %s", strerror(-r)) : 0;
}

static _Noreturn void child_main(int tarfd, int sock, uint64_t size, uint64_t limit)
{
	static struct child c;
	const struct bundle_tar_source source = {.read = child_read, .data = &c, .size = size};
	const struct bundle_tar_sink sink = {
		.begin = child_begin, .write = child_write, .end = child_end, .data = &c};
	struct tar_message last = {.type = TAR_END};
	int r = bundle_jail_enter(tarfd, sock, limit < JOB_JSON_MAX ? JOB_JSON_MAX : limit,
				  &last.err);
	int out = r < 0 ? sock : BUNDLE_JAIL_SOCKET;

	if (r >= 0)
		r = bundle_tar_read(&source, &sink, limit, &last.err);
	if (r < 0) {
		last.type = TAR_FAILED;
		last.code = r;
	}
	_exit(io_send_fds(out, &last, sizeof(last), NULL, 0) < 0);
}

/* The parent. */

/* Return: bytes of the packet, 0 at the end, -errno; *@fd: the descriptor with it, or -1. */
static ssize_t receive(int sock, struct tar_message *msg, int *fd)
{
	unsigned int had = 1;
	ssize_t n;

	*fd = -1;
	n = io_recv_fds(sock, msg, sizeof(*msg), 0, fd, &had);
	if (!had)
		*fd = -1;
	if (n == -EMSGSIZE || (n > 0 && n != sizeof(*msg)))
		return -EPROTO;
	return n;
}

static int take_job(struct bundle_parts *parts, int fd, uint64_t size, struct error *err)
{
	if (parts->json || size > JOB_JSON_MAX)
		return error_set(err, -EPROTO, BUNDLE_TAR_JOB, "the tar reader misbehaved");
	parts->json = malloc(size + 1);
	if (!parts->json)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	parts->json_len = size;
	if (pread(fd, parts->json, size, 0) != (ssize_t)size)
		return error_set(err, -EIO, BUNDLE_TAR_JOB, "cannot be read");
	parts->json[size] = '\0';
	return 0;
}

/* Takes @fd over when it returns 0. */
static int take_blob(struct bundle_parts *parts, const char *name, int fd, uint64_t size,
		     struct error *err)
{
	struct bundle_part *p = &parts->blobs[parts->n];
	char where[BUNDLE_TAR_NAME + sizeof("blobs/")], found[SHA256_HEX + 1];
	uint8_t wanted[SHA256_SIZE];
	int r;

	snprintf(where, sizeof(where), "blobs/%s", name);
	if (parts->n == BUNDLE_BLOBS_MAX || strlen(name) != SHA256_HEX ||
	    hex_decode(wanted, name, SHA256_SIZE) < 0)
		return error_set(err, -EPROTO, NULL, "the tar reader misbehaved");
	for (uint32_t i = 0; i < parts->n; i++)
		if (!strcmp(parts->blobs[i].ref, name))
			return error_set(err, -EPROTO, where, "the tar reader misbehaved");
	r = sha256_fd(fd, p->sha256);
	if (r < 0)
		return error_set(err, r, where, "cannot be read: %s", strerror(-r));
	hex_encode(found, p->sha256, SHA256_SIZE);
	if (memcmp(wanted, p->sha256, SHA256_SIZE))
		return error_set(err, -EINVAL, where,
				 "its bytes have the SHA-256 %s, not %s as its name says", found,
				 name);
	memcpy(p->ref, name, SHA256_HEX + 1);
	p->size = size;
	p->fd = fd;
	parts->n++;
	return 0;
}

static int take_entry(struct bundle_parts *parts, struct tar_message *msg, int *fd, uint64_t *left,
		      struct error *err)
{
	bool job = !strcmp(msg->name, BUNDLE_TAR_JOB);
	struct stat st;
	int r;

	if (*fd < 0 || fstat(*fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != msg->size || fcntl(*fd, F_GET_SEALS) != SEALS ||
	    (!job && msg->size > *left))
		return error_set(err, -EPROTO, NULL, "the tar reader misbehaved");
	if (job)
		return take_job(parts, *fd, msg->size, err);
	*left -= msg->size;
	r = take_blob(parts, msg->name, *fd, msg->size, err);
	if (r >= 0)
		steal_fd(fd);
	return r;
}

static int take_failure(struct tar_message *msg, struct error *err)
{
	char where[sizeof(msg->err.where)], what[sizeof(msg->err.what)];

	msg->err.where[sizeof(msg->err.where) - 1] = '\0';
	msg->err.what[sizeof(msg->err.what) - 1] = '\0';
	return error_set(err, msg->code < 0 && msg->code >= -ERRNO_MAX ? msg->code : -EPROTO,
			 json_read_clean(where, sizeof(where), msg->err.where), "%s",
			 json_read_clean(what, sizeof(what), msg->err.what));
}

/* Return: 0 when all came; 1 when the child fell silent; -errno. */
static int take_all(struct bundle_parts *parts, int sock, uint64_t limit, struct error *err)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct tar_message msg;
		ssize_t n = receive(sock, &msg, &fd);
		int r = 0;

		if (n <= 0)
			return n < 0 ? error_set(err, (int)n, NULL, "the tar reader misbehaved")
				     : 1;
		msg.name[sizeof(msg.name) - 1] = '\0';
		if (msg.type == TAR_END)
			return 0;
		if (msg.type == TAR_FAILED)
			return take_failure(&msg, err);
		r = take_entry(parts, &msg, &fd, &limit, err);
		if (r < 0)
			return r;
	}
}

static int explain_silence(int status, struct error *err)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return error_set(err, -EFBIG, NULL, "takes too long to unpack; is it a bomb?");
	if (WIFSIGNALED(status))
		return error_set(err, -EINVAL, NULL, "the tar reader was ended by signal %d",
				 WTERMSIG(status));
	return error_set(err, -EINVAL, NULL, "the tar reader ended with status %d",
			 WEXITSTATUS(status));
}

int bundle_tar_receive(struct bundle_parts *parts, int tarfd, uint64_t limit, struct error *err)
{
	_cleanup_close_ int ours = -1;
	_cleanup_close_ int theirs = -1;
	int pair[2], status = 0, r;
	struct stat st;
	pid_t pid;

	if (fstat(tarfd, &st) < 0)
		return error_set(err, -errno, NULL, "%s", strerror(errno));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, -errno, NULL, "no socket pair: %s", strerror(errno));
	ours = pair[0];
	theirs = pair[1];
	pid = fork();
	if (pid < 0)
		return error_set(err, -errno, NULL, "no process for the tar reader: %s",
				 strerror(errno));
	if (pid == 0)
		child_main(tarfd, theirs, (uint64_t)st.st_size, limit);
	close(steal_fd(&theirs));
	r = take_all(parts, ours, limit, err);
	/* It has nothing more to say; one that is ending already keeps its own status. */
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r > 0 ? explain_silence(status, err) : r;
}
