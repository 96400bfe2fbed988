/* SPDX-License-Identifier: MIT */
/*
 * Locking down the child that unpacks a tar; see bundle_jail.h.
 *
 * From the outside in: descriptors, limits, user, no new privileges, Landlock (nothing of the
 * file system), seccomp (an allow-list). Landlock is a second wall and may be missing from the
 * kernel; seccomp may not. What libraries try as a matter of course (iconv opens its tables) is
 * answered with an error; all else that is not on the list ends the process.
 */
#include "libbroker/job/bundle_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"

#define NOBODY       65534
#define MEMORY_EXTRA (256ull << 20)
#define CPU_SECONDS  60
#define CPU_SHIFT    24 /* and one more for each 16 MiB allowed */
#define FILES_MAX    4096 /* counts the files under way to the parent, too */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int fail(struct error *err, const char *what)
{
	int code = -errno;

	return error_set(err, code, NULL, "cannot lock down the tar reader: %s: %s", what,
			 strerror(-code));
}

/* 0 to 2 become an empty memory file: needs no /dev, and is no terminal. */
static int set_descriptors(int input, int socket, struct error *err)
{
	int null = memfd_create("null", MFD_CLOEXEC);
	int in = fcntl(input, F_DUPFD_CLOEXEC, BUNDLE_JAIL_SOCKET + 1);
	int out = fcntl(socket, F_DUPFD_CLOEXEC, BUNDLE_JAIL_SOCKET + 1);

	if (null < 0 || in < 0 || out < 0)
		return fail(err, "descriptors");
	null = fcntl(null, F_DUPFD_CLOEXEC, BUNDLE_JAIL_SOCKET + 1);
	for (int fd = 0; fd < BUNDLE_JAIL_INPUT; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			return fail(err, "descriptors");
	if (dup2(in, BUNDLE_JAIL_INPUT) < 0 || dup2(out, BUNDLE_JAIL_SOCKET) < 0)
		return fail(err, "descriptors");
	if (syscall(SYS_close_range, BUNDLE_JAIL_SOCKET + 1, ~0u, 0) < 0)
		return fail(err, "close_range");
	return 0;
}

static int set_limit(int what, uint64_t value)
{
	struct rlimit now, limit = {.rlim_cur = value, .rlim_max = value};

	if (getrlimit(what, &now) < 0)
		return -1;
	if (now.rlim_max < limit.rlim_max)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	return setrlimit(what, &limit);
}

/* Above what the parent had mapped, which the child starts with. A sanitizer maps terabytes. */
static int limit_memory(void)
{
	_cleanup_fclose_ FILE *f = SANITIZED ? NULL : fopen("/proc/self/statm", "re");
	unsigned long long pages;

	if (!f || fscanf(f, "%llu", &pages) != 1)
		return 0;
	return set_limit(RLIMIT_AS, pages * (uint64_t)sysconf(_SC_PAGESIZE) + MEMORY_EXTRA);
}

static int set_limits(uint64_t file_max, struct error *err)
{
	if (limit_memory() < 0 || set_limit(RLIMIT_NOFILE, FILES_MAX) < 0 ||
	    set_limit(RLIMIT_CORE, 0) < 0 || set_limit(RLIMIT_FSIZE, file_max) < 0 ||
	    set_limit(RLIMIT_CPU, CPU_SECONDS + (file_max >> CPU_SHIFT)) < 0 ||
	    set_limit(RLIMIT_NPROC, 0) < 0)
		return fail(err, "setrlimit");
	return 0;
}

/* In a user namespace that has no nobody, root is nobody outside already. */
static int set_user(struct error *err)
{
	if (geteuid() != 0)
		return 0;
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		return fail(err, "setgroups");
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 && errno != EINVAL)
		return fail(err, "setresgid");
	if (setresuid(NOBODY, NOBODY, NOBODY) < 0 && errno != EINVAL)
		return fail(err, "setresuid");
	return 0;
}

/* Rights of the first version: all that write, and reading; later ones add to seccomp nothing. */
static int set_landlock(struct error *err)
{
	const struct landlock_ruleset_attr attr = {.handled_access_fs =
							   (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
	_cleanup_close_ int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);

	if (fd < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return fail(err, "Landlock");
	return 0;
}

static int allow_calls(scmp_filter_ctx ctx)
{
	static const int calls[] = {
		SCMP_SYS(read),          SCMP_SYS(write),          SCMP_SYS(close),
		SCMP_SYS(brk),           SCMP_SYS(munmap),         SCMP_SYS(mremap),
		SCMP_SYS(madvise),       SCMP_SYS(futex),          SCMP_SYS(memfd_create),
		SCMP_SYS(sendmsg),       SCMP_SYS(exit),           SCMP_SYS(exit_group),
		SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask), SCMP_SYS(getrandom),
		SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	};
	static const int sanitizer_calls[] = {SCMP_SYS(sched_yield), SCMP_SYS(gettid),
					      SCMP_SYS(getpid), SCMP_SYS(sigaltstack)};
	const struct scmp_arg_cmp seals = {.arg = 1, .op = SCMP_CMP_EQ, .datum_a = F_ADD_SEALS};
	const struct scmp_arg_cmp no_code = {
		.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; SANITIZED && r >= 0 && i < ARRAY_SIZE(sanitizer_calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sanitizer_calls[i], 0);
	if (r >= 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, seals);
	if (r >= 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_code);
	if (r >= 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_code);
	return r;
}

static int refuse_calls(scmp_filter_ctx ctx)
{
	static const int calls[] = {
		SCMP_SYS(open),   SCMP_SYS(openat),    SCMP_SYS(newfstatat), SCMP_SYS(statx),
		SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(readlink),   SCMP_SYS(lseek),
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(calls); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), calls[i], 0);
	return r;
}

static int set_seccomp(struct error *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = ctx ? allow_calls(ctx) : -ENOMEM;

	if (r >= 0)
		r = refuse_calls(ctx);
	if (r >= 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	errno = r < 0 ? -r : 0;
	return r < 0 ? fail(err, "seccomp") : 0;
}

int bundle_jail_enter(int input, int socket, uint64_t file_max, struct error *err)
{
	int r = set_descriptors(input, socket, err);

	if (r >= 0)
		r = set_limits(file_max, err);
	if (r >= 0)
		r = set_user(err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(err, "prctl");
	r = set_landlock(err);
	return r < 0 ? r : set_seccomp(err);
}
