/* SPDX-License-Identifier: MIT */
/*
 * Handing in a bundle: ask which blobs the broker lacks, pass those alone, and only then count
 * on an id. A blob that vanished from the spool between the two calls is named by the broker in
 * its refusal; it is passed then.
 *
 * The broker reads passed files on its own time, so one that lies on a network or FUSE file
 * system (whose server could stall every reader) is copied to sealed memory first. So are all when
 * it refuses one: a file on a mount of ours may be none of its own, if it runs in a mount namespace
 * (as a service with ProtectSystem= does) or we do.
 */
#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "libbroker/client.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define SUBMIT_TRIES 3
#define COPY_CHUNK   (256u << 10)

struct submission {
	const struct bundle *bundle;
	bool copy_all;
	bool missing[VARLINK_FDS_MAX];
	int copies[VARLINK_FDS_MAX]; /* sealed memory files, -1 where the blob's own will do */
};

static void submission_deinit(struct submission *s)
{
	for (uint32_t i = 0; i < s->bundle->n_blobs; i++)
		if (s->copies[i] >= 0)
			close(s->copies[i]);
}

static bool is_remote(int fd)
{
	static const long kinds[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  SMB2_SUPER_MAGIC,
				     CIFS_SUPER_MAGIC, V9FS_MAGIC,       CEPH_SUPER_MAGIC,
				     AFS_SUPER_MAGIC,  CODA_SUPER_MAGIC, FUSE_SUPER_MAGIC};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if ((unsigned int)fs.f_type == (unsigned int)kinds[i])
			return true;
	return false;
}

static int copy_sealed(int from)
{
	_cleanup_close_ int fd = io_memfd("idlebroker-blob", NULL, 0);
	_cleanup_free_ char *buf = malloc(COPY_CHUNK);
	off_t at = 0;
	int err;

	if (fd < 0)
		return fd;
	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(from, buf, COPY_CHUNK, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		err = io_write_all(fd, buf, (size_t)n);
		if (err < 0)
			return err;
		at += n;
	}
	err = io_seal(fd);
	return err < 0 ? err : steal_fd(&fd);
}

static json_t *hash_json(const struct bundle_blob *blob)
{
	char hex[SHA256_HEX + 1];

	hex_encode(hex, blob->sha256, SHA256_SIZE);
	return json_string(hex);
}

/* Those of @hashes count as missing from now on. Return: how many were marked anew. */
static unsigned int mark_missing(struct submission *s, const json_t *hashes)
{
	unsigned int marked = 0;

	for (size_t i = 0; i < json_array_size(hashes); i++) {
		const char *hex = json_string_value(json_array_get(hashes, i));
		uint8_t sha256[SHA256_SIZE];

		if (!hex || strlen(hex) != SHA256_HEX || hex_decode(sha256, hex, SHA256_SIZE) < 0)
			continue;
		for (uint32_t k = 0; k < s->bundle->n_blobs; k++) {
			if (memcmp(s->bundle->blobs[k].sha256, sha256, SHA256_SIZE) != 0)
				continue;
			marked += !s->missing[k];
			s->missing[k] = true;
		}
	}
	return marked;
}

static int ask_missing(struct idlebroker *c, struct submission *s)
{
	json_t *hashes = json_array(), *reply = NULL;
	int r;

	if (!s->bundle->n_blobs) {
		json_decref(hashes);
		return 0;
	}
	for (uint32_t i = 0; i < s->bundle->n_blobs; i++)
		json_array_append_new(hashes, hash_json(&s->bundle->blobs[i]));
	r = client_call(c, "MissingBlobs", json_pack("{s:o}", "sha256", hashes), &reply);
	if (!r)
		mark_missing(s, json_object_get(reply, "missing"));
	json_decref(reply);
	return r;
}

static int blob_fd(struct idlebroker *c, struct submission *s, uint32_t i)
{
	int from = s->bundle->blobs[i].fd;

	if (s->copies[i] >= 0)
		return s->copies[i];
	if (!s->copy_all && !is_remote(from))
		return from;
	s->copies[i] = copy_sealed(from);
	if (s->copies[i] < 0)
		return client_fail(c, s->copies[i], "cannot copy blob %u of the bundle: %s", i,
				   strerror(-s->copies[i]));
	return s->copies[i];
}

static int send_submit(struct idlebroker *c, struct submission *s)
{
	json_t *blobs = json_array(), *job;
	int fds[VARLINK_FDS_MAX];
	unsigned int n = 0;

	for (uint32_t i = 0; i < s->bundle->n_blobs; i++) {
		if (!s->missing[i])
			continue;
		fds[n] = blob_fd(c, s, i);
		if (fds[n] < 0) {
			json_decref(blobs);
			return fds[n];
		}
		json_array_append_new(blobs,
				      json_pack("{s:o, s:i}", "sha256",
						hash_json(&s->bundle->blobs[i]), "fd", (int)n));
		n++;
	}
	job = json_stringn(s->bundle->json, s->bundle->json_len);
	return client_send(c, "Submit", json_pack("{s:o, s:o}", "job", job, "blobs", blobs), false,
			   fds, n);
}

static bool files_were_refused(const struct idlebroker *c)
{
	const char *parameter =
		json_string_value(json_object_get(c->error_parameters, "parameter"));

	return !strcmp(c->error_name, "org.varlink.service.InvalidParameter") && parameter &&
	       !strcmp(parameter, "blobs");
}

static int submit_tries(struct idlebroker *c, struct submission *s, uint64_t *id)
{
	int r = ask_missing(c, s);

	for (int try = 0; !r; try++) {
		json_t *reply = NULL;
		json_t *value;

		r = send_submit(c, s);
		if (!r)
			r = client_receive(c, c->timeout_ms, &reply);
		if (r == -ENODATA && try + 1 < SUBMIT_TRIES &&
		    mark_missing(s, json_object_get(c->error_parameters, "sha256"))) {
			r = 0;
			continue;
		}
		if (r == -EINVAL && !s->copy_all && files_were_refused(c)) {
			s->copy_all = true;
			r = 0;
			continue;
		}
		value = json_object_get(reply, "id");
		if (r >= 0 && json_is_integer(value))
			*id = (uint64_t)json_integer_value(value);
		else if (r >= 0)
			r = client_fail(c, -EPROTO, "the broker's answer has no id");
		json_decref(reply);
		return r < 0 ? r : 0;
	}
	return r;
}

int client_submit_bundle(struct idlebroker *c, const struct bundle *bundle, uint64_t *id)
{
	struct submission s = {.bundle = bundle};
	int r;

	if (bundle->n_blobs > VARLINK_FDS_MAX)
		return client_fail(c, -E2BIG, "the bundle has %u blobs; %d may be sent",
				   bundle->n_blobs, VARLINK_FDS_MAX);
	memset(s.copies, -1, sizeof(s.copies));
	r = submit_tries(c, &s, id);
	submission_deinit(&s);
	return r;
}

int idlebroker_submit(struct idlebroker *c, const char *path, uint64_t *id)
{
	struct bundle *bundle = NULL;
	struct error err = {};
	int r = bundle_open(&bundle, path, JOB_MEMORY_MAX, &err);

	if (r < 0)
		return client_fail_with(c, r, &err);
	r = client_submit_bundle(c, bundle, id);
	bundle_free(bundle);
	return r;
}
