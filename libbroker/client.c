/* SPDX-License-Identifier: MIT */
/*
 * The connection: bytes and descriptors over one Unix socket, one call at a time.
 *
 * A broker that refuses a client says why and then closes, so a failed send does not end a call:
 * the reply is looked for first. A connection whose stream can no longer be trusted (time-out,
 * protocol error) is closed at once, so a late reply is never taken for that of the next call.
 */
#include "libbroker/client.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "libbroker/client_error.h"
#include "libbroker/proto/interface.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

#define RECEIVE_CHUNK (64u << 10)

const char *idlebroker_version(void)
{
	return IDLEBROKER_VERSION;
}

const char *idlebroker_error(const struct idlebroker *c)
{
	return c ? c->error_text : "out of memory";
}

void idlebroker_set_timeout(struct idlebroker *c, int ms)
{
	c->timeout_ms = ms < 0 ? -1 : ms;
}

int idlebroker_get_fd(const struct idlebroker *c)
{
	return c->fd < 0 ? -EBADF : c->fd;
}

int client_fail(struct idlebroker *c, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error_text, sizeof(c->error_text), fmt, ap);
	va_end(ap);
	return code;
}

int client_fail_with(struct idlebroker *c, int code, const struct error *err)
{
	return client_fail(c, code, "%s%s%s", err->where, err->where[0] ? ": " : "", err->what);
}

static void client_drop(struct idlebroker *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	while (c->n_fds)
		close(c->fds[--c->n_fds]);
	varlink_reader_deinit(&c->reader);
	c->watch_fn = NULL;
}

static void forget_error(struct idlebroker *c)
{
	c->error_name[0] = '\0';
	json_decref(c->error_parameters);
	c->error_parameters = NULL;
}

static int connect_to(struct idlebroker *c, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int err;

	if (!len || len >= sizeof(addr.sun_path))
		return client_fail(c, -EINVAL, "%s: a socket's path has 1 to %zu bytes", path,
				   sizeof(addr.sun_path) - 1);
	memcpy(addr.sun_path, path, len);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return 0;
	err = -errno;
	client_drop(c);
	if (err == -EACCES)
		return client_fail(
			c, err, "%s: permission denied: is this user in the group broker?", path);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return client_fail(c, err, "%s: %s: is brokerd running?", path,
				   err == -ENOENT ? "no such socket" : "nobody listens");
	return client_fail(c, err, "%s: %s", path, strerror(-err));
}

int idlebroker_connect(struct idlebroker **out, const char *path)
{
	struct idlebroker *c = calloc(1, sizeof(*c));

	*out = c;
	if (!c)
		return -ENOMEM;
	c->fd = -1;
	c->timeout_ms = -1;
	varlink_reader_init(&c->reader);
	if (!path)
		path = secure_getenv("IDLEBROKER_SOCKET");
	return connect_to(c, path && *path ? path : IDLEBROKER_SOCKET);
}

void idlebroker_close(struct idlebroker *c)
{
	if (!c)
		return;
	client_drop(c);
	forget_error(c);
	free(c);
}

/* The descriptors go with the first byte. Return: 0 or -errno. */
static int send_bytes(int sock, const char *data, size_t len, const int *fds, unsigned int n_fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(VARLINK_FDS_MAX * sizeof(int))];
	} control = {};

	while (len) {
		struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n;

		if (n_fds) {
			msg.msg_control = control.buf;
			msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
			control.align.cmsg_level = SOL_SOCKET;
			control.align.cmsg_type = SCM_RIGHTS;
			control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
			memcpy(CMSG_DATA(&control.align), fds, n_fds * sizeof(int));
		}
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		n_fds = 0;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int client_send(struct idlebroker *c, const char *method, json_t *parameters, bool more,
		const int *fds, unsigned int n_fds)
{
	_cleanup_free_ char *bytes = NULL;
	json_t *message;
	size_t len;
	int err;

	forget_error(c);
	while (c->n_fds) /* of replies whose descriptors nobody took */
		close(c->fds[--c->n_fds]);
	if (c->watch_fn || c->fd < 0 || n_fds > VARLINK_FDS_MAX) {
		json_decref(parameters);
		return c->fd < 0     ? client_fail(c, -ECONNRESET, "the connection is closed")
		       : c->watch_fn ? client_fail(c, -EBUSY, "the connection is watching")
				     : client_fail(c, -E2BIG, "too many descriptors");
	}
	message = json_pack("{s:s+, s:o*, s:b}", "method", INTERFACE_NAME ".", method, "parameters",
			    parameters, "more", more);
	bytes = message && parameters ? varlink_encode(message, &len) : NULL;
	json_decref(message);
	if (!bytes)
		return client_fail(c, -ENOMEM, "out of memory");
	if (len > VARLINK_MESSAGE_MAX)
		return client_fail(c, -EMSGSIZE, "the call would have %zu bytes; %u may be sent",
				   len, VARLINK_MESSAGE_MAX);
	err = send_bytes(c->fd, bytes, len, fds, n_fds);
	if (err == -EPIPE || err == -ECONNRESET)
		return 0;
	return err ? client_fail(c, err, "cannot send: %s", strerror(-err)) : 0;
}

static int keep_fds(struct idlebroker *c, struct msghdr *msg)
{
	int result = msg->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR(msg, m)) {
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
			if (c->n_fds < CLIENT_FDS_MAX) {
				c->fds[c->n_fds++] = fd;
			} else {
				close(fd);
				result = -EPROTO;
			}
		}
	}
	return result;
}

