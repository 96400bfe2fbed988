/* SPDX-License-Identifier: MIT */
/*
 * One connection: bytes and descriptors in, calls started, replies in the order of the calls.
 *
 * Reading pauses while a message waits that must not start yet, so a client that sends faster
 * than it is served, or does not read its replies, waits in its own socket. The poll of a
 * paused client still tells when it hangs up. io_uring reports a half-closed peer without
 * end, so such a client is not polled unless it is read; a slow tick looks after it.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define SCM_FDS_MAX 253 /* the kernel's limit for one message */

static void on_event(void *data, int fd, int events);

int client_new(struct api *api, int fd, const struct api_peer *peer, struct api_user *user)
{
	struct client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	*c = (struct client){.api = api, .fd = fd, .user = user, .peer = *peer, .starved = true};
	c->calls_end = &c->calls;
	c->out_end = &c->out;
	varlink_reader_init(&c->reader);
	r = loop_watch(api->loop, fd, POLLIN, on_event, c, &c->watch);
	if (r < 0) {
		free(c);
		return r;
	}
	c->next = api->clients;
	c->prev = &api->clients;
	if (c->next)
		c->next->prev = &c->next;
	api->clients = c;
	api->n_clients++;
	user->clients++;
	return 0;
}

void client_charge_fds(struct client *c, int32_t n)
{
	c->user->fds = (uint32_t)((int32_t)c->user->fds + n);
}

static void account_input(struct client *c)
{
	size_t now = c->reader.len - c->reader.start;

	c->user->input += now - c->input;
	c->input = now;
}

static void free_calls(struct client *c)
{
	struct call *call, *next;

	for (call = c->calls; call; call = next) {
		next = call->next;
		if (!call->busy) {
			call_free(call);
			continue;
		}
		client_charge_fds(c, -(int32_t)call->n_fds);
		call->client = NULL;
		if (call->abandoned)
			call->abandoned(call);
	}
	call_free(c->waiting);
}

void client_free(struct client *c)
{
	struct api_chunk *next;

	free_calls(c);
	for (; c->out; c->out = next) {
		next = c->out->next;
		chunk_free(c->out);
	}
	for (uint32_t i = 0; i < c->n_fds; i++)
		if (c->fds[i] >= 0)
			close(c->fds[i]);
	client_charge_fds(c, -(int32_t)c->n_fds);
	free(c->fds);
	free(c->refused_why);
	varlink_reader_deinit(&c->reader);
	account_input(c);
	loop_unwatch(c->watch);
	close(c->fd);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->api->n_clients--;
	c->user->clients--;
	free(c);
}

static void drop(struct client *c, const char *why)
{
	if (c->dead)
		return;
	log_warning("a client was dropped", LOG_UINT("uid", c->peer.uid), LOG_STR("why", why));
	c->dead = true;
}

/* A descriptor that was refused keeps its place, so that the others keep theirs. */
static int keep_fd(struct client *c, int fd)
{
	struct error err = {};

	if (passed_fd_check(fd, c->peer.pid, &err) < 0) {
		passed_fd_close(fd);
		free(c->refused_why);
		c->refused_why = strdup(err.what);
		fd = -1;
	}
	if (c->n_fds == c->room_fds) {
		uint32_t room = c->room_fds ? 2 * c->room_fds : 8;
		int *grown = realloc(c->fds, room * sizeof(int));

		if (!grown) {
			if (fd >= 0)
				close(fd);
			return -ENOMEM;
		}
		c->fds = grown;
		c->room_fds = room;
	}
	c->fds[c->n_fds++] = fd;
	client_charge_fds(c, 1);
	return 0;
}

/* All are taken from the message whatever happens, or they would stay open. */
static void take_fds(struct client *c, struct msghdr *msg)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		if (c->n_fds + n > API_FDS_MAX || c->user->fds + n > API_USER_FDS_MAX)
			drop(c, "it passed more descriptors than it may");
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (c->dead)
				passed_fd_close(fd);
			else if (keep_fd(c, fd) < 0)
				drop(c, "out of memory");
		}
	}
}

static void take_bytes(struct client *c, const char *data, size_t len)
{
	int r = varlink_reader_push(&c->reader, data, len);

	account_input(c);
	if (r == -EMSGSIZE)
		drop(c, "its message is too long");
	else if (r < 0)
		drop(c, "out of memory");
	else if (c->peer.right == API_RIGHT_LOOK && c->input > API_STRANGER_INPUT)
		drop(c, "its message is too long for one who may only look");
	else if (c->user->input > API_USER_INPUT_MAX && c->input > API_STRANGER_INPUT)
		drop(c, "its user has too many unfinished messages");
}

static void receive(struct client *c)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(SCM_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = c->api->chunk, .iov_len = sizeof(c->api->chunk)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	/* Who has no use for descriptors has them thrown away by the kernel. */
	if (c->peer.right >= API_RIGHT_JOBS) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
	}
	n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			c->dead = true;
		return;
	}
	if (msg.msg_flags & MSG_CTRUNC)
		drop(c, "it passed descriptors that it may not, or that there is no room for");
	take_fds(c, &msg);
	if (n == 0)
		c->half_closed = true;
	else if (!c->dead)
		take_bytes(c, c->api->chunk, (size_t)n);
}

static bool wants_input(const struct client *c)
{
	return c->starved && !c->half_closed && !c->closing;
}

