/* SPDX-License-Identifier: MIT */
/*
 * Who is calling: the uid and the groups that the kernel noted when the peer connected.
 *
 * root, the daemon's own uid and group broker-admin administer; group broker has jobs. Where
 * the groups do not exist, only the first two have rights; all others may look.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"

#define NO_GROUP      ((gid_t)-1)
#define PEER_GIDS_MAX 65536

static gid_t group_find(const char *name)
{
	const struct group *g = getgrnam(name);

	return g ? g->gr_gid : NO_GROUP;
}

void peer_groups_find(struct api_groups *out)
{
	out->broker = group_find("broker");
	out->admin = group_find("broker-admin");
}

/* Returns how many; *@out is the caller's. */
static int peer_gids(int fd, gid_t **out)
{
	_cleanup_free_ gid_t *gids = NULL;
	socklen_t len = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	if (len > PEER_GIDS_MAX * sizeof(gid_t))
		return -E2BIG;
	gids = malloc(len);
	if (!gids)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) < 0)
		return -errno;
	*out = steal_ptr(gids);
	return (int)(len / sizeof(gid_t));
}

static void raise_right(struct api_peer *peer, const struct api_groups *groups, gid_t gid)
{
	if (gid == NO_GROUP)
		return;
	if (gid == groups->admin)
		peer->right = API_RIGHT_ADMIN;
	else if (gid == groups->broker && peer->right < API_RIGHT_JOBS)
		peer->right = API_RIGHT_JOBS;
}

int peer_identify(int fd, const struct api_groups *groups, struct api_peer *out)
{
	_cleanup_free_ gid_t *gids = NULL;
	socklen_t len = sizeof(struct ucred);
	struct ucred cred;
	int n;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	*out = (struct api_peer){.pid = cred.pid, .uid = cred.uid, .right = API_RIGHT_LOOK};
	if (cred.uid == 0 || cred.uid == geteuid()) {
		out->right = API_RIGHT_ADMIN;
		return 0;
	}
	n = peer_gids(fd, &gids);
	if (n < 0)
		return n;
	raise_right(out, groups, cred.gid);
	for (int i = 0; i < n; i++)
		raise_right(out, groups, gids[i]);
	return 0;
}
