/* SPDX-License-Identifier: MIT */
/*
 * A small broker for tests of the worker: it makes the pages and the socket, starts the real
 * program on the real driver, and speaks its protocol, one packet at a time. Kernels are the
 * modules that the build makes of the shaders in tests/jobs/shaders.
 */
#ifndef TESTS_UNIT_WORKER_HOST_H
#define TESTS_UNIT_WORKER_HOST_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/idlegate.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/proto/grant.h"
#include "libbroker/proto/worker_proto.h"
#include "libbroker/util/clock.h"
#include "libbroker/util/io.h"

#define HOST_BLOBS_MAX   128
#define HOST_PATIENCE_MS 60000

struct host {
	pid_t pid;
	int sock;
	struct idlegate_page *gate;
	struct grant_page *grant;
	struct report_page *report;
	struct worker_msg msg; /* the last packet that was no NOTE */
	char note[WORKER_TEXT_MAX]; /* the last NOTE */
};

/* The folder of the build: the test is build/tests/unit/test_x. */
__attribute__((unused)) static void host_path(char *out, const char *name)
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	cr_assert(n > 0);
	out[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(out, '/') = '\0';
	strcat(strcat(out, "/"), name);
}

__attribute__((unused)) static int host_spirv(const char *name)
{
	char path[PATH_MAX], part[64];
	int fd;

	snprintf(part, sizeof(part), "gen/spirv/shaders/%s.spv", name);
	host_path(path, part);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(fd >= 0, "no %s", path);
	return fd;
}

