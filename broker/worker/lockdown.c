/* SPDX-License-Identifier: MIT */
/* User, limits and priority; see lockdown.h for the order. */
#include "broker/worker/lockdown.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xf86drm.h>

#include "libbroker/job/job.h"
#include "libbroker/util/cleanup.h"

#define NODE_GROUPS_MAX 16
#define NICE_SOFTWARE   19
#define NICE_HARDWARE   5 /* submitting takes little time, but late submissions idle the device */

static void add_group(const char *node, gid_t *groups, size_t *n)
{
	struct stat st;

	if (*n < NODE_GROUPS_MAX && stat(node, &st) == 0 && st.st_gid != 0)
		groups[(*n)++] = st.st_gid;
}

/* The group of the node, or of all: it is what lets the user open a render node. */
static size_t node_groups(const char *node, gid_t *groups)
{
	size_t n = 0;

	for (int minor = 128; !node && minor < 128 + NODE_GROUPS_MAX; minor++) {
		char path[32];

		snprintf(path, sizeof(path), DRM_DIR_NAME "/" DRM_RENDER_MINOR_NAME "%d", minor);
		add_group(path, groups, &n);
	}
	if (node && *node)
		add_group(node, groups, &n);
	return n;
}

static int become(const char *user, const char *node, struct error *err)
{
	struct passwd *pw = getpwnam(user);
	gid_t groups[NODE_GROUPS_MAX];
	size_t n;

	if (!pw)
		return error_set(err, -ENOENT, "user", "there is no user \"%s\"", user);
	if (pw->pw_uid == 0)
		return error_set(err, -EPERM, "user", "\"%s\" is root; name another", user);
	n = node_groups(node, groups);
	if (setgroups(n, groups) < 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return error_set(err, -errno, "user", "becoming \"%s\": %s", user, strerror(errno));
	return 0;
}

static int set_limits(struct error *err)
{
	static const struct {
		int resource;
		rlim_t max;
		const char *name;
	} limits[] = {
		{RLIMIT_CORE, 0, "core"},
		{RLIMIT_NOFILE, 512, "nofile"},
		{RLIMIT_FSIZE, JOB_MEMORY_MAX + (1u << 20), "fsize"},
		{RLIMIT_MEMLOCK, 8u << 20, "memlock"},
		{RLIMIT_MSGQUEUE, 0, "msgqueue"},
	};

	/* Neither NPROC (it counts the user's other processes; the filter allows threads only)
	 * nor AS (drivers reserve address space freely). */
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit l;

		if (getrlimit(limits[i].resource, &l) < 0)
			return error_set(err, -errno, limits[i].name, "%s", strerror(errno));
		if (l.rlim_max > limits[i].max)
			l.rlim_max = limits[i].max;
		l.rlim_cur = l.rlim_max;
		if (setrlimit(limits[i].resource, &l) < 0)
			return error_set(err, -errno, limits[i].name, "%s", strerror(errno));
	}
	return 0;
}

static void set_priority(const struct lockdown *l)
{
	struct sched_param p = {.sched_priority = 0};
	bool software = l->node && !*l->node;

	/* Politeness, not safety: where it is refused the job runs none the less. */
	if (software)
		sched_setscheduler(0, SCHED_IDLE, &p);
	if (setpriority(PRIO_PROCESS, 0, software ? NICE_SOFTWARE : NICE_HARDWARE) < 0)
		return;
}

int lockdown_begin(const struct lockdown *l, struct error *err)
{
	int r = 0;

	set_priority(l);
	if (l->user && geteuid() == 0)
		r = become(l->user, l->node, err);
	if (r == 0)
		r = set_limits(err);
	if (r < 0)
		return r;
	/* After the change of user, which resets both of the first two. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(err, -errno, "prctl", "%s", strerror(errno));
	if (!l->files)
		return 0;
	r = lockdown_landlock(true, l->node);
	if (r < 0 && r != -ENOSYS && r != -EOPNOTSUPP)
		return error_set(err, r, "landlock", "%s", strerror(-r));
	return 0;
}

int lockdown_finish(const struct lockdown *l, bool *landlock, struct error *err)
{
	int r = lockdown_landlock(false, NULL);

	*landlock = r == 0;
	if (r < 0 && r != -ENOSYS && r != -EOPNOTSUPP)
		return error_set(err, r, "landlock", "%s", strerror(-r));
	r = lockdown_seccomp(l->jit);
	if (r < 0)
		return error_set(err, r, "seccomp", "%s", strerror(-r));
	return 0;
}