/* What has arrived goes into the reader. Return: 1; 0 at the end of the stream; -errno. */
static int receive_bytes(struct idlebroker *c)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(CLIENT_FDS_MAX * sizeof(int))];
	} control;
	char data[4096];
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};

	for (size_t got = 0; got < RECEIVE_CHUNK;) {
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control.buf,
				     .msg_controllen = sizeof(control.buf)};
		ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		int err;

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return 1;
		if (n < 0)
			return got ? 1 : errno == ECONNRESET ? 0 : -errno;
		if (n == 0)
			return got ? 1 : 0;
		err = keep_fds(c, &msg);
		if (!err)
			err = varlink_reader_push(&c->reader, data, (size_t)n);
		if (err)
			return err;
		got += (size_t)n;
	}
	return 1;
}

/* Return: 1 with a message, or -errno with words. */
static int receive_message(struct idlebroker *c, int timeout_ms, json_t **out)
{
	uint64_t until = clock_now_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * NS_PER_MS;
	struct error err;

	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		uint64_t now;
		int r = varlink_reader_next(&c->reader, out, &err);

		if (r == 1)
			return 1;
		if (r < 0)
			return client_fail(c, -EPROTO, "the broker's answer is damaged: %s",
					   err.what);
		r = poll(&p, 1, timeout_ms);
		if (r < 0 && (errno != EINTR || c->watch_fn))
			return client_fail(c, -errno, "cannot wait: %s", strerror(errno));
		if (r == 0)
			return client_fail(c, -ETIMEDOUT, "the broker does not answer");
		if (r > 0) {
			r = receive_bytes(c);
			if (r == 0)
				return client_fail(c, -ECONNRESET,
						   "the broker closed the connection");
			if (r < 0)
				return client_fail(c, -EPROTO, "cannot receive: %s", strerror(-r));
		}
		now = clock_now_ns();
		if (timeout_ms >= 0)
			timeout_ms = now < until ? (int)((until - now + NS_PER_MS - 1) / NS_PER_MS)
						 : 0;
	}
}

int client_receive(struct idlebroker *c, int timeout_ms, json_t **out)
{
	struct varlink_reply reply;
	json_t *message = NULL;
	struct error err;
	int r;

	if (c->fd < 0)
		return client_fail(c, -ECONNRESET, "the connection is closed");
	r = receive_message(c, timeout_ms, &message);
	if (r == 1 && varlink_reply_parse(&reply, message, &err) < 0)
		r = client_fail(c, -EPROTO, "the broker's answer is damaged: %s: %s", err.where,
				err.what);
	if (r < 0) {
		json_decref(message);
		if (!c->watch_fn || (r != -ETIMEDOUT && r != -EINTR))
			client_drop(c);
		return r;
	}
	if (reply.error) {
		r = client_error_reply(c, reply.error, reply.parameters);
		c->error_parameters = json_incref(reply.parameters);
	} else {
		*out = reply.parameters ? json_incref(reply.parameters) : json_object();
		r = reply.continues;
	}
	json_decref(message);
	return r;
}

int client_call(struct idlebroker *c, const char *method, json_t *parameters, json_t **out)
{
	json_t *reply = NULL;
	int r = client_send(c, method, parameters, false, NULL, 0);

	if (!r)
		r = client_receive(c, c->timeout_ms, &reply);
	if (r == 1) {
		json_decref(reply);
		client_drop(c);
		return client_fail(c, -EPROTO, "the broker answers %s without end", method);
	}
	if (!r && out)
		*out = reply;
	else
		json_decref(reply);
	return r;
}

int client_take_fd(struct idlebroker *c)
{
	int fd;

	if (!c->n_fds)
		return client_fail(c, -EPROTO, "the broker sent no descriptor");
	fd = c->fds[0];
	memmove(c->fds, c->fds + 1, --c->n_fds * sizeof(int));
	return fd;
}
