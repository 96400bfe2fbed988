/* SPDX-License-Identifier: MIT */
/*
 * Blobs: content-addressed, copied and hashed in one pass, durable before they appear.
 * And the sweeps that remove what earlier starts left behind. See spool.h.
 */
#include "broker/store/spool_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/db.h"
#include "libbroker/util/cleanup.h"

#define COPY_CHUNK (256u << 10)
#define BLOB_PATH  (SHA256_HEX + 4) /* ab/abcd… */

static void cleanup_closedirp(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void blob_path(char path[BLOB_PATH], const uint8_t sha256[SHA256_SIZE])
{
	hex_encode(path + 3, sha256, SHA256_SIZE);
	path[0] = path[3];
	path[1] = path[4];
	path[2] = '/';
}

bool spool_has(struct spool *sp, const uint8_t sha256[SHA256_SIZE])
{
	char path[BLOB_PATH];
	struct stat st;

	blob_path(path, sha256);
	return !fstatat(sp->blobs_fd, path, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

int spool_open_blob(struct spool *sp, const uint8_t sha256[SHA256_SIZE])
{
	char path[BLOB_PATH];
	int fd;

	blob_path(path, sha256);
	fd = openat(sp->blobs_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_blob_dir(struct spool *sp, const char *path)
{
	char name[3] = {path[0], path[1], '\0'};
	int fd = openat(sp->blobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	if (mkdirat(sp->blobs_fd, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (fsync(sp->blobs_fd) < 0)
		return -errno;
	fd = openat(sp->blobs_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

struct copy {
	int from, to;
	uint64_t max, size;
	uint8_t sha256[SHA256_SIZE];
};

/* -EDQUOT and -EBADMSG are about the source, all else about the spool's disk. */
static int copy_bytes(struct copy *c)
{
	_cleanup_free_ uint8_t *buf = malloc(COPY_CHUNK);
	crypto_hash_sha256_state state;

	if (!buf)
		return -ENOMEM;
	crypto_hash_sha256_init(&state);
	for (c->size = 0;;) {
		ssize_t n = pread(c->from, buf, COPY_CHUNK, (off_t)c->size);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -EBADMSG;
		if (n == 0)
			break;
		if ((uint64_t)n > c->max - c->size)
			return -EDQUOT;
		r = io_write_all(c->to, buf, (size_t)n);
		if (r < 0)
			return r == -EDQUOT ? -ENOSPC : r;
		crypto_hash_sha256_update(&state, buf, (unsigned long long)n);
		c->size += (uint64_t)n;
	}
	crypto_hash_sha256_final(&state, c->sha256);
	return 0;
}

static int explain_full(struct spool *sp, uint64_t size, uint64_t max, struct error *err)
{
	return error_set(err, -EDQUOT, sp->dir,
			 "a blob of %" PRIu64 " bytes does not fit: %" PRIu64
			 " are left of [limits] "
			 "max_spool_bytes; wait until ended jobs are deleted, or raise the limit",
			 size, max);
}

/* The bytes as they were announced, or an answer that says how they differ. */
static int copy_checked(struct spool *sp, struct copy *c, bool check, const uint8_t *sha256,
			struct error *err)
{
	char want[SHA256_HEX + 1], got[SHA256_HEX + 1];
	struct stat before, after;
	int r;

	if (fstat(c->from, &before) < 0 || !S_ISREG(before.st_mode))
		return error_set(err, -EBADMSG, "blob", "the descriptor is not of a regular file");
	if ((uint64_t)before.st_size > c->max)
		return explain_full(sp, (uint64_t)before.st_size, c->max, err);
	r = copy_bytes(c);
	if (r == -EDQUOT)
		return explain_full(sp, c->size, c->max, err);
	if (r == -EBADMSG)
		return error_set(err, r, "blob", "reading the descriptor failed");
	if (r < 0)
		return db_explain(r, sp->dir, "writing a blob", err);
	if (fstat(c->from, &after) < 0 || (uint64_t)after.st_size != c->size ||
	    after.st_size != before.st_size)
		return error_set(
			err, -EBADMSG, "blob",
			"the file changed while it was read: it had %lld bytes, then %lld; "
			"send a file that nobody writes",
			(long long)before.st_size, (long long)after.st_size);
	if (!check || !memcmp(sha256, c->sha256, SHA256_SIZE))
		return 0;
	hex_encode(want, sha256, SHA256_SIZE);
	hex_encode(got, c->sha256, SHA256_SIZE);
	return error_set(err, -EBADMSG, "blob", "its SHA-256 is %s, announced was %s", got, want);
}

static int blob_publish(struct spool *sp, int fd, const char *tmp, const uint8_t *sha256)
{
	char path[BLOB_PATH];
	_cleanup_close_ int dir = -1;

	blob_path(path, sha256);
	dir = open_blob_dir(sp, path);
	if (dir < 0)
		return dir;
	if (fchmod(fd, 0400) < 0 || fsync(fd) < 0)
		return -errno;
	if (renameat(sp->tmp_fd, tmp, sp->blobs_fd, path) < 0 || fsync(dir) < 0)
		return -errno;
	return 0;
}

int spool_put(struct spool *sp, int from, bool check, uint8_t sha256[SHA256_SIZE], uint64_t max,
	      struct spool_pin *pin, uint64_t *size, struct error *err)
{
	struct copy c = {.from = from, .max = max};
	_cleanup_close_ int to = -1;
	char tmp[SPOOL_NAME];
	int r;

	spool_tmp_name(sp, tmp, 'b', atomic_fetch_add(&sp->next_tmp, 1), 0);
	to = openat(sp->tmp_fd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return db_explain(-errno, sp->dir, "writing a blob", err);
	c.to = to;
	r = copy_checked(sp, &c, check, sha256, err);
	if (r < 0) {
		unlinkat(sp->tmp_fd, tmp, 0);
		return r;
	}
	memcpy(sha256, c.sha256, SHA256_SIZE);
	if (pin)
		spool_pin_add(sp, pin, sha256);
	*size = c.size;
	r = blob_publish(sp, to, tmp, sha256);
	if (!r)
		return 0;
	unlinkat(sp->tmp_fd, tmp, 0);
	return db_explain(r, sp->dir, "writing a blob", err);
}

int spool_adopt(struct spool *sp, const uint8_t sha256[SHA256_SIZE], uint64_t *size,
		struct error *err)
{
	_cleanup_close_ int fd = spool_open_blob(sp, sha256);
	_cleanup_close_ int dir = -1;
	char path[BLOB_PATH];
	struct stat st;

	blob_path(path, sha256);
	if (fd < 0)
		return error_set(err, fd, "blob", "%s is neither sent nor in the spool: send it",
				 path + 3);
	dir = open_blob_dir(sp, path);
	if (dir < 0 || fstat(fd, &st) < 0 || fsync(fd) < 0 || fsync(dir) < 0)
		return db_explain(dir < 0 ? dir : -errno, sp->dir, "syncing a blob", err);
	*size = (uint64_t)st.st_size;
	return 0;
}

/* Under the lock: a pin that comes before it keeps the blob, one that comes after misses it. */
void spool_remove_blob(struct spool *sp, const uint8_t sha256[SHA256_SIZE])
{
	char path[BLOB_PATH];

	blob_path(path, sha256);
	pthread_mutex_lock(&sp->lock);
	if (!spool_is_pinned(sp, sha256))
		unlinkat(sp->blobs_fd, path, 0);
	pthread_mutex_unlock(&sp->lock);
}

static DIR *list_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

bool spool_has_blobs(struct spool *sp)
{
	_cleanup_(cleanup_closedirp) DIR *d = list_dir(sp->blobs_fd, ".");
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			return true;
	return false;
}

void spool_sweep_tmp(struct spool *sp)
{
	_cleanup_(cleanup_closedirp) DIR *d = list_dir(sp->tmp_fd, ".");
	const struct dirent *e;
	char token[16];

	snprintf(token, sizeof(token), "%08" PRIx32 "-", sp->token);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && strncmp(e->d_name, token, strlen(token)))
			unlinkat(sp->tmp_fd, e->d_name, 0);
}

void spool_sweep_checkpoints(struct spool *sp, int (*keep)(void *data, uint64_t id), void *data)
{
	_cleanup_(cleanup_closedirp) DIR *d = list_dir(sp->checkpoints_fd, ".");
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		char *end;
		uint64_t id = strtoull(e->d_name, &end, 10);
		int r;

		if (e->d_name[0] == '.' || *end)
			continue; /* not ours */
		r = keep(data, id);
		if (r < 0)
			return;
		if (!r)
			unlinkat(sp->checkpoints_fd, e->d_name, 0);
	}
}

void spool_sweep_blobs(struct spool *sp, unsigned int dir,
		       int (*keep)(void *data, const uint8_t sha256[SHA256_SIZE]), void *data)
{
	char name[3];
	_cleanup_(cleanup_closedirp) DIR *d = NULL;
	const struct dirent *e;

	snprintf(name, sizeof(name), "%02x", dir & 0xff);
	d = list_dir(sp->blobs_fd, name);
	while (d && (e = readdir(d))) {
		uint8_t sha256[SHA256_SIZE];
		int r;

		if (strlen(e->d_name) != SHA256_HEX ||
		    hex_decode(sha256, e->d_name, SHA256_SIZE) < 0)
			continue;
		r = keep(data, sha256);
		if (r < 0)
			return;
		if (!r)
			spool_remove_blob(sp, sha256);
	}
}
