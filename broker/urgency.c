/* SPDX-License-Identifier: MIT */
/* The loop's priority; see urgency.h. */
#include "broker/urgency.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* musl's function of this name does nothing. */
static int set_scheduler(pid_t thread, int policy, int priority)
{
	struct sched_param p = {.sched_priority = priority};

	return syscall(SYS_sched_setscheduler, thread, policy, &p) < 0 ? -errno : 0;
}

static void lower(int sig)
{
	int kept = errno;

	/* By the process's number: the signal may have come to another thread. */
	set_scheduler(getpid(), SCHED_OTHER, 0);
	errno = kept;
}

int urgency_raise(void)
{
	struct sigaction action = {.sa_handler = lower, .sa_flags = SA_RESTART};
	struct rlimit limit;

	if (sigaction(SIGXCPU, &action, NULL) < 0 || getrlimit(RLIMIT_RTTIME, &limit) < 0)
		return -errno;
	if (limit.rlim_cur > URGENCY_LIMIT_US)
		limit.rlim_cur = URGENCY_LIMIT_US;
	if (setrlimit(RLIMIT_RTTIME, &limit) < 0)
		return -errno;
	return set_scheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, 1);
}

void urgency_forget(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_RTTIME, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_RTTIME, &limit);
}
