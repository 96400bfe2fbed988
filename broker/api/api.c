/* SPDX-License-Identifier: MIT */
/*
 * Listening, and who may connect; see api.h and api_internal.h.
 *
 * The socket's mode is 0666: whoever can reach it may look (the owner's desktop shows the gate),
 * and each method asks for the rights it needs, by the peer's credentials. A user without
 * administration has at most a quarter of the connections.
 */
#include "broker/api/api.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "libbroker/util/log.h"

#define BACKLOG         128
#define ACCEPTS_A_ROUND 16
#define SOCKET_MODE     0666

DEFINE_CLEANUP(struct api, api, api_free)
#define _cleanup_api_ _cleanup_(cleanup_apip)

void api_want_turn(struct client *c)
{
	if (!c->in_turn) {
		c->in_turn = true;
		c->turn_next = c->api->turn_list;
		c->api->turn_list = c;
	}
	loop_timer_at(c->api->turn, 0);
}

void api_want_tick(struct api *api)
{
	loop_timer_at(api->tick, clock_now_ns() + API_TICK_NS);
}

static void forget_user(struct api *api, struct api_user *user)
{
	struct api_user **at = &api->users;

	if (user->clients)
		return;
	while (*at != user)
		at = &(*at)->next;
	*at = user->next;
	free(user);
}

static void forget_turn(struct api *api, const struct client *c)
{
	struct client **at = &api->turn_list;

	while (*at && *at != c)
		at = &(*at)->turn_next;
	if (*at)
		*at = c->turn_next;
}

static void on_turn(void *data)
{
	struct api *api = data;
	struct client *list = steal_ptr(api->turn_list), *c, *next;

	/* Those that want another turn get it in the next round. */
	for (c = list; c; c = next) {
		struct api_user *user = c->user;

		next = c->turn_next;
		c->in_turn = false;
		if (!c->dead)
			client_turn(c);
		if (!c->dead)
			continue;
		forget_turn(api, c);
		client_free(c);
		forget_user(api, user);
	}
}

static void on_tick(void *data)
{
	struct api *api = data;
	uint64_t now = clock_now_ns();
	bool again = false;

	for (struct client *c = api->clients; c; c = c->next) {
		if (!client_needs_tick(c))
			continue;
		client_tick(c, now);
		again = true;
	}
	if (api->accept_paused) {
		api->accept_paused = false;
		loop_watch_events(api->watch, POLLIN);
	}
	if (again)
		api_want_tick(api);
}

static struct api_user *find_user(struct api *api, uid_t uid)
{
	struct api_user *user = api->users;

	while (user && user->uid != uid)
		user = user->next;
	if (user)
		return user;
	user = calloc(1, sizeof(*user));
	if (!user)
		return NULL;
	user->uid = uid;
	user->next = api->users;
	api->users = user;
	return user;
}

static const char *may_connect(const struct api *api, const struct api_peer *peer,
			       const struct api_user *user)
{
	uint32_t share = api->max_clients / 4 ? api->max_clients / 4 : 1;

	if (peer->right == API_RIGHT_ADMIN)
		return api->n_clients < api->max_clients + API_RESERVED_CLIENTS
			       ? NULL
			       : "all connections are taken";
	if (api->n_clients >= api->max_clients)
		return "all connections are taken (limits.max_clients)";
	if (user->clients >= share)
		return "its user has a quarter of all connections already";
	return NULL;
}

static void refuse(struct api *api, const struct api_peer *peer, const char *why)
{
	uint64_t now = clock_now_ns();

	if (now - api->refused_told_ns < NS_PER_S)
		return;
	api->refused_told_ns = now;
	log_warning("a connection was refused", LOG_UINT("uid", peer->uid), LOG_STR("why", why));
}

static void take_client(struct api *api, int accepted)
{
	_cleanup_close_ int fd = accepted;
	struct api_user *user;
	struct api_peer peer;
	const char *why;

	if (peer_identify(fd, &api->groups, &peer) < 0)
		return;
	user = find_user(api, peer.uid);
	if (!user)
		return;
	why = may_connect(api, &peer, user);
	if (why)
		refuse(api, &peer, why);
	else if (client_new(api, fd, &peer, user) == 0)
		steal_fd(&fd);
	forget_user(api, user);
}

static void on_connection(void *data, int fd, int events)
{
	struct api *api = data;

	for (int i = 0; i < ACCEPTS_A_ROUND; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client < 0)
			break;
		take_client(api, client);
		errno = 0;
	}
	if (!errno || errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	/* Out of descriptors or memory: the connection would be reported again and again. */
	log_warning("connections wait", LOG_STR("why", strerror(errno)));
	api->accept_paused = true;
	loop_watch_events(api->watch, 0);
	api_want_tick(api);
}

/*
 * Whoever holds the lock beside the socket has the socket. Asking the socket itself would be
 * wrong: the kernel takes a killed brokerd's ring apart a little after its end, and until then its
 * socket still takes connections.
 */