__attribute__((unused)) static void *host_page(int *fd)
{
	void *p;

	*fd = io_memfd("test-page", NULL, GRANT_PAGE_SIZE);
	p = mmap(NULL, GRANT_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	cr_assert(p != MAP_FAILED);
	return p;
}

/* The deviceUUID of the first software device, as --probe tells it. */
__attribute__((unused)) static const char *host_uuid(void)
{
	static char uuid[33];
	char command[PATH_MAX + 16];
	char text[16384] = "";
	FILE *f;

	if (*uuid)
		return uuid;
	host_path(command, "broker-worker --probe");
	f = popen(command, "r");
	cr_assert(f && fread(text, 1, sizeof(text) - 1, f) > 0);
	pclose(f);
	cr_assert(strstr(text, "\"uuid\":\""), "%s", text);
	memcpy(uuid, strstr(text, "\"uuid\":\"") + 8, 32);
	return uuid;
}

__attribute__((noreturn, unused)) static void host_child(const int *fds)
{
	char path[PATH_MAX];
	const char *uuid = host_uuid();

	host_path(path, "broker-worker");
	for (int i = 0; i < 4; i++)
		if (dup2(fcntl(fds[i], F_DUPFD, 32), WORKER_FD_CONTROL + i) < 0)
			_exit(126);
	syscall(SYS_close_range, WORKER_FD_REPORT + 1, ~0u, 0);
	if (geteuid() == 0)
		execl(path, path, "--device-uuid", uuid, "--user", "nobody", NULL);
	else
		execl(path, path, "--device-uuid", uuid, NULL);
	_exit(127);
}

/* The next packet that is no NOTE; false when the worker has closed its end. */
__attribute__((unused)) static bool host_next(struct host *h)
{
	for (;;) {
		struct pollfd p = {.fd = h->sock, .events = POLLIN};
		ssize_t n;

		cr_assert(poll(&p, 1, HOST_PATIENCE_MS) == 1, "the worker says nothing");
		n = recv(h->sock, &h->msg, sizeof(h->msg), 0);
		if (n <= 0)
			return false;
		cr_assert_eq(n, (ssize_t)sizeof(h->msg));
		if (h->msg.type != WORKER_MSG_NOTE)
			return true;
		memcpy(h->note, h->msg.text, sizeof(h->note));
	}
}

__attribute__((unused)) static void host_expect(struct host *h, uint32_t type)
{
	cr_assert(host_next(h), "the worker ended; message %u was due", type);
	cr_assert_eq(h->msg.type, type, "message %u (%s), not %u", h->msg.type, h->msg.text, type);
}

/* Start a worker, up to READY. The gate is open; the grant is to park. */
__attribute__((unused)) static void host_start(struct host *h)
{
	int pair[2], fds[4];

	*h = (struct host){.pid = -1};
	host_uuid();
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	fds[0] = pair[1];
	h->sock = pair[0];
	h->gate = host_page(&fds[1]);
	h->grant = host_page(&fds[2]);
	h->report = host_page(&fds[3]);
	h->gate->magic = IDLEGATE_PAGE_MAGIC;
	*h->grant = (struct grant_page){.magic = GRANT_MAGIC,
					.version = GRANT_VERSION,
					.state = GRANT_PARK,
					.duty_permille = 1000,
					.expiry_ns = GRANT_EXPIRY_NEVER,
					.quantum_ns = 4 * NS_PER_MS,
					.slice_limit_ns = 5 * NS_PER_S,
					.first_slice_limit_ns = 20 * NS_PER_S};
	h->pid = fork();
	cr_assert(h->pid >= 0);
	if (h->pid == 0)
		host_child(fds);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	host_expect(h, WORKER_MSG_READY);
}

__attribute__((unused)) static void host_send(struct host *h, uint32_t type, uint32_t flags,
					      const int *fds, unsigned int n)
{
	struct worker_msg msg = {.type = type, .flags = flags};

	cr_assert_eq(io_send_fds(h->sock, &msg, sizeof(msg), fds, n), 0);
}

/* Hand over a job; the descriptors of blobs stay the caller's. @checkpoint: -1 for none. */
__attribute__((unused)) static void host_job(struct host *h, const char *json, int checkpoint,
					     const int *blobs, unsigned int n_blobs)
{
	int fds[HOST_BLOBS_MAX + 2];
	unsigned int n = 0;

	fds[n++] = io_memfd("job", json, strlen(json));
	if (checkpoint >= 0)
		fds[n++] = checkpoint;
	for (unsigned int i = 0; i < n_blobs; i++)
		fds[n++] = blobs[i];
	host_send(h, WORKER_MSG_JOB, checkpoint >= 0 ? WORKER_JOB_HAS_CHECKPOINT : 0, fds, n);
	close(fds[0]);
}

__attribute__((unused)) static void host_grant(struct host *h, uint32_t state)
{
	page_store(&h->grant->state, state);
	page_store(&h->grant->serial, h->grant->serial + 1);
	host_send(h, WORKER_MSG_WAKE, 0, NULL, 0);
}

/* Wait for the end; Return: the wait status. */
__attribute__((unused)) static int host_end(struct host *h)
{
	int status;

	cr_assert_eq(waitpid(h->pid, &status, 0), h->pid);
	close(h->sock);
	munmap(h->gate, GRANT_PAGE_SIZE);
	munmap(h->grant, GRANT_PAGE_SIZE);
	munmap(h->report, GRANT_PAGE_SIZE);
	return status;
}

/* From OUTPUTS_WANT to the exit: take the one output. */
__attribute__((unused)) static void host_output(struct host *h, void *out, size_t size)
{
	int fd = io_memfd("output", NULL, 0);

	cr_assert_eq(h->msg.type, WORKER_MSG_OUTPUTS_WANT, "message %u: %s", h->msg.type,
		     h->msg.text);
	host_send(h, WORKER_MSG_OUTPUT_FILES, 0, &fd, 1);
	host_expect(h, WORKER_MSG_DONE);
	cr_assert_eq(lseek(fd, 0, SEEK_END), (off_t)size);
	cr_assert_eq(pread(fd, out, size, 0), (ssize_t)size);
	close(fd);
	cr_assert_eq(host_end(h), 0);
}

#endif
