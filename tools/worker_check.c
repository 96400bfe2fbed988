/* SPDX-License-Identifier: MIT */
/*
 * Running `broker-worker --check`: job.json as descriptor 0, the blobs in their order from 3 on,
 * one JSON object {"ok": bool, "where": …, "what": …} as the answer on descriptor 1.
 */
#include "tools/worker_check.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "libbroker/proto/varlink.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

#define CHECK_TIMEOUT_NS (60 * NS_PER_S)
#define ANSWER_MAX       16384u

static const char *worker_path(char *buf, size_t room)
{
	static const char installed[] = IDLEBROKER_LIBEXECDIR "/broker-worker";
	const char *env = secure_getenv("IDLEBROKER_WORKER");
	char *slash;
	ssize_t n;

	if (env && *env)
		return env;
	if (access(installed, X_OK) == 0)
		return installed;
	n = readlink("/proc/self/exe", buf, room - sizeof("broker-worker"));
	if (n <= 0)
		return NULL;
	buf[n] = '\0';
	slash = strrchr(buf, '/');
	if (!slash)
		return NULL;
	strcpy(slash + 1, "broker-worker");
	return access(buf, X_OK) == 0 ? buf : NULL;
}

/* In the child: 0 = job.json, 1 = the answer, 3 … = the blobs; nothing else. */
static void child(const char *path, const struct bundle *b, int json_fd, int answer_fd)
{
	int high = 3 + (int)b->n_blobs, json_high, answer_high;
	int *fds = calloc(b->n_blobs + 1, sizeof(*fds));

	/* First out of the way of the numbers that they shall have. */
	json_high = fcntl(json_fd, F_DUPFD_CLOEXEC, high);
	answer_high = fcntl(answer_fd, F_DUPFD_CLOEXEC, high);
	for (uint32_t i = 0; fds && i < b->n_blobs; i++)
		fds[i] = fcntl(b->blobs[i].fd, F_DUPFD_CLOEXEC, high);
	if (!fds || dup2(json_high, 0) < 0 || dup2(answer_high, 1) < 0)
		_exit(127);
	for (uint32_t i = 0; i < b->n_blobs; i++)
		if (lseek(fds[i], 0, SEEK_SET) < 0 || dup2(fds[i], 3 + (int)i) < 0)
			_exit(127);
	execl(path, "broker-worker", "--check", (char *)NULL);
	_exit(127);
}

/* The answer up to its end. Return: its length or -errno. */
static ssize_t read_answer(int fd, char *buf, size_t room)
{
	uint64_t until = clock_now_ns() + CHECK_TIMEOUT_NS;
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = clock_now_ns();
		ssize_t n;

		if (now >= until)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)((until - now) / NS_PER_MS) + 1);
		if (n > 0)
			n = read(fd, buf + len, room - len);
		else if (n == 0)
			continue;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return (ssize_t)len;
		len += n > 0 ? (size_t)n : 0;
		if (len == room)
			return -EMSGSIZE;
	}
}

static int judge(const char *answer, size_t len, struct error *err)
{
	json_t *json =
		json_loadb(answer, len, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, NULL);
	const char *where = json_string_value(json_object_get(json, "where"));
	const char *what = json_string_value(json_object_get(json, "what"));
	const json_t *ok = json_object_get(json, "ok");
	int r = 0;

	if (!json_is_boolean(ok))
		r = error_set(err, -EIO, NULL, "broker-worker --check ended without a verdict");
	else if (json_is_false(ok))
		r = error_set(err, -EINVAL, where, "%s", what ? what : "refused by the worker");
	json_decref(json);
	return r;
}

int worker_check(const struct bundle *bundle, struct error *err)
{
	_cleanup_close_ int json_fd = -1, from = -1;
	char buf[PATH_MAX], answer[ANSWER_MAX];
	const char *path = worker_path(buf, sizeof(buf));
	int pipefd[2];
	ssize_t len;
	pid_t pid;

	if (!path)
		return error_set(err, -ENOENT, NULL, "no broker-worker is installed");
	json_fd = io_memfd("job.json", bundle->json, bundle->json_len);
	if (json_fd < 0 || lseek(json_fd, 0, SEEK_SET) < 0)
		return error_set(err, -EIO, NULL, "cannot pass job.json to the worker");
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return error_set(err, -errno, NULL, "cannot make a pipe: %s", strerror(errno));
	from = pipefd[0];
	pid = fork();
	if (pid == 0)
		child(path, bundle, json_fd, pipefd[1]);
	close(pipefd[1]);
	if (pid < 0)
		return error_set(err, -EAGAIN, NULL, "cannot start %s", path);
	len = read_answer(from, answer, sizeof(answer));
	if (len < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (len == -ETIMEDOUT)
		return error_set(err, -ETIMEDOUT, NULL, "the worker's check takes too long");
	if (len < 0)
		return error_set(err, -EIO, NULL, "cannot read the worker's verdict");
	return judge(answer, (size_t)len, err);
}
