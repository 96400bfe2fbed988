/* SPDX-License-Identifier: MIT */
/* Writing and reading checkpoints; see checkpoint.h. */
#include "broker/worker/checkpoint.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1u << 20) /* hashed while it is still in the cache */

struct stream {
	int fd;
	uint64_t at;
	crypto_hash_sha256_state hash;
};

static void stream_start(struct stream *s, int fd)
{
	s->fd = fd;
	s->at = 0;
	crypto_hash_sha256_init(&s->hash);
}

static int put_raw(struct stream *s, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(s->fd, p, len, (off_t)s->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
		s->at += (uint64_t)n;
	}
	return 0;
}

static int put(struct stream *s, const void *data, uint64_t len)
{
	const char *p = data;
	int r = 0;

	for (uint64_t done = 0; r == 0 && done < len;) {
		size_t n = len - done < CHUNK ? (size_t)(len - done) : CHUNK;

		crypto_hash_sha256_update(&s->hash, (const uint8_t *)p + done, n);
		r = put_raw(s, p + done, n);
		done += n;
	}
	return r;
}

static int get_raw(struct stream *s, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = pread(s->fd, p, len, (off_t)s->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		p += n;
		len -= (size_t)n;
		s->at += (uint64_t)n;
	}
	return 0;
}

static int get(struct stream *s, void *data, uint64_t len)
{
	char *p = data;
	int r = 0;

	for (uint64_t done = 0; r == 0 && done < len;) {
		size_t n = len - done < CHUNK ? (size_t)(len - done) : CHUNK;

		r = get_raw(s, p + done, n);
		if (r == 0)
			crypto_hash_sha256_update(&s->hash, (const uint8_t *)p + done, n);
		done += n;
	}
	return r;
}

int checkpoint_write(int fd, const struct checkpoint *c)
{
	struct checkpoint_head head = {.magic = CHECKPOINT_MAGIC,
				       .version = CHECKPOINT_VERSION,
				       .n_parts = c->n_parts,
				       .cursor = c->cursor};
	uint8_t sum[SHA256_SIZE];
	struct stream s;
	int r;

	stream_start(&s, fd);
	memcpy(head.job, c->job, sizeof(head.job));
	r = put(&s, &head, sizeof(head));
	for (uint32_t i = 0; r == 0 && i < c->n_parts; i++) {
		struct checkpoint_part_head part = {.index = c->part[i].index,
						    .size = c->part[i].size};

		r = put(&s, &part, sizeof(part));
		if (r == 0)
			r = put(&s, c->part[i].data, c->part[i].size);
	}
	crypto_hash_sha256_final(&s.hash, sum);
	return r < 0 ? r : put_raw(&s, sum, sizeof(sum));
}

static int damaged(struct error *err, const char *what)
{
	return error_set(err, -EBADMSG, "checkpoint", "%s", what);
}

static int get_head(struct stream *s, struct checkpoint *c, struct error *err)
{
	struct checkpoint_head head;
	int r = get(s, &head, sizeof(head));

	if (r == -EBADMSG)
		return damaged(err, "it is cut short");
	if (r < 0)
		return error_set(err, r, "checkpoint", "reading: %s", strerror(-r));
	if (head.magic != CHECKPOINT_MAGIC || head.version != CHECKPOINT_VERSION)
		return damaged(err, "it is no checkpoint of this version");
	if (memcmp(head.job, c->job, sizeof(head.job)) != 0)
		return error_set(err, -ESTALE, "checkpoint", "it belongs to another job.json");
	if (head.n_parts != c->n_parts)
		return damaged(err, "it has another number of buffers");
	c->cursor = head.cursor;
	return 0;
}

static int get_part(struct stream *s, const struct checkpoint_part *part)
{
	struct checkpoint_part_head head;
	int r = get(s, &head, sizeof(head));

	if (r < 0)
		return r;
	if (head.index != part->index || head.zero || head.size != part->size)
		return -EBADMSG;
	return get(s, part->data, part->size);
}

int checkpoint_read(int fd, struct checkpoint *c, struct error *err)
{
	uint8_t sum[SHA256_SIZE], stored[SHA256_SIZE];
	struct stream s;
	char more;
	int r;

	stream_start(&s, fd);
	r = get_head(&s, c, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; r == 0 && i < c->n_parts; i++)
		r = get_part(&s, &c->part[i]);
	crypto_hash_sha256_final(&s.hash, sum);
	if (r == 0)
		r = get_raw(&s, stored, sizeof(stored));
	if (r < 0 && r != -EBADMSG)
		return error_set(err, r, "checkpoint", "reading: %s", strerror(-r));
	if (r < 0)
		return damaged(err, "it is cut short, or its buffers are not the job's");
	if (sodium_memcmp(sum, stored, sizeof(sum)) != 0 || pread(fd, &more, 1, (off_t)s.at) > 0)
		return damaged(err, "its SHA-256 does not fit");
	return 0;
}
