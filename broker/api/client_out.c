/* SPDX-License-Identifier: MIT */
/*
 * What goes to a client: replies, each with the descriptor that goes along, sent as many at
 * a time as the socket takes. A descriptor must travel with a byte of its own reply, so a
 * reply that has one begins a new sendmsg().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"

#define IOVS_MAX 64

struct api_chunk *chunk_new(json_t *message, int fd)
{
	struct api_chunk *chunk = calloc(1, sizeof(*chunk));

	if (chunk) {
		chunk->fd = fd;
		chunk->data = message ? varlink_encode(message, &chunk->len) : NULL;
	}
	json_decref(message);
	if (!chunk || !chunk->data) {
		if (fd >= 0)
			close(fd);
		free(chunk);
		return NULL;
	}
	return chunk;
}

void chunk_free(struct api_chunk *chunk)
{
	if (!chunk)
		return;
	if (chunk->fd >= 0)
		close(chunk->fd);
	free(chunk->data);
	free(chunk);
}

void client_push_chunk(struct client *c, struct api_chunk *chunk)
{
	chunk->next = NULL;
	*c->out_end = chunk;
	c->out_end = &chunk->next;
	c->out_len += chunk->len;
	if (c->out_len > API_OUTPUT_MAX)
		c->dead = true;
	api_want_turn(c);
}

int client_push(struct client *c, json_t *message, int fd)
{
	struct api_chunk *chunk = chunk_new(message, fd);

	if (!chunk) {
		c->dead = true; /* a reply that is missing would shift all that follow */
		api_want_turn(c);
		return -ENOMEM;
	}
	client_push_chunk(c, chunk);
	return 0;
}

static unsigned int gather(const struct client *c, struct iovec *iov)
{
	unsigned int n = 0;

	for (const struct api_chunk *k = c->out; k && n < IOVS_MAX; k = k->next) {
		size_t sent = n ? 0 : c->out_sent;

		if (n && k->fd >= 0)
			break;
		iov[n++] = (struct iovec){.iov_base = k->data + sent, .iov_len = k->len - sent};
	}
	return n;
}

static void sent(struct client *c, size_t n)
{
	if (c->out->fd >= 0) { /* it went with the first byte */
		close(c->out->fd);
		c->out->fd = -1;
	}
	c->out_len -= n;
	n += c->out_sent;
	while (c->out && n >= c->out->len) {
		struct api_chunk *done = c->out;

		n -= done->len;
		c->out = done->next;
		if (!c->out)
			c->out_end = &c->out;
		chunk_free(done);
	}
	c->out_sent = n;
}

int client_send(struct client *c)
{
	while (c->out) {
		union {
			struct cmsghdr align;
			char buf[CMSG_SPACE(sizeof(int))];
		} control = {};
		struct iovec iov[IOVS_MAX];
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = gather(c, iov)};
		ssize_t n;

		if (c->out->fd >= 0) {
			struct cmsghdr *h;

			msg.msg_control = control.buf;
			msg.msg_controllen = sizeof(control.buf);
			h = CMSG_FIRSTHDR(&msg);
			h->cmsg_level = SOL_SOCKET;
			h->cmsg_type = SCM_RIGHTS;
			h->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(h), &c->out->fd, sizeof(int));
		}
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (!c->stalled_ns) {
				c->stalled_ns = clock_now_ns();
				api_want_tick(c->api);
			}
			return 0;
		}
		if (n < 0)
			return -errno;
		c->stalled_ns = 0;
		sent(c, (size_t)n);
	}
	return 0;
}
