/* SPDX-License-Identifier: MIT */
/*
 * Descriptors from strangers.
 *
 * A file of a file system that lives in somebody's program (FUSE) or behind a network can hold
 * up whoever reads, asks about or even closes it. So the kind of a file is found by calls
 * that ask nobody: seals are a property of memory files alone, and statx() without sync gives
 * the mount, whose type stands in our mountinfo. A mount of another namespace is not in there
 * and counts as unknown. What is not known to be local is closed by a thread of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "libbroker/util/log.h"

#define SEALS_NEEDED  (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)
#define MOUNTINFO_MAX (1u << 20)
#define CLOSERS_MAX   32
#define CLOSER_STACK  (64u << 10)
#define REMEDY        "pass a sealed memory file (memfd_create, F_ADD_SEALS)"

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

/* A line: "36 35 98:0 /root /mount options [optional]... - type source options" */
static int mount_check(uint64_t mount, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	char *line, *rest = NULL;

	if (io_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text) < 0)
		return error_set(err, -EINVAL, NULL,
				 "the file systems of this machine cannot be told apart; " REMEDY);
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
	return error_set(err, -EINVAL, NULL, "the file is not on a mount of this system; " REMEDY);
}

int passed_fd_check(int fd, struct error *err)
{
	int flags = fcntl(fd, F_GETFL), seals;
	struct statx st;

	if (flags < 0 || flags & O_PATH || (flags & O_ACCMODE) == O_WRONLY)
		return error_set(err, -EINVAL, NULL, "the descriptor is not open for reading");
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & SEALS_NEEDED) == SEALS_NEEDED)
		return 0;
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_NLINK | STATX_MNT_ID, &st) < 0)
		return error_set(err, -EINVAL, NULL, "what it is cannot be told (%s); " REMEDY,
				 strerror(errno));
	if (!S_ISREG(st.stx_mode))
		return error_set(err, -EINVAL, NULL, "it is not a regular file; " REMEDY);
	if (!(st.stx_mask & STATX_MNT_ID))
		return error_set(err, -EINVAL, NULL,
				 "this kernel does not tell its mount; " REMEDY);
	if (seals >= 0 && !(seals & F_SEAL_SEAL)) {
		/* Files of tmpfs have seals too, but take none; a memory file has no name. */
		if (st.stx_nlink == 0)
			return error_set(err, -EINVAL, NULL,
					 "it is a memory file without the seals F_SEAL_WRITE, "
					 "F_SEAL_SHRINK and F_SEAL_GROW; add them");
	}
	return mount_check(st.stx_mnt_id, err);
}

static atomic_int closers;

static void *closer(void *data)
{
	close((int)(intptr_t)data);
	atomic_fetch_sub(&closers, 1);
	return NULL;
}

void passed_fd_discard(int fd)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = -EAGAIN;

	if (atomic_fetch_add(&closers, 1) < CLOSERS_MAX && pthread_attr_init(&attr) == 0) {
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstacksize(&attr, CLOSER_STACK);
		r = -pthread_create(&thread, &attr, closer, (void *)(intptr_t)fd);
		pthread_attr_destroy(&attr);
	}
	if (r < 0) {
		/* Leaking a descriptor is better than hanging in its close. */
		atomic_fetch_sub(&closers, 1);
		log_error("a client's descriptor cannot be closed safely and stays open",
			  LOG_INT("fd", fd));
	}
}
