/* SPDX-License-Identifier: MIT */
/* Packets on the control socket; see control.h. */
#include "broker/worker/control.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libbroker/util/io.h"

int control_send(int sock, const struct worker_msg *msg)
{
	ssize_t n;

	do
		n = send(sock, msg, sizeof(*msg), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int control_receive(int sock, struct worker_msg *msg, struct control_fds *fds)
{
	ssize_t n;

	fds->n = CONTROL_FDS_MAX;
	n = io_recv_fds(sock, msg, sizeof(*msg), 0, fds->fd, &fds->n);
	if (n == 0 || n == -ECONNRESET)
		return -EPIPE;
	if (n < 0 && n != -EMSGSIZE)
		return (int)n;
	if (n != sizeof(*msg)) {
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
