/* SPDX-License-Identifier: MIT */
/*
 * Starting, talking to and burying one worker; see worker_proc.h.
 *
 * Descriptors of the child: 0 and 1 /dev/null, 2 a pipe that becomes the job's log, 3 to 6 or 7 as
 * worker_proto.h says; all others are closed. Its environment is a short list, so that nothing of
 * brokerd's own leaks into it.
 *
 * A lease binds the process that joins it, so the child does, while it still has brokerd's rights;
 * without the lease it was to have it does not run. The descriptor stays open here too: the
 * worker cannot end its lease by closing its own.
 */
#include "broker/worker_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/urgency.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define LINE_MAX_LEN 240
#define LINES_MAX    100 /* a run: a worker that talks more is cut off */
#define ENV_MAX      16

struct worker_proc {
	const struct worker_proc_ops *ops;
	void *data;
	pid_t pid;
	int pidfd, control, log, lease;
	struct grant_page *grant;
	struct report_page *report;
	struct loop_watch *pid_watch, *control_watch, *log_watch;
	char line[LINE_MAX_LEN + 1];
	size_t line_len;
	unsigned int lines;
};

DEFINE_CLEANUP(struct worker_proc, worker_proc, worker_proc_free)

/* What a Vulkan loader and driver need to be found, and nothing else of ours. */
static const char *const env_kept[] = {"PATH",
				       "LANG",
				       "TZ",
				       "VK_DRIVER_FILES",
				       "VK_ICD_FILENAMES",
				       "LP_NUM_THREADS",
				       "LD_LIBRARY_PATH",
				       "ASAN_OPTIONS",
				       "UBSAN_OPTIONS",
				       "IDLEBROKER_SECCOMP_LOG"};

struct child {
	const char *argv[12];
	char *envp[ENV_MAX];
	int fds[5]; /* become 3, 4, 5, 6 and, if there is one, 7 */
	unsigned int n_fds;
	int log;
	struct idlegate_join join;
};

/* Words that need no memory: this runs between fork and exec. */
__attribute__((noreturn)) static void child_not_joined(int error)
{
	char text[] = "the kernel refused a lease of /dev/idlegate (error 000): not run\n";
	char *digits = strchr(text, '0');

	digits[0] = (char)('0' + error / 100 % 10);
	digits[1] = (char)('0' + error / 10 % 10);
	digits[2] = (char)('0' + error % 10);
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(126);
	_exit(125);
}

/* Between fork and exec: only calls that are safe after fork in a threaded process. */
__attribute__((noreturn)) static void child_run(const struct child *c)
{
	int null = open("/dev/null", O_RDWR);
	int high[6];
	sigset_t none;

	if (null < 0)
		_exit(126);
	/* First out of the way of the numbers they shall have, then to these. */
	for (unsigned int i = 0; i < c->n_fds; i++)
		high[i] = fcntl(c->fds[i], F_DUPFD, 32);
	high[5] = fcntl(c->log, F_DUPFD, 32);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(high[5], STDERR_FILENO);
	for (unsigned int i = 0; i < c->n_fds; i++)
		if (dup2(high[i], WORKER_FD_CONTROL + (int)i) < 0)
			_exit(126);
	syscall(SYS_close_range, WORKER_FD_CONTROL + c->n_fds, ~0u, 0);
	if (c->n_fds > 4 && ioctl(WORKER_FD_LEASE, IDLEGATE_IOC_JOIN, &c->join) < 0)
		child_not_joined(errno);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setpgid(0, 0);
	urgency_forget();
	execve(c->argv[0], (char *const *)c->argv, c->envp);
	_exit(127);
}

static void child_environment(struct child *c)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(env_kept) && n < ENV_MAX - 1; i++) {
		size_t len = strlen(env_kept[i]);

		for (char **e = environ; *e; e++)
			if (!strncmp(*e, env_kept[i], len) && (*e)[len] == '=')
				c->envp[n++] = *e;
	}
	c->envp[n] = NULL;
}

