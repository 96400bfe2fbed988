/* SPDX-License-Identifier: MIT */
/*
 * The list of devices and the probe that makes it; see devices.h.
 *
 * A probe has ended when its process has: then what is left in the pipe is read without waiting,
 * since a grandchild might hold it open for ever. The process is waited for by its pidfd in the
 * loop; its number cannot be another's before that, because nobody else reaps it.
 */
#include "broker/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "broker/device_probe.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "libbroker/util/log.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char **environ;

struct devices {
	struct loop *loop;
	const struct config *config;
	devices_fn fn;
	void *data;
	struct device_set set;
	uint64_t time_limit_ns;

	pid_t pid; /* 0: no probe runs */
	int pidfd, out_fd;
	struct loop_watch *exit_watch, *out_watch;
	struct loop_timer *timer;
	struct loop_timer *retry; /* NULL: none is due */
	unsigned int retries;
	bool timed_out, too_long;
	char *out;
	size_t out_len;
	char why[DEVICES_WHY_MAX]; /* the last probe failed, or found none */
};

static int state_path(char *path, size_t room, const struct devices *d, const char *name)
{
	int n = snprintf(path, room, "%s/%s", d->config->state_dir, name);

	return n < 0 || (size_t)n >= room ? -ENAMETOOLONG : 0;
}

static int set_from(struct devices *d, const char *json, size_t len, struct error *err)
{
	struct device_node nodes[DEVICES_MAX];
	unsigned int n = device_nodes_read(nodes, DEVICES_MAX, d->config->roots.sys);
	struct device_set set;
	int r = device_set_parse(&set, json, len, nodes, n, err);

	if (r < 0)
		return r;
	device_set_clear(&d->set);
	d->set = set;
	device_set_allow(&d->set, d->config->allow_software_device);
	return 0;
}

static void load_last(struct devices *d)
{
	char path[CONFIG_PATH_MAX + 32];
	_cleanup_free_ char *json = NULL;
	struct error err;
	ssize_t n;

	if (state_path(path, sizeof(path), d, "devices.json") < 0)
		return;
	n = io_read_file(AT_FDCWD, path, DEVICES_PROBE_MAX, &json);
	if (n == -ENOENT || n == -ENOTDIR)
		return;
	if (n < 0)
		log_warning("last device list not readable", LOG_STR("path", path),
			    LOG_STR("error", strerror((int)-n)));
	else if (set_from(d, json, (size_t)n, &err) < 0)
		log_warning("last device list ignored", LOG_STR("path", path),
			    LOG_STR("where", err.where), LOG_STR("error", err.what));
}

/*
 * No sync: after a power cut the file is the old one, the new one, or damaged and then ignored;
 * the probe that follows every start writes it again.
 */
static void save_last(const struct devices *d)
{
	char path[CONFIG_PATH_MAX + 32], fresh[CONFIG_PATH_MAX + 32];
	_cleanup_close_ int fd = -1;
	int r;

	if (state_path(path, sizeof(path), d, "devices.json") < 0 ||
	    state_path(fresh, sizeof(fresh), d, "devices.json.new") < 0)
		return;
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = fd < 0 ? -errno : io_write_all(fd, d->out, d->out_len);
	if (!r && rename(fresh, path) < 0)
		r = -errno;
	if (r)
		log_warning("device list not kept", LOG_STR("path", path),
			    LOG_STR("error", strerror(-r)));
}

static void release_probe(struct devices *d)
{
	loop_unwatch(d->exit_watch);
	loop_unwatch(d->out_watch);
	loop_timer_free(d->timer);
	d->exit_watch = d->out_watch = NULL;
	d->timer = NULL;
	if (d->pidfd >= 0)
		close(d->pidfd);
	if (d->out_fd >= 0)
		close(d->out_fd);
	d->pidfd = d->out_fd = -1;
	free(d->out);
	d->out = NULL;
	d->out_len = 0;
	d->pid = 0;
}

/* The whole group: a driver may have started helpers. */
static void kill_probe(struct devices *d)
{
	kill(-d->pid, SIGKILL);
	kill(d->pid, SIGKILL);
}

static int judge(struct devices *d, const siginfo_t *end, struct error *err)
{
	const char *worker = d->config->worker;

	if (d->timed_out)
		return error_set(err, -ETIMEDOUT, worker, "--probe took longer than %u s",
				 (unsigned int)(d->time_limit_ns / NS_PER_S));
	if (d->too_long)
		return error_set(err, -E2BIG, worker, "--probe printed more than %u bytes",
				 DEVICES_PROBE_MAX);
	if (end->si_code != CLD_EXITED)
		return error_set(err, -EIO, worker, "--probe was killed by signal %d",
				 end->si_status);
	if (end->si_status)
		return error_set(err, -EIO, worker,
				 "--probe ended with status %d; its log says why", end->si_status);
	return set_from(d, d->out, d->out_len, err);
}

/* Reads what is there. Return: false when nothing more will come. */
static bool read_out(struct devices *d)
{
	char past[512];

	for (;;) {
		size_t room = DEVICES_PROBE_MAX - d->out_len;
		ssize_t n = room ? read(d->out_fd, d->out + d->out_len, room)
				 : read(d->out_fd, past, sizeof(past));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		if (!room) {
			d->too_long = true;
			kill_probe(d);
			return false;
		}
		d->out_len += (size_t)n;
	}
}

