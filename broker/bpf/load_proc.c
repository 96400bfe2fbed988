/* SPDX-License-Identifier: MIT */
/*
 * Starting, hearing and burying one run of broker-bpf; see load_proc.h.
 *
 * Descriptors of the child: 0 and 1 /dev/null, 2 that of brokerd, 3 the socket; all others are
 * closed. It dies with brokerd. It keeps brokerd's environment: it has brokerd's rights, too.
 */
#include "broker/bpf/load_proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define NICE          5 /* the owner's programs matter more */
#define KILLED_MAX_NS (5 * NS_PER_S)
#define BURY_MAX_MS   200 /* one that was killed when brokerd stops */

struct bpf_load_proc {
	const struct bpf_load_proc_ops *ops;
	void *data;
	pid_t pid;
	int pidfd, sock;
	struct loop_watch *pid_watch, *sock_watch;
	struct loop_timer *limit;
	const char *why; /* it was killed; static */
};

DEFINE_CLEANUP(struct bpf_load_proc, bpf_load_proc, bpf_load_proc_free)

/* Between fork and exec: only calls that are safe after fork in a threaded process. */
__attribute__((noreturn)) static void child_run(const char *program, int sock, pid_t parent)
{
	const char *const argv[] = {program, NULL};
	int null = open("/dev/null", O_RDWR), high = fcntl(sock, F_DUPFD, BPF_LOAD_FD + 1);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || high < 0 || getppid() != parent)
		_exit(126);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(high, BPF_LOAD_FD);
	syscall(SYS_close_range, BPF_LOAD_FD + 1, ~0u, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (nice(NICE) < 0)
		errno = 0; /* then not */
	execve(program, (char *const *)argv, environ);
	_exit(127);
}

void bpf_load_proc_kill(struct bpf_load_proc *p)
{
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
}

static void deafen(struct bpf_load_proc *p)
{
	loop_unwatch(p->sock_watch);
	p->sock_watch = NULL;
}

/* One packet. Returns whether there may be more. */
static bool hear(struct bpf_load_proc *p)
{
	struct bpf_load_answer a;
	int fds[BPF_LOAD_FDS_MAX];
	unsigned int n = BPF_LOAD_FDS_MAX;
	ssize_t len = io_recv_fds(p->sock, &a, sizeof(a), MSG_DONTWAIT, fds, &n);

	if (len == -EAGAIN)
		return false;
	if (len > 0 && bpf_load_answer_parse(&a, (size_t)len, n, &a) == 0) {
		p->ops->answer(p->data, &a, fds);
		return true;
	}
	while (len > 0 && n)
		close(fds[--n]);
	/* At its end there is nothing more to hear; but for that, one that cannot be understood. */
	if (len != 0 && len != -ECONNRESET) {
		p->why = "broker-bpf is of another version than brokerd, or failed";
		bpf_load_proc_kill(p);
	}
	deafen(p);
	return false;
}

static void on_sock(void *data, int fd, int events)
{
	hear(data);
}

static const char *why_ended(const struct bpf_load_proc *p, int status)
{
	if (p->why)
		return p->why;
	if (WIFSIGNALED(status))
		return "broker-bpf was killed";
	if (WEXITSTATUS(status) >= 126)
		return "broker-bpf cannot be executed: it belongs beside broker-worker";
	return "broker-bpf ended without an answer";
}

static void on_ended(void *data, int fd, int events)
{
	struct bpf_load_proc *p = data;
	int status = 0;

	if (waitpid(p->pid, &status, WNOHANG) != p->pid)
		return;
	p->pid = -1;
	loop_unwatch(p->pid_watch);
	p->pid_watch = NULL;
	loop_timer_at(p->limit, UINT64_MAX);
	while (p->sock_watch && hear(p))
		;
	deafen(p);
	p->ops->ended(p->data, why_ended(p, status));
}

/* The second time it was killed already, and is stuck in the kernel: it need not be waited for. */
static void on_limit(void *data)
{
	struct bpf_load_proc *p = data;

	if (p->why) {
		deafen(p);
		p->ops->ended(p->data, p->why);
		return;
	}
	p->why = "the kernel did not take it in time";
	bpf_load_proc_kill(p);
	loop_timer_at(p->limit, clock_now_ns() + KILLED_MAX_NS);
}

static int watch_all(struct bpf_load_proc *p, struct loop *loop, uint64_t timeout_ns)
{
	int r = loop_watch(loop, p->sock, POLLIN, on_sock, p, &p->sock_watch);

	if (r == 0)
		r = loop_watch(loop, p->pidfd, POLLIN, on_ended, p, &p->pid_watch);
	if (r == 0)
		r = loop_timer_new(loop, on_limit, p, &p->limit);
	if (r == 0)
		loop_timer_at(p->limit, clock_now_ns() + timeout_ns);
	return r;
}

static int spawn(struct bpf_load_proc *p, const char *program, int sock)
{
	pid_t us = getpid();

	p->pid = fork();
	if (p->pid == 0)
		child_run(program, sock, us);
	if (p->pid < 0)
		return -errno;
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	return p->pidfd < 0 ? -errno : 0;
}

int bpf_load_proc_start(struct bpf_load_proc **out, struct loop *loop,
			const struct bpf_load_job *job, const struct bpf_load_proc_ops *ops,
			void *data)
{
	_cleanup_(cleanup_bpf_load_procp) struct bpf_load_proc *p = calloc(1, sizeof(*p));
	_cleanup_close_ int theirs = -1;
	int pair[2], r;

	if (!p)
		return -ENOMEM;
	*p = (struct bpf_load_proc){.ops = ops, .data = data, .pid = -1, .pidfd = -1, .sock = -1};
	if (access(job->program, X_OK) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	p->sock = pair[0];
	theirs = pair[1];
	/* Asked before it is there: one packet always has room. */
	r = io_send_fds(p->sock, job->request, sizeof(*job->request), job->maps,
			job->request->n_maps);
	if (r == 0)
		r = spawn(p, job->program, theirs);
	if (r == 0)
		r = watch_all(p, loop, job->timeout_ns);
	if (r < 0)
		return r;
	*out = steal_ptr(p);
	return 0;
}

/* Does not wait long: one that is stuck in the kernel is dead all the same, and is brokerd's child
 * until brokerd ends. */
static void bury(struct bpf_load_proc *p)
{
	struct pollfd end = {.fd = p->pidfd, .events = POLLIN};

	bpf_load_proc_kill(p);
	poll(&end, 1, BURY_MAX_MS);
	waitpid(p->pid, NULL, WNOHANG);
}

void bpf_load_proc_free(struct bpf_load_proc *p)
{
	if (!p)
		return;
	loop_unwatch(p->pid_watch);
	loop_unwatch(p->sock_watch);
	loop_timer_free(p->limit);
	if (p->pid > 0)
		bury(p);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->sock >= 0)
		close(p->sock);
	free(p);
}
