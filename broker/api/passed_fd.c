/* SPDX-License-Identifier: MIT */
/*
 * Descriptors from strangers.
 *
 * A file of a file system that lives in somebody's program (FUSE) or behind a network can hold
 * up whoever reads, asks about or even closes it. So the kind of a file is found by calls
 * that ask nobody: seals are a property of memory files alone, and statx() without sync gives
 * the mount, whose type stands in our mountinfo or, where a service manager gave us a namespace
 * of our own, in the client's. Whose it stands in matters not: the descriptor keeps its mount
 * alive, and no two live mounts of a system have the same number. What is not known to be local is
 * closed by a thread of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "broker/api/file_facts.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "libbroker/util/log.h"

#define SEALS_NEEDED    (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
#define MOUNTINFO_MAX   (1u << 20)
#define DISCARDS_MAX    1024
#define DISCARD_THREADS 4
#define DISCARD_STACK   (64u << 10)
#define REMEDY          "pass a sealed memory file (memfd_create, F_ADD_SEALS)"

static const char *const local_types[] = {
	"ext4",     "ext3", "ext2",  "xfs",      "btrfs", "f2fs", "tmpfs", "overlay",
	"bcachefs", "vfat", "exfat", "squashfs", "erofs", "zfs",  "ramfs",
};

static bool type_is_local(const char *type, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(local_types); i++)
		if (strlen(local_types[i]) == len && !memcmp(local_types[i], type, len))
			return true;
	return false;
}

/*
 * A line: "36 35 98:0 /root /mount options [optional]... - type source options"
 * Return: 0 local, -EINVAL another kind, -ENOENT not in there.
 */
static int mount_look(const char *mountinfo, uint64_t mount, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest = NULL;

	if (io_read_file(AT_FDCWD, mountinfo, MOUNTINFO_MAX, &text) < 0)
		return -ENOENT;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		const char *type = strstr(line, " - ");
		size_t len;

		if (!type || strtoull(line, NULL, 10) != mount)
			continue;
		type += 3;
		len = strcspn(type, " ");
		if (type_is_local(type, len))
			return 0;
		return error_set(err, -EINVAL, NULL,
				 "the file is on a %.*s file system, which may keep a reader "
				 "waiting; " REMEDY,
				 len < 32 ? (int)len : 32, type);
	}
	return -ENOENT;
}

static int mount_check(uint64_t mount, pid_t peer, struct error *err)
{
	char path[64];
	int r = mount_look("/proc/self/mountinfo", mount, err);

	if (r == -ENOENT && peer > 0) {
		snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)peer);
		r = mount_look(path, mount, err);
	}
	if (r != -ENOENT)
		return r;
	return error_set(err, -EINVAL, NULL, "the mount of the file is not known here; " REMEDY);
}

int passed_fd_check(int fd, pid_t peer, struct error *err)
{
	int flags = fcntl(fd, F_GETFL), seals;
	struct file_facts facts;
	int r;

	if (flags < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
		return error_set(err, -EINVAL, NULL, "the descriptor is not open for reading");
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & SEALS_NEEDED) == SEALS_NEEDED)
		return 0;
	r = file_facts_get(fd, &facts);
	if (r < 0)
		return error_set(err, -EINVAL, NULL, "what it is cannot be told (%s); " REMEDY,
				 strerror(-r));
	if (!S_ISREG(facts.mode))
		return error_set(err, -EINVAL, NULL, "it is not a regular file; " REMEDY);
	if (!facts.has_mount)
		return error_set(err, -EINVAL, NULL,
				 "this kernel does not tell its mount; " REMEDY);
	if (seals >= 0 && !(seals & F_SEAL_SEAL)) {
		/* Files of tmpfs have seals too, but take none; a memory file has no name. */
		if (facts.links == 0)
			return error_set(err, -EINVAL, NULL,
					 "it is a memory file without the seals F_SEAL_WRITE, "
					 "F_SEAL_SHRINK and F_SEAL_GROW; add them");
	}
	return mount_check(facts.mount, peer, err);
}

/*
 * Descriptors that are closed by threads of their own: a thread takes what waits until nothing
 * does, and ends. One that hangs in a close keeps its place; the others go on.
 */
static struct {
	pthread_mutex_t lock;
	int fds[DISCARDS_MAX];
	unsigned int n, threads;
} discards = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *discard_all(void *data)
{
	pthread_mutex_lock(&discards.lock);
	while (discards.n) {
		int fd = discards.fds[--discards.n];

		pthread_mutex_unlock(&discards.lock);
		close(fd);
		pthread_mutex_lock(&discards.lock);
	}
	discards.threads--;
	pthread_mutex_unlock(&discards.lock);
	return NULL;
}

static int start_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r)
		return -r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, DISCARD_STACK);
	r = pthread_create(&thread, &attr, discard_all, NULL);
	pthread_attr_destroy(&attr);
	return -r;
}

static void discard(int fd)
{
	bool kept;

	pthread_mutex_lock(&discards.lock);
	kept = discards.n < DISCARDS_MAX;
	if (kept)
		discards.fds[discards.n++] = fd;
	if (discards.n && discards.threads < DISCARD_THREADS && start_thread() == 0)
		discards.threads++;
	pthread_mutex_unlock(&discards.lock);
	/* Losing a descriptor is better than hanging in its close. */
	if (!kept)
		log_error("a client's descriptor cannot be closed safely and stays open",
			  LOG_INT("fd", fd));
}

void passed_fd_close(int fd)
{
	if (passed_fd_check(fd, 0, NULL) == 0)
		close(fd);
	else
		discard(fd);
}