static void on_output(void *data, int fd, int events)
{
	struct devices *d = data;

	if (!read_out(d))
		loop_watch_events(d->out_watch, 0);
}

static void retry_later(struct devices *d);

static void on_exit_of_probe(void *data, int fd, int events)
{
	struct devices *d = data;
	siginfo_t end = {0};
	struct error err = {0};
	int r;

	if (waitid(P_PIDFD, (id_t)d->pidfd, &end, WEXITED | WNOHANG) < 0 || !end.si_pid)
		return;
	kill(-d->pid, SIGKILL);
	read_out(d);
	r = judge(d, &end, &err);
	if (!r)
		save_last(d);
	if (r && strcmp(err.where, d->config->worker) != 0)
		snprintf(d->why, sizeof(d->why), "%.190s printed no list of devices: %s: %s",
			 d->config->worker, err.where, err.what);
	else if (r)
		snprintf(d->why, sizeof(d->why), "%s %s", err.where, err.what);
	else
		snprintf(d->why, sizeof(d->why), "%s", d->set.error);
	release_probe(d);
	if (r)
		retry_later(d);
	d->fn(d->data, r ? &err : NULL);
}

static void on_time_limit(void *data)
{
	struct devices *d = data;

	d->timed_out = true;
	kill_probe(d);
}

/* With no signal blocked or ignored, in a group of its own, and none of our descriptors. */
static int spawn_worker(struct devices *d, int out)
{
	char *const argv[] = {(char *)d->config->worker, "--probe", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setpgroup(&attr, 0);
	r = posix_spawn(&d->pid, d->config->worker, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		d->pid = 0;
	return -r;
}

static int start_probe(struct devices *d)
{
	int pipefd[2], r;

	d->timed_out = d->too_long = false;
	d->out = malloc(DEVICES_PROBE_MAX);
	if (!d->out)
		return -ENOMEM;
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return -errno;
	d->out_fd = pipefd[0];
	/* Only our end: the worker's should wait when the pipe is full. */
	r = fcntl(d->out_fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : spawn_worker(d, pipefd[1]);
	close(pipefd[1]);
	if (r)
		return r;
	d->pidfd = (int)syscall(SYS_pidfd_open, d->pid, 0);
	if (d->pidfd < 0)
		return -errno;
	r = loop_watch(d->loop, d->pidfd, POLLIN, on_exit_of_probe, d, &d->exit_watch);
	if (!r)
		r = loop_watch(d->loop, d->out_fd, POLLIN, on_output, d, &d->out_watch);
	if (!r)
		r = loop_timer_new(d->loop, on_time_limit, d, &d->timer);
	if (!r)
		loop_timer_at(d->timer, clock_now_ns() + d->time_limit_ns);
	return r;
}

static void abandon_probe(struct devices *d)
{
	if (d->pid) {
		kill_probe(d);
		waitpid(d->pid, NULL, 0);
	}
	release_probe(d);
}

static int probe(struct devices *d)
{
	int r = start_probe(d);

	if (!r)
		return 0;
	abandon_probe(d);
	snprintf(d->why, sizeof(d->why), "%.300s cannot be started (%s); set [broker] worker",
		 d->config->worker, strerror(-r));
	log_error("device probe not started", LOG_STR("worker", d->config->worker),
		  LOG_STR("error", strerror(-r)));
	return r;
}

static void forget_retry(struct devices *d)
{
	loop_timer_free(d->retry);
	d->retry = NULL;
}

static void on_retry(void *data)
{
	struct devices *d = data;

	forget_retry(d);
	probe(d);
}

/* After one, four and sixteen time limits: what was too busy to answer may not be so for long. */
static void retry_later(struct devices *d)
{
	uint64_t after_ns = d->time_limit_ns << 2 * d->retries;

	if (d->retries == DEVICES_RETRIES || loop_timer_new(d->loop, on_retry, d, &d->retry) < 0)
		return;
	d->retries++;
	loop_timer_at(d->retry, clock_now_ns() + after_ns);
}

int devices_probe(struct devices *d)
{
	if (d->pid)
		return -EALREADY;
	forget_retry(d);
	d->retries = 0;
	return probe(d);
}

int devices_new(struct devices **out, struct loop *loop, const struct config *config, devices_fn fn,
		void *data)
{
	struct devices *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->config = config;
	d->fn = fn;
	d->data = data;
	d->time_limit_ns = DEVICES_PROBE_NS;
	d->pidfd = d->out_fd = -1;
	load_last(d);
	*out = d;
	return 0;
}

void devices_free(struct devices *d)
{
	if (!d)
		return;
	abandon_probe(d);
	forget_retry(d);
	device_set_clear(&d->set);
	free(d);
}

void devices_set_time_limit(struct devices *d, uint64_t ns)
{
	d->time_limit_ns = ns;
}

void devices_reconfigure(struct devices *d, const struct config *config)
{
	d->config = config;
	device_set_allow(&d->set, config->allow_software_device);
}

const char *devices_why(const struct devices *d)
{
	return d->why;
}

unsigned int devices_list(const struct devices *d, const struct device **out)
{
	*out = d->set.list;
	return d->set.n;
}
