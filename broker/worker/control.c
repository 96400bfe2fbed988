/* SPDX-License-Identifier: MIT */
/* Packets on the control socket; see control.h. */
#include "broker/worker/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int control_send(int sock, const struct worker_msg *msg)
{
	ssize_t n;

	do
		n = send(sock, msg, sizeof(*msg), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *m, struct control_fds *fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		unsigned int n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (unsigned int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		if (n > CONTROL_FDS_MAX - fds->n)
			n = CONTROL_FDS_MAX - fds->n;
		memcpy(fds->fd + fds->n, CMSG_DATA(c), n * sizeof(int));
		fds->n += n;
	}
}

int control_receive(int sock, struct worker_msg *msg, struct control_fds *fds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = msg, .iov_len = sizeof(*msg)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.buf,
			   .msg_controllen = sizeof(control.buf)};
	ssize_t n;

	fds->n = 0;
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&m, fds);
	if (n == 0)
		return -EPIPE;
	if ((size_t)n != sizeof(*msg) || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		control_fds_close(fds);
		return -EPROTO;
	}
	return 0;
}

void control_fds_close(struct control_fds *fds)
{
	while (fds->n) {
		int fd = fds->fd[--fds->n];

		if (fd >= 0)
			close(fd);
	}
}