static int take_lock(struct api *api, struct error *err)
{
	char path[CONFIG_PATH_MAX + 8];
	int r;

	snprintf(path, sizeof(path), "%s.lock", api->path);
	api->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (api->lock < 0)
		return error_set(err, -errno, path, "cannot make the socket's lock: %s",
				 strerror(errno));
	r = io_lock(api->lock, IO_LOCK_PATIENCE_MS);
	if (r == 0)
		return 0;
	if (r != -EWOULDBLOCK)
		return error_set(err, r, path, "cannot lock the socket: %s", strerror(-r));
	return error_set(err, -EADDRINUSE, api->path,
			 "another brokerd listens here; stop it, or set [broker] socket");
}

static int make_folder(const char *path, struct error *err)
{
	_cleanup_free_ char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return error_set(err, -ENOMEM, path, "out of memory");
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	/* brokerd's umask would keep everybody but root from the socket. */
	if ((mkdir(folder, 0755) < 0 || chmod(folder, 0755) < 0) && errno != EEXIST)
		return error_set(err, -errno, folder, "cannot make this folder for the socket: %s",
				 strerror(errno));
	return 0;
}

static int bind_name(struct api *api, const struct sockaddr_un *addr, struct error *err)
{
	const struct sockaddr *sa = (const struct sockaddr *)addr;
	struct stat st;
	int r;

	r = bind(api->fd, sa, sizeof(*addr)) < 0 ? -errno : 0;
	if (r == -EADDRINUSE) {
		if (lstat(api->path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return error_set(err, -EEXIST, api->path,
					 "this is in the way of the socket; remove it, or set "
					 "[broker] socket");
		unlink(api->path);
		r = bind(api->fd, sa, sizeof(*addr)) < 0 ? -errno : 0;
	}
	if (r < 0)
		return error_set(err, r, api->path, "cannot make the socket: %s", strerror(-r));
	if (chmod(api->path, SOCKET_MODE) < 0 || lstat(api->path, &st) < 0)
		return error_set(err, -errno, api->path, "cannot open the socket to all users: %s",
				 strerror(errno));
	api->inode = st.st_ino;
	return 0;
}

static int open_socket(struct api *api, struct error *err)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int r;

	if (strlen(api->path) >= sizeof(addr.sun_path))
		return error_set(err, -ENAMETOOLONG, api->path,
				 "a socket's name has at most %zu bytes",
				 sizeof(addr.sun_path) - 1);
	strcpy(addr.sun_path, api->path);
	r = make_folder(api->path, err);
	if (r == 0)
		r = take_lock(api, err);
	if (r < 0)
		return r;
	api->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (api->fd < 0)
		return error_set(err, -errno, api->path, "cannot make a socket: %s",
				 strerror(errno));
	r = bind_name(api, &addr, err);
	if (r < 0)
		return r;
	if (listen(api->fd, BACKLOG) < 0)
		return error_set(err, -errno, api->path, "cannot listen: %s", strerror(errno));
	return 0;
}

int api_new(struct api **out, struct loop *loop, struct broker *broker, const char *path,
	    uint32_t max_clients, struct error *err)
{
	_cleanup_api_ struct api *api = calloc(1, sizeof(*api));
	int r;

	if (!api)
		return error_set(err, -ENOMEM, path, "out of memory");
	api->fd = -1;
	api->lock = -1;
	api->loop = loop;
	api->broker = broker;
	api->max_clients = max_clients;
	api->started_ns = clock_now_ns();
	api->path = strdup(path);
	if (!api->path || loop_timer_new(loop, on_turn, api, &api->turn) < 0 ||
	    loop_timer_new(loop, on_tick, api, &api->tick) < 0)
		return error_set(err, -ENOMEM, path, "out of memory");
	peer_groups_find(&api->groups);
	r = open_socket(api, err);
	if (r < 0)
		return r;
	r = loop_watch(loop, api->fd, POLLIN, on_connection, api, &api->watch);
	if (r < 0)
		return error_set(err, r, path, "cannot watch the socket: %s", strerror(-r));
	*out = steal_ptr(api);
	return 0;
}

void api_free(struct api *api)
{
	struct api_user *user;
	struct call *call;
	struct stat st;

	if (!api)
		return;
	while (api->clients)
		client_free(api->clients);
	for (; (user = api->users); free(user))
		api->users = user->next;
	/* What waits for the store ends when that tells it; there is nobody to tell then. */
	while ((call = api->calls)) {
		api->calls = call->all_next;
		call->all_prev = NULL;
		call->api = NULL;
	}
	loop_unwatch(api->watch);
	loop_timer_free(api->turn);
	loop_timer_free(api->tick);
	if (api->fd >= 0)
		close(api->fd);
	if (api->inode && lstat(api->path, &st) == 0 && st.st_ino == api->inode)
		unlink(api->path);
	if (api->lock >= 0)
		close(api->lock); /* after the name is gone; the next one may have it now */
	free(api->path);
	free(api);
}

uint32_t api_clients(const struct api *api)
{
	return api->n_clients;
}