static void on_event(void *data, int fd, int events)
{
	struct client *c = data;

	if (events < 0) {
		c->dead = true;
	} else if (wants_input(c) && events & (POLLIN | POLLRDHUP | POLLHUP)) {
		receive(c);
		if (c->half_closed && events & POLLHUP)
			c->dead = true;
	} else if (events & (POLLHUP | POLLERR)) {
		c->dead = true;
	}
	if (events > 0 && events & POLLRDHUP)
		c->peer_shut = true;
	api_want_turn(c);
}

static void arm(struct client *c)
{
	uint32_t events = 0;

	if (wants_input(c))
		events |= POLLIN;
	if (!c->peer_shut && !c->half_closed) {
		if (c->stalled_ns)
			events |= POLLOUT;
		if (!events)
			events = POLLERR; /* and with it, always, a hang-up */
	} else {
		api_want_tick(c->api);
	}
	loop_watch_events(c->watch, events);
}

static bool may_start(const struct client *c, const struct call *call)
{
	if (c->out_len > API_OUTPUT_PAUSE)
		return false;
	if (!c->calls)
		return true;
	return call->method && call->method->pipelined && c->calls->method &&
	       c->calls->method->pipelined && c->n_calls < API_CALLS_MAX &&
	       c->calls_fds < API_CALL_FDS_MAX;
}

static void append(struct client *c, struct call *call)
{
	*c->calls_end = call;
	c->calls_end = &call->next;
	c->n_calls++;
}

/* What cannot be understood is answered, in its turn, and is the last that is. */
static void refuse_message(struct client *c, json_t *message, const struct error *err)
{
	struct call *call = call_new(c, message);

	c->closing = true;
	if (!call) {
		c->dead = true;
		return;
	}
	append(c, call);
	call_invalid_why(call, *err->where ? err->where : "message", "%s", err->what);
}

/* The next call, or NULL: there is none yet, or none will come. */
static struct call *next_call(struct client *c, struct varlink_call *parsed)
{
	struct error err = {};
	struct call *call;
	json_t *message;
	bool known;
	int r;

	r = varlink_reader_next(&c->reader, &message, &err);
	account_input(c);
	if (r == 0) {
		c->starved = true;
		return NULL;
	}
	if (r < 0) {
		refuse_message(c, NULL, &err);
		return NULL;
	}
	r = varlink_call_parse(parsed, message, &err);
	if (r < 0) {
		refuse_message(c, message, &err);
		return NULL;
	}
	if (!parsed->parameters) {
		json_object_set_new(message, "parameters", json_object());
		parsed->parameters = json_object_get(message, "parameters");
	}
	call = call_new(c, message);
	if (!call || !parsed->parameters) {
		call_free(call);
		c->dead = true;
		return NULL;
	}
	call->params = parsed->parameters;
	call->more = parsed->more;
	call->oneway = parsed->oneway;
	call->method = method_find(parsed->method, strlen(parsed->method), &known);
	return call;
}

/* Returns how many calls were started. */
static unsigned int take_calls(struct client *c, unsigned int max)
{
	unsigned int n = 0;

	while (n < max && !c->closing && !c->dead) {
		struct varlink_call parsed;
		struct call *call = steal_ptr(c->waiting);

		if (!call) {
			c->starved = false;
			call = next_call(c, &parsed);
		} else {
			parsed.method = json_string_value(json_object_get(call->message, "method"));
		}
		if (!call)
			break;
		if (!may_start(c, call)) {
			c->waiting = call;
			break;
		}
		append(c, call);
		call_start(call, &parsed);
		n++;
	}
	return n;
}

static unsigned int take_replies(struct client *c)
{
	unsigned int n = 0;

	while (c->calls && c->calls->finished) {
		struct call *call = c->calls;

		c->calls = call->next;
		if (!c->calls)
			c->calls_end = &c->calls;
		c->n_calls--;
		c->calls_fds -= call->n_fds;
		if (call->reply)
			client_push_chunk(c, steal_ptr(call->reply));
		call_free(call);
		n++;
	}
	return n;
}

void client_turn(struct client *c)
{
	unsigned int started = 0, n;

	do {
		n = take_replies(c);
		if (client_send(c) < 0) {
			c->dead = true;
			return;
		}
		if (!c->out && c->calls && !c->calls->finished && c->calls->drained)
			c->calls->drained(c->calls);
		if (started < API_TURN_CALLS) {
			unsigned int more = take_calls(c, API_TURN_CALLS - started);

			started += more;
			n += more;
		}
	} while (n && !c->dead);
	if (started >= API_TURN_CALLS && !c->waiting && !c->starved)
		api_want_turn(c);
	if ((c->closing || c->half_closed) && !c->calls && !c->waiting && !c->out && c->starved)
		c->dead = true;
	if (c->closing && !c->calls && !c->out)
		c->dead = true;
	if (!c->dead)
		arm(c);
}

bool client_needs_tick(const struct client *c)
{
	return c->stalled_ns || c->peer_shut || c->half_closed;
}

void client_tick(struct client *c, uint64_t now_ns)
{
	struct pollfd p = {.fd = c->fd};

	if (c->stalled_ns && now_ns - c->stalled_ns > API_STALL_NS)
		drop(c, "it does not read what it asked for");
	if ((c->peer_shut || c->half_closed) && !wants_input(c) && poll(&p, 1, 0) > 0 &&
	    p.revents & (POLLHUP | POLLERR))
		c->dead = true;
	api_want_turn(c);
}
