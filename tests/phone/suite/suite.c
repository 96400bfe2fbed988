/* SPDX-License-Identifier: MIT */
/*
 * The runner of cases, and what tests of the kernel share: processes, rights, time, the log.
 *
 * A case ends by returning (passed), by suite_fail() or by suite_skip(); any of its processes may
 * say so, those of suite_fork() through suite_join(). Whatever a case leaves running is killed with
 * its process group.
 */
#include "tests/phone/suite/suite.h"

#include "tests/phone/suite/gate_client.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534

/* Words of the kernel's log that mean a defect, whoever caused it. */
static const char *const alarms[] = {
	"WARNING:",
	"BUG:",
	"Oops",
	"KASAN",
	"KCSAN",
	"UBSAN",
	"INFO: task",
	"INFO: rcu",
	"INFO: possible",
	"INFO: trying to register",
	"INFO: suspicious",
	"suspicious RCU",
	"scheduling while atomic",
	"sleeping function called",
	"general protection",
	"refcount_t:",
	"Call Trace:",
	"unreferenced object",
	"stack-out-of-bounds",
	"soft lockup",
	"hard LOCKUP",
	"detected stalls",
	"bad unlock balance",
	"held lock freed",
	"cut here",
};

static int kmsg = -1;

void suite_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("       ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
}

void suite_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("       %s:%d: ", file, line);
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
	_exit(1);
}

void suite_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("       skipped: ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	va_end(args);
	_exit(SUITE_SKIP);
}

static const char *result_name(long ret, char *buffer, size_t size)
{
	if (ret < 0 && ret > -4096)
		snprintf(buffer, size, "-%s", strerrorname_np((int)-ret) ?: "?");
	else
		snprintf(buffer, size, "%ld", ret);
	return buffer;
}

void suite_check_ret(const char *file, int line, const char *what, long got, long want)
{
	char is[32], should[32];

	if (got != want)
		suite_fail(file, line, "%s is %s, must be %s", what,
			   result_name(got, is, sizeof(is)),
			   result_name(want, should, sizeof(should)));
}

uint64_t suite_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void suite_sleep_ms(unsigned int ms)
{
	struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

uint64_t suite_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

char suite_process_state(pid_t pid)
{
	char path[64], text[512] = "";
	const char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	end = n > 0 ? strrchr(text, ')') : NULL;
	return end && end[1] ? end[2] : 0;
}

/* Processes and rights */

pid_t suite_fork(void (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid();

	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0, "fork: %s", strerror(errno));
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	fn(arg);
	fflush(stdout);
	_exit(0);
}

void suite_join(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		FAIL("process %d was ended by signal %s", pid, strsignal(WTERMSIG(status)));
	if (WEXITSTATUS(status) == SUITE_SKIP)
		_exit(SUITE_SKIP);
	CHECK(WEXITSTATUS(status) == 0, "process %d ended with status %d", pid,
	      WEXITSTATUS(status));
}

void suite_drop(bool in_group, bool keep_kill)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {};
	struct group *broker = getgrnam("broker");

	CHECK(!in_group || broker, "there is no group `broker`");
	gid_t gid = in_group ? broker->gr_gid : NOBODY;
	prctl(PR_SET_KEEPCAPS, keep_kill);
	CHECK(!setgroups(0, NULL) && !setresgid(gid, gid, gid) &&
		      !setresuid(NOBODY, NOBODY, NOBODY),
	      "cannot become another user: %s; run this as root", strerror(errno));
	if (keep_kill) {
		data[0].effective = data[0].permitted = 1u << CAP_KILL;
		CHECK(!syscall(SYS_capset, &head, data), "capset: %s", strerror(errno));
	}
	/* A change of user clears it. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

struct nobody {
	bool in_group;
	void (*fn)(void *arg);
	void *arg;
};

static void run_dropped(void *arg)
{
	struct nobody *n = arg;

	suite_drop(n->in_group, false);
	n->fn(n->arg);
}

void suite_run_as_nobody(bool in_group, void (*fn)(void *arg), void *arg)
{
	struct nobody n = {in_group, fn, arg};

	suite_join(suite_fork(run_dropped, &n));
}

/* The kernel's log */

static void log_mark(void)
{
	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg >= 0)
		lseek(kmsg, 0, SEEK_END);
}

