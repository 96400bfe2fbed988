/* SPDX-License-Identifier: MIT */
/* Processor pressure; see psi.h. */
#include "broker/sources/psi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define THREADS_MAX 1024
#define WINDOW_US   1000000u

DEFINE_CLEANUP(DIR, dir, closedir)

int psi_parse(const char *text, uint64_t *some_us, uint32_t *avg10)
{
	unsigned int whole, part;

	if (sscanf(text, "some avg10=%u.%2u avg60=%*u.%*u avg300=%*u.%*u total=%" SCNu64, &whole,
		   &part, some_us) != 3 ||
	    whole > 100)
		return -EBADMSG;
	*avg10 = whole * 100 + part;
	return 0;
}

uint32_t psi_foreign_permille(const struct psi_look *before, const struct psi_look *now)
{
	uint64_t time_us = now->at_ns > before->at_ns ? (now->at_ns - before->at_ns) / 1000 : 0;
	uint64_t some = now->some_us > before->some_us ? now->some_us - before->some_us : 0;
	uint64_t own = now->own_ns > before->own_ns ? (now->own_ns - before->own_ns) / 1000 : 0;

	if (!time_us || some <= own)
		return 0;
	if (some - own >= time_us)
		return 1000;
	return (uint32_t)((some - own) * 1000 / time_us);
}

uint64_t psi_run_delay(const char *proc, int pid)
{
	_cleanup_(cleanup_dirp) DIR *dir = NULL;
	uint64_t sum = 0;
	char sub[32];
	struct dirent *e;
	int fd;

	snprintf(sub, sizeof(sub), "%d/task", pid);
	fd = dir_open(proc, sub);
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return 0;
	}
	for (int i = 0; i < THREADS_MAX && (e = readdir(dir)); i++) {
		char name[64], text[80];
		uint64_t delay;

		snprintf(name, sizeof(name), "%.20s/schedstat", e->d_name);
		if (e->d_name[0] != '.' && attr_read(fd, name, text, sizeof(text)) > 0 &&
		    sscanf(text, "%*u %" SCNu64, &delay) == 1)
			sum += delay;
	}
	return sum;
}

int psi_trigger(const char *proc, uint32_t permille)
{
	_cleanup_close_ int dir = dir_open(proc, "pressure");
	_cleanup_close_ int fd = -1;
	struct statfs fs;

	if (dir < 0)
		return dir;
	fd = openat(dir, "cpu", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return -ENOTSUP;
	/* Without CAP_SYS_RESOURCE the window must be a multiple of two seconds. */
	for (unsigned int windows = 1; windows <= 2; windows++) {
		char text[48];
		int n = snprintf(text, sizeof(text), "some %u %u", permille * windows * 1000,
				 windows * WINDOW_US);

		if (write(fd, text, (size_t)n + 1) > 0)
			return steal_fd(&fd);
	}
	return -errno;
}
