/* SPDX-License-Identifier: MIT */
/* Kernel uevents; see uevent.h. Nothing of a message but its subsystem is used. */
#include "broker/sources/uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "libbroker/util/cleanup.h"

#define UEVENT_GROUP_KERNEL 1
#define UEVENT_RCVBUF       (256 << 10)
#define UEVENTS_A_CALL      64

struct uevent {
	struct nl_sock *sock;
	struct loop_watch *watch;
	const char *subsystem;
	uevent_fn fn;
	void *data;
};

const char *uevent_value(const char *buf, size_t len, const char *key)
{
	size_t key_len = strlen(key);

	while (len) {
		const char *end = memchr(buf, '\0', len);
		size_t n;

		if (!end)
			return NULL;
		n = (size_t)(end - buf);
		if (n > key_len && buf[key_len] == '=' && !memcmp(buf, key, key_len))
			return buf + key_len + 1;
		buf += n + 1;
		len -= n + 1;
	}
	return NULL;
}

/* Returns 1 for a message that concerns us, 0 for another, -errno when there is none. */
static int uevent_take(struct uevent *u)
{
	struct sockaddr_nl from = {};
	_cleanup_free_ struct ucred *creds = NULL;
	_cleanup_free_ unsigned char *buf = NULL;
	const char *subsystem;
	int n = nl_recv(u->sock, &from, &buf, &creds);

	if (n == -NLE_NOMEM || n == -NLE_MSG_TRUNC)
		return 1; /* something was lost: it may have been ours */
	if (n <= 0)
		return -EAGAIN;
	if (from.nl_pid != 0 || !creds || creds->uid != 0)
		return 0;
	subsystem = uevent_value((const char *)buf, (size_t)n, "SUBSYSTEM");
	return subsystem && !strcmp(subsystem, u->subsystem);
}

static void uevent_ready(void *data, int fd, int events)
{
	struct uevent *u = data;
	bool ours = false;

	for (int i = 0; i < UEVENTS_A_CALL; i++) {
		int r = uevent_take(u);

		if (r < 0)
			break;
		ours |= r;
	}
	if (ours)
		u->fn(u->data);
}

void uevent_free(struct uevent *u)
{
	if (!u)
		return;
	loop_unwatch(u->watch);
	if (u->sock)
		nl_socket_free(u->sock);
	free(u);
}

DEFINE_CLEANUP(struct uevent, uevent, uevent_free)

int uevent_new(struct uevent **out, struct loop *loop, const char *subsystem, uevent_fn fn,
	       void *data)
{
	_cleanup_(cleanup_ueventp) struct uevent *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->subsystem = subsystem;
	u->fn = fn;
	u->data = data;
	u->sock = nl_socket_alloc();
	if (!u->sock)
		return -ENOMEM;
	if (nl_connect(u->sock, NETLINK_KOBJECT_UEVENT) < 0)
		return -EPROTONOSUPPORT;
	if (nl_socket_add_membership(u->sock, UEVENT_GROUP_KERNEL) < 0 ||
	    nl_socket_set_nonblocking(u->sock) < 0 || nl_socket_set_passcred(u->sock, 1) < 0)
		return -EPERM;
	nl_socket_set_buffer_size(u->sock, UEVENT_RCVBUF, 0);
	r = loop_watch(loop, nl_socket_get_fd(u->sock), POLLIN, uevent_ready, u, &u->watch);
	if (r < 0)
		return r;
	*out = steal_ptr(u);
	return 0;
}