/* The alarming lines since log_mark(); the rest of a report too, up to a limit. */
static unsigned int log_alarms(void)
{
	char record[8192];
	unsigned int found = 0, shown = 0;

	for (;;) {
		ssize_t n = read(kmsg, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE) /* overwritten before it was read */
			continue;
		if (n <= 0)
			return found;
		record[n] = '\0';
		char *text = strchr(record, ';');
		if (!text)
			continue;
		text++;
		text[strcspn(text, "\n")] = '\0';
		for (size_t i = 0; i < ARRAY_LEN(alarms); i++)
			found += strstr(text, alarms[i]) != NULL;
		if (found && shown++ < 60)
			printf("       kernel: %s\n", text);
	}
}

/* The runner */

static int run_child(const struct suite_case *c)
{
	unsigned int limit = c->seconds ?: SUITE_SECONDS;
	const char *patience = getenv("SUITE_PATIENCE");
	int status;

	if (patience)
		limit *= (unsigned int)atoi(patience) ?: 1;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		gcl_wait_idle();
		c->run();
		fflush(stdout);
		_exit(0);
	}
	uint64_t end = suite_now_ns() + limit * 1000000000ull;
	while (waitpid(pid, &status, WNOHANG | WUNTRACED) != pid) {
		if (suite_now_ns() > end) {
			printf("       still running after %u s (state %c)\n", limit,
			       suite_process_state(pid) ?: '?');
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 1;
		}
		suite_sleep_ms(10);
	}
	kill(-pid, SIGKILL);
	kill(-pid, SIGCONT);
	if (WIFSTOPPED(status)) {
		printf("       stopped by a signal that was not meant for it\n");
		waitpid(pid, &status, 0);
		return 1;
	}
	if (WIFSIGNALED(status)) {
		printf("       ended by signal %s\n", strsignal(WTERMSIG(status)));
		return 1;
	}
	return WEXITSTATUS(status);
}

static int run_case(const struct suite_case *c)
{
	uint64_t began = suite_now_ns();

	log_mark();
	int result = run_child(c);
	double seconds = (double)(suite_now_ns() - began) / 1e9;
	if (kmsg >= 0 && log_alarms())
		result = 1;
	printf("%-6s %-52s %6.1f s\n",
	       result == 0            ? "ok"
	       : result == SUITE_SKIP ? "skip"
				      : "not ok",
	       c->name, seconds);
	fflush(stdout);
	return result;
}

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;
	return argc < 2;
}

int suite_run(int argc, char **argv, const struct suite_case *cases, size_t n)
{
	unsigned int passed = 0, failed = 0, skipped = 0;
	const char *slash = strrchr(argv[0], '/');
	bool list = argc == 2 && !strcmp(argv[1], "-l");

	for (size_t i = 0; i < n; i++) {
		if (list) {
			puts(cases[i].name);
			continue;
		}
		if (!wanted(cases[i].name, argc, argv))
			continue;
		switch (run_case(&cases[i])) {
		case 0:
			passed++;
			break;
		case SUITE_SKIP:
			skipped++;
			break;
		default:
			failed++;
		}
	}
	if (list)
		return 0;
	printf("%s: %u passed, %u failed, %u skipped\n", slash ? slash + 1 : argv[0], passed,
	       failed, skipped);
	if (failed || passed + skipped == 0)
		return 1;
	return passed ? 0 : SUITE_SKIP;
}

unsigned long suite_count(const char *name, unsigned long usual)
{
	const char *given = getenv(name);

	return given ? strtoul(given, NULL, 0) : usual;
}

bool suite_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}
