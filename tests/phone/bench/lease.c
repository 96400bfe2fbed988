/* SPDX-License-Identifier: MIT */
/*
 * A lease that ignores the gate: `lease GRACE_MS LIMIT_MS`. It joins, says that it works, prints
 * "running" and never looks up again. What comes then is the kernel's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define TRIES    30000
#define AGAIN_NS 1000000

static int fail(const char *what)
{
	fprintf(stderr, "lease: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	const struct timespec again = {.tv_nsec = AGAIN_NS};
	struct idlegate_join join = {0};
	int fd, tries = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: lease GRACE_MS LIMIT_MS\n");
		return 2;
	}
	join.grace_ms = (__u32)strtoul(argv[1], NULL, 10);
	join.limit_ms = (__u32)strtoul(argv[2], NULL, 10);
	fd = open(IDLEGATE_DEVICE, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail(IDLEGATE_DEVICE);
	if (ioctl(fd, IDLEGATE_IOC_JOIN, &join) < 0)
		return fail("JOIN");
	while (ioctl(fd, IDLEGATE_IOC_UNPARK) < 0) {
		if (errno != EAGAIN || ++tries > TRIES)
			return fail("UNPARK");
		nanosleep(&again, NULL);
	}
	puts("running");
	fflush(stdout);
	for (;;)
		pause();
}
