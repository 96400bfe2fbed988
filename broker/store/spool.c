/* SPDX-License-Identifier: MIT */
/* The files of the state directory: opening, lock, pins, and what workers write. See spool.h. */
#include "broker/store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/db.h"
#include "broker/store/spool_priv.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

static int open_dir(int at, const char *name, const char *path, int *fd, struct error *err)
{
	if (mkdirat(at, name, 0700) < 0 && errno != EEXIST)
		return db_explain(-errno, path, "making the state directory", err);
	*fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return db_explain(-errno, path, "opening the state directory", err);
	return 0;
}

static int explain_locked(struct spool *sp, struct error *err)
{
	char pid[16] = "";
	ssize_t n = pread(sp->lock_fd, pid, sizeof(pid) - 1, 0);

	pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
	return error_set(
		err, -EBUSY, sp->dir,
		"another brokerd (pid %s) has this state directory: stop it, or set [broker] "
		"state_dir to another directory",
		*pid ? pid : "not known");
}

static int take_lock(struct spool *sp, struct error *err)
{
	char pid[16];
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid()), r;

	sp->lock_fd = openat(sp->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (sp->lock_fd < 0)
		return db_explain(-errno, sp->dir, "making the lock file", err);
	r = io_lock(sp->lock_fd, IO_LOCK_PATIENCE_MS);
	if (r == -EWOULDBLOCK)
		return explain_locked(sp, err);
	if (r < 0)
		return db_explain(r, sp->dir, "locking", err);
	/* The pid is for people; a full disk must not keep the broker from starting. */
	if (ftruncate(sp->lock_fd, 0) < 0 || pwrite(sp->lock_fd, pid, (size_t)len, 0) < 0)
		return 0;
	return 0;
}

int spool_open(struct spool **out, const char *dir, struct error *err)
{
	struct spool *sp = calloc(1, sizeof(*sp));
	int r;

	if (!sp)
		return error_set(err, -ENOMEM, dir, "out of memory");
	sp->dir_fd = sp->lock_fd = sp->blobs_fd = sp->checkpoints_fd = sp->tmp_fd = -1;
	pthread_mutex_init(&sp->lock, NULL);
	snprintf(sp->dir, sizeof(sp->dir), "%s", dir);
	r = open_dir(AT_FDCWD, dir, dir, &sp->dir_fd, err);
	if (!r)
		r = take_lock(sp, err);
	if (!r)
		r = open_dir(sp->dir_fd, "blobs", dir, &sp->blobs_fd, err);
	if (!r)
		r = open_dir(sp->dir_fd, "checkpoints", dir, &sp->checkpoints_fd, err);
	if (!r)
		r = open_dir(sp->dir_fd, "tmp", dir, &sp->tmp_fd, err);
	if (!r && getrandom(&sp->token, sizeof(sp->token), 0) != sizeof(sp->token))
		r = error_set(err, -EIO, "getrandom", "no random numbers");
	if (r < 0) {
		spool_close(sp);
		return r;
	}
	*out = sp;
	return 0;
}

void spool_close(struct spool *sp)
{
	if (!sp)
		return;
	cleanup_closep(&sp->tmp_fd);
	cleanup_closep(&sp->checkpoints_fd);
	cleanup_closep(&sp->blobs_fd);
	cleanup_closep(&sp->lock_fd);
	cleanup_closep(&sp->dir_fd);
	pthread_mutex_destroy(&sp->lock);
	free(sp);
}

const char *spool_dir(const struct spool *sp)
{
	return sp->dir;
}

void spool_pin(struct spool *sp, struct spool_pin *pin)
{
	pthread_mutex_lock(&sp->lock);
	pin->next = sp->pins;
	pin->prev = &sp->pins;
	if (pin->next)
		pin->next->prev = &pin->next;
	sp->pins = pin;
	pthread_mutex_unlock(&sp->lock);
}

void spool_unpin(struct spool *sp, struct spool_pin *pin)
{
	if (!pin->prev)
		return;
	pthread_mutex_lock(&sp->lock);
	*pin->prev = pin->next;
	if (pin->next)
		pin->next->prev = pin->prev;
	pin->prev = NULL;
	pthread_mutex_unlock(&sp->lock);
}

void spool_pin_add(struct spool *sp, struct spool_pin *pin, const uint8_t sha256[SHA256_SIZE])
{
	pthread_mutex_lock(&sp->lock);
	memcpy(pin->sha256[pin->n++], sha256, SHA256_SIZE);
	pthread_mutex_unlock(&sp->lock);
}

