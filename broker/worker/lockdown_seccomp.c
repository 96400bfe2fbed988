/* SPDX-License-Identifier: MIT */
/*
 * The seccomp filter; see lockdown.h. Grouped by what needs it. Not on the list, on purpose:
 * sockets, execution, processes, opening of files, making of io_urings and their registration,
 * keys, namespaces, tracing, time setting, everything that names another process.
 */
#include "broker/worker/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "libbroker/proto/worker_proto.h"
#include "libbroker/util/cleanup.h"

static const int allowed[] = {
	/* memory */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(mlock),
	SCMP_SYS(munlock),
	SCMP_SYS(membarrier),
	SCMP_SYS(mincore),
	SCMP_SYS(msync),
	SCMP_SYS(memfd_create),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fallocate),
	/* descriptors that are open, or come with a packet */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),
	SCMP_SYS(pwritev),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(close),
	SCMP_SYS(dup),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(pselect6),
	SCMP_SYS(select),
	SCMP_SYS(io_uring_enter), /* the one ring there is can only poll */
	/* threads and their waiting */
	SCMP_SYS(futex),
	SCMP_SYS(futex_waitv),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_getparam),
	SCMP_SYS(sched_getscheduler),
	SCMP_SYS(getpriority),
	SCMP_SYS(sched_get_priority_min),
	SCMP_SYS(sched_get_priority_max),
	SCMP_SYS(getcpu),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* time */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getrusage),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	/* signals to itself: abort(), the C library's own */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigtimedwait),
	/* harmless questions */
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrlimit),
};

/* Asked for by drivers and sanitizers, which do without when told no. */
static const int refused[] = {
	SCMP_SYS(open),       SCMP_SYS(openat),   SCMP_SYS(openat2),    SCMP_SYS(stat),
	SCMP_SYS(lstat),      SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),  SCMP_SYS(unlink),     SCMP_SYS(unlinkat),
	SCMP_SYS(getcwd),     SCMP_SYS(statfs),   SCMP_SYS(fstatfs),
};

/* A thread's priority and place are brokerd's choice; drivers set them where they may. */
static const int not_permitted[] = {
	SCMP_SYS(sched_setaffinity), SCMP_SYS(sched_setscheduler), SCMP_SYS(sched_setparam),
	SCMP_SYS(sched_setattr),     SCMP_SYS(setpriority),
};

/* Not F_SETOWN: with O_ASYNC it signals whom it names. */
static const int fcntl_commands[] = {
	F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_ADD_SEALS, F_GET_SEALS,
};

static int add(scmp_filter_ctx ctx, uint32_t action, int number)
{
	int r = seccomp_rule_add(ctx, action, number, 0);

	/* A call that this architecture does not have needs no rule. */
	return r == -EDOM || r == -EOPNOTSUPP ? 0 : r;
}

static int add_lists(scmp_filter_ctx ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		r = add(ctx, SCMP_ACT_ALLOW, allowed[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(refused); i++)
		r = add(ctx, SCMP_ACT_ERRNO(EACCES), refused[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(not_permitted); i++)
		r = add(ctx, SCMP_ACT_ERRNO(EPERM), not_permitted[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fcntl_commands); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				     SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntl_commands[i], 0));
	return r;
}

static int add_memory(scmp_filter_ctx ctx, bool jit)
{
	int r;

	if (jit) {
		r = add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap));
		return r < 0 ? r : add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect));
	}
	r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* What names a process may name this one. */
static int add_about_itself(scmp_filter_ctx ctx)
{
	scmp_datum_t self = (scmp_datum_t)getpid();
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				 SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A2(SCMP_CMP_EQ, 0, 0));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kcmp), 2,
				     SCMP_A0(SCMP_CMP_EQ, self, 0), SCMP_A1(SCMP_CMP_EQ, self, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0(SCMP_CMP_EQ, self, 0));
	return r;
}

/* All that a worker may say of its lease. It cannot join, release or host. */
static int add_lease(scmp_filter_ctx ctx)
{
	static const unsigned long commands[] = {IDLEGATE_IOC_PARK, IDLEGATE_IOC_UNPARK};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(commands); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2,
				     SCMP_A0(SCMP_CMP_EQ, WORKER_FD_LEASE, 0),
				     SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i], 0));
	return r;
}

/* With conditions: on DRM nodes and sync_files alone, only threads. */
static int add_conditional(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				 SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, 'd' << 8));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, '>' << 8));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOTTY), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00, 'T' << 8));
	if (r ==
	    0) /* by flags in memory, which a filter cannot see: the C library then asks clone */
		r = add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM,
					     CLONE_THREAD | CLONE_VM));
	if (r == 0) /* the C library's fstat() */
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				     SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(newfstatat), 1,
				     SCMP_A3(SCMP_CMP_NE, AT_EMPTY_PATH, 0));
	for (int i = 0; r == 0 && i < 2; i++) /* names of threads, anonymous memory's names */
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, i ? PR_GET_NAME : PR_SET_NAME, 0));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
				     SCMP_A0(SCMP_CMP_EQ, 0x53564d41, 0)); /* PR_SET_VMA */
	return r;
}

int lockdown_seccomp(bool jit)
{
	const char *log = getenv("IDLEBROKER_SECCOMP_LOG");
	bool log_only = log && !strcmp(log, "1");
	scmp_filter_ctx ctx = seccomp_init(log_only ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int r;

	if (!ctx)
		return -ENOMEM;
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (r == 0)
		r = add_lists(ctx);
	if (r == 0)
		r = add_memory(ctx, jit);
	if (r == 0)
		r = add_conditional(ctx);
	if (r == 0)
		r = add_lease(ctx);
	if (r == 0)
		r = add_about_itself(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