static void child_arguments(struct child *c, const struct worker_spawn *spawn)
{
	unsigned int n = 0;

	c->argv[n++] = spawn->program;
	c->argv[n++] = "--device-uuid";
	c->argv[n++] = spawn->device->uuid;
	if (spawn->device->node[0]) {
		c->argv[n++] = "--node";
		c->argv[n++] = spawn->device->node;
	}
	if (geteuid() == 0) {
		c->argv[n++] = "--user";
		c->argv[n++] = spawn->user;
	}
	if (spawn->lease_fd >= 0)
		c->argv[n++] = "--lease";
	c->argv[n] = NULL;
}

/*
 * A page that both share. @writer is the caller's mapping; what is handed to the child is the same
 * file, which it can map only for reading if @child_reads.
 */
static int page_make(const char *name, bool child_reads, void **writer)
{
	_cleanup_close_ int fd = io_memfd(name, NULL, GRANT_PAGE_SIZE);
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | (child_reads ? F_SEAL_FUTURE_WRITE : 0);
	void *p;

	if (fd < 0)
		return fd;
	p = mmap(NULL, GRANT_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*writer = p;
	if (fcntl(fd, F_ADD_SEALS, seals | F_SEAL_SEAL) < 0)
		return -errno;
	return steal_fd(&fd);
}

static void line_flush(struct worker_proc *w)
{
	w->line[w->line_len] = '\0';
	if (w->line_len && w->lines++ < LINES_MAX)
		w->ops->line(w->data, w->line);
	w->line_len = 0;
}

/* Returns whether the pipe may have more. */
static bool log_read(struct worker_proc *w)
{
	char buf[1024];
	ssize_t n = read(w->log, buf, sizeof(buf));

	for (ssize_t i = 0; i < n; i++) {
		if (buf[i] == '\n' || w->line_len == LINE_MAX_LEN)
			line_flush(w);
		if (buf[i] != '\n')
			w->line[w->line_len++] = buf[i];
	}
	return n > 0;
}

static void on_log(void *data, int fd, int events)
{
	struct worker_proc *w = data;

	if (log_read(w) && w->lines <= LINES_MAX)
		return;
	loop_unwatch(w->log_watch);
	w->log_watch = NULL;
}

static bool message_well_formed(const struct worker_msg *msg, ssize_t n)
{
	return n == (ssize_t)sizeof(*msg) && msg->type >= WORKER_MSG_READY &&
	       msg->type <= WORKER_MSG_NOTE && memchr(msg->text, '\0', sizeof(msg->text));
}

static void on_control(void *data, int fd, int events)
{
	struct worker_proc *w = data;
	struct worker_msg msg;
	/* A descriptor sent with it is dropped by the kernel: no control buffer is offered. */
	ssize_t n = recv(fd, &msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (message_well_formed(&msg, n)) {
		w->ops->message(w->data, &msg);
		return;
	}
	/* Closed, or broke the protocol: either way it is of no more use. */
	loop_unwatch(w->control_watch);
	w->control_watch = NULL;
	if (n > 0)
		w->ops->line(w->data, "the worker broke the protocol and was ended");
	worker_proc_signal(w, SIGKILL);
}

/* What it said before it died counts: the socket is drained before the end is told. */
static void on_ended(void *data, int fd, int events)
{
	struct worker_proc *w = data;
	struct worker_msg msg;
	int status = 0;

	while (w->control_watch &&
	       message_well_formed(&msg, recv(w->control, &msg, sizeof(msg), MSG_DONTWAIT)))
		w->ops->message(w->data, &msg);
	while (w->log_watch && w->lines <= LINES_MAX && log_read(w))
		;
	line_flush(w);
	if (waitpid(w->pid, &status, WNOHANG) != w->pid)
		return;
	w->pid = -1;
	loop_unwatch(w->pid_watch);
	w->pid_watch = NULL;
	w->ops->ended(w->data, status);
}

static int watch_all(struct worker_proc *w, struct loop *loop)
{
	int r = loop_watch(loop, w->control, POLLIN, on_control, w, &w->control_watch);

	if (r == 0)
		r = loop_watch(loop, w->log, POLLIN, on_log, w, &w->log_watch);
	if (r == 0)
		r = loop_watch(loop, w->pidfd, POLLIN, on_ended, w, &w->pid_watch);
	return r;
}

static int spawn_child(struct worker_proc *w, const struct worker_spawn *spawn, int sock,
		       int grant_fd, int report_fd, int log_end)
{
	struct child c = {.fds = {sock, spawn->gate_fd, grant_fd, report_fd, spawn->lease_fd},
			  .n_fds = spawn->lease_fd >= 0 ? 5 : 4,
			  .join = spawn->join,
			  .log = log_end};

	child_arguments(&c, spawn);
	child_environment(&c);
	w->pid = fork();
	if (w->pid == 0)
		child_run(&c);
	if (w->pid < 0)
		return -errno;
	w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
	return w->pidfd < 0 ? -errno : 0;
}

static int start(struct worker_proc *w, struct loop *loop, const struct worker_spawn *spawn)
{
	_cleanup_close_ int grant_fd = -1, report_fd = -1, sock = -1, log_end = -1;
	int pair[2];
	int r;

	grant_fd = page_make("idlebroker-grant", true, (void **)&w->grant);
	if (grant_fd < 0)
		return grant_fd;
	report_fd = page_make("idlebroker-report", false, (void **)&w->report);
	if (report_fd < 0)
		return report_fd;
	*w->grant = spawn->grant;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	w->control = pair[0];
	sock = pair[1];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	w->log = pair[0];
	log_end = pair[1];
	if (fcntl(w->log, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = spawn_child(w, spawn, sock, grant_fd, report_fd, log_end);
	if (r < 0)
		return r;
	return watch_all(w, loop);
}

int worker_proc_start(struct worker_proc **out, struct loop *loop, const struct worker_spawn *spawn,
		      const struct worker_proc_ops *ops, void *data, struct error *err)
{
	_cleanup_(cleanup_worker_procp) struct worker_proc *w = calloc(1, sizeof(*w));
	int r;

	if (!w) {
		cleanup_closep(&spawn->lease_fd);
		return error_set(err, -ENOMEM, spawn->program, "out of memory");
	}
	*w = (struct worker_proc){.ops = ops,
				  .data = data,
				  .pid = -1,
				  .pidfd = -1,
				  .control = -1,
				  .log = -1,
				  .lease = spawn->lease_fd};
	if (access(spawn->program, X_OK) < 0)
		return error_set(
			err, -errno, spawn->program,
			"the worker cannot be executed (%s): set [broker] worker to its path",
			strerror(errno));
	r = start(w, loop, spawn);
	if (r < 0)
		return error_set(err, r, spawn->program, "the worker cannot be started: %s",
				 strerror(-r));
	*out = steal_ptr(w);
	return 0;
}

void worker_proc_free(struct worker_proc *w)
{
	if (!w)
		return;
	loop_unwatch(w->pid_watch);
	loop_unwatch(w->control_watch);
	loop_unwatch(w->log_watch);
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
	}
	if (w->pidfd >= 0)
		close(w->pidfd);
	if (w->control >= 0)
		close(w->control);
	if (w->log >= 0)
		close(w->log);
	cleanup_closep(&w->lease);
	if (w->grant)
		munmap(w->grant, GRANT_PAGE_SIZE);
	if (w->report)
		munmap(w->report, GRANT_PAGE_SIZE);
	free(w);
}

pid_t worker_proc_pid(const struct worker_proc *w)
{
	return w->pid;
}

struct grant_page *worker_proc_grant(struct worker_proc *w)
{
	return w->grant;
}

void worker_proc_report(const struct worker_proc *w, struct report_page *out)
{
	memcpy(out, w->report, sizeof(*out));
}

int worker_proc_send(struct worker_proc *w, uint32_t type, uint32_t flags, const int *fds,
		     unsigned int n_fds)
{
	struct worker_msg msg = {.type = type, .flags = flags};
	int r;

	if (fcntl(w->control, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	r = io_send_fds(w->control, &msg, sizeof(msg), fds, n_fds);
	if (r < 0)
		worker_proc_signal(w, SIGKILL);
	return r;
}

void worker_proc_signal(struct worker_proc *w, int sig)
{
	if (w->pid > 0)
		kill(w->pid, sig);
}