/* With the lock held. */
bool spool_is_pinned(const struct spool *sp, const uint8_t sha256[SHA256_SIZE])
{
	for (const struct spool_pin *pin = sp->pins; pin; pin = pin->next)
		for (uint32_t i = 0; i < pin->n; i++)
			if (!memcmp(pin->sha256[i], sha256, SHA256_SIZE))
				return true;
	return false;
}

void spool_tmp_name(const struct spool *sp, char name[SPOOL_NAME], char kind, uint64_t a,
		    uint64_t b)
{
	snprintf(name, SPOOL_NAME, "%08" PRIx32 "-%c%" PRIu64 ".%" PRIu64, sp->token, kind, a, b);
}

/* Someone may still hold the file of this name open: he keeps his, and we get another. */
static int fresh_file(struct spool *sp, char kind, uint64_t id, uint64_t index)
{
	char name[SPOOL_NAME];
	int fd;

	spool_tmp_name(sp, name, kind, id, index);
	if (unlinkat(sp->tmp_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(sp->tmp_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int spool_checkpoint_file(struct spool *sp, uint64_t id)
{
	return fresh_file(sp, 'c', id, 0);
}

int spool_output_file(struct spool *sp, uint64_t id, uint32_t index)
{
	return index < SPOOL_OUTPUTS_MAX ? fresh_file(sp, 'o', id, index) : -EINVAL;
}

int spool_open_output(struct spool *sp, uint64_t id, uint32_t index)
{
	char name[SPOOL_NAME];
	int fd;

	spool_tmp_name(sp, name, 'o', id, index);
	fd = openat(sp->tmp_fd, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int spool_take_checkpoint(struct spool *sp, uint64_t id, uint64_t ticket)
{
	char from[SPOOL_NAME], to[SPOOL_NAME];

	spool_tmp_name(sp, from, 'c', id, 0);
	spool_tmp_name(sp, to, 't', id, ticket);
	return renameat(sp->tmp_fd, from, sp->tmp_fd, to) < 0 ? -errno : 0;
}

static int sync_and_rename(struct spool *sp, const char *tmp, const char *name, uint64_t *size)
{
	_cleanup_close_ int fd = openat(sp->tmp_fd, tmp, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!st.st_size)
		return -ENODATA;
	if (fsync(fd) < 0 || renameat(sp->tmp_fd, tmp, sp->checkpoints_fd, name) < 0 ||
	    fsync(sp->checkpoints_fd) < 0)
		return -errno;
	*size = (uint64_t)st.st_size;
	return 0;
}

int spool_commit_checkpoint(struct spool *sp, uint64_t id, uint64_t ticket, uint64_t *size,
			    struct error *err)
{
	char tmp[SPOOL_NAME], name[SPOOL_NAME];
	int r;

	spool_tmp_name(sp, tmp, 't', id, ticket);
	snprintf(name, sizeof(name), "%" PRIu64, id);
	r = sync_and_rename(sp, tmp, name, size);
	if (!r)
		return 0;
	unlinkat(sp->tmp_fd, tmp, 0);
	if (r == -ENODATA)
		return error_set(err, r, sp->dir, "the checkpoint of job %" PRIu64 " is empty", id);
	return db_explain(r, sp->dir, "writing a checkpoint", err);
}

int spool_open_checkpoint(struct spool *sp, uint64_t id)
{
	char name[SPOOL_NAME];
	int fd;

	snprintf(name, sizeof(name), "%" PRIu64, id);
	fd = openat(sp->checkpoints_fd, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void spool_drop_job(struct spool *sp, uint64_t id)
{
	char name[SPOOL_NAME];

	snprintf(name, sizeof(name), "%" PRIu64, id);
	unlinkat(sp->checkpoints_fd, name, 0);
	spool_tmp_name(sp, name, 'c', id, 0);
	unlinkat(sp->tmp_fd, name, 0);
	for (uint32_t i = 0; i < SPOOL_OUTPUTS_MAX; i++) {
		spool_tmp_name(sp, name, 'o', id, i);
		unlinkat(sp->tmp_fd, name, 0);
	}
}

static int probe_write(struct spool *sp, const char *name)
{
	static const char page[4096];
	_cleanup_close_ int fd =
		openat(sp->tmp_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = io_write_all(fd, page, sizeof(page));
	if (!r && fsync(fd) < 0)
		r = -errno;
	return r;
}

int spool_probe(struct spool *sp, struct error *err)
{
	char name[SPOOL_NAME];
	int r;

	spool_tmp_name(sp, name, 'p', 0, 0);
	r = probe_write(sp, name);
	unlinkat(sp->tmp_fd, name, 0);
	return r ? db_explain(r, sp->dir, "writing a file", err) : 0;
}
