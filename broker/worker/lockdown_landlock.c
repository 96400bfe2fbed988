/* SPDX-License-Identifier: MIT */
/*
 * Landlock layers; see lockdown.h. Every right that the running kernel knows is handled, so
 * what is not granted here is denied. The kernel's header may be older than the kernel:
 * rights are given by their numbers, by the version of the interface that brought them.
 */
#include "broker/worker/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"

#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE  (1ull << 2)
#define FS_READ_DIR   (1ull << 3)
#define FS_ABI_1      ((1ull << 13) - 1)
#define FS_ABI_2      (1ull << 13) /* REFER */
#define FS_ABI_3      (1ull << 14) /* TRUNCATE */
#define FS_ABI_5      (1ull << 15) /* IOCTL_DEV */
#define NET_ABI_4     3ull /* TCP bind and connect */
#define SCOPE_ABI_6   3ull /* abstract Unix sockets, signals */

struct attributes { /* struct landlock_ruleset_attr of ABI 6 */
	uint64_t fs, net, scoped;
};

static int make_ruleset(int abi, struct attributes *a)
{
	size_t size = abi >= 6 ? sizeof(*a) : abi >= 4 ? 16 : 8;

	a->fs = FS_ABI_1 | (abi >= 2 ? FS_ABI_2 : 0) | (abi >= 3 ? FS_ABI_3 : 0) |
		(abi >= 5 ? FS_ABI_5 : 0);
	a->net = NET_ABI_4;
	a->scoped = SCOPE_ABI_6;
	return (int)syscall(SYS_landlock_create_ruleset, a, size, 0);
}

static int allow(int ruleset, const char *path, uint64_t rights)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
	struct stat st;

	if (fd < 0) /* what is not there needs no rule */
		return 0;
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= ~FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

/* The list of drivers may have been given by hand, as files or folders. */
static int allow_listed(int ruleset, const char *variable)
{
	const char *value = getenv(variable);
	_cleanup_free_ char *copy = value ? strdup(value) : NULL;
	char *rest = NULL;
	int r = 0;

	if (!copy)
		return 0;
	for (char *p = strtok_r(copy, ":", &rest); r == 0 && p; p = strtok_r(NULL, ":", &rest))
		r = allow(ruleset, p, FS_READ_FILE | FS_READ_DIR);
	return r;
}

static int allow_for_driver(int ruleset, uint64_t handled, const char *node)
{
	static const char *const readable[] = {"/usr",         "/lib", "/lib64", "/etc",
					       "/opt",         "/sys", "/proc",  "/dev/dri",
					       "/dev/urandom", "/nix", "/gnu"};
	static const char *const listed[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES",
					     "VK_ADD_DRIVER_FILES", "LD_LIBRARY_PATH"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(readable); i++)
		r = allow(ruleset, readable[i], FS_READ_FILE | FS_READ_DIR);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(listed); i++)
		r = allow_listed(ruleset, listed[i]);
	if (r == 0)
		r = allow(ruleset, "/dev/null", FS_READ_FILE | FS_WRITE_FILE);
	if (r == 0 && (!node || *node))
		r = allow(ruleset, node ? node : "/dev/dri",
			  (FS_READ_FILE | FS_WRITE_FILE | FS_ABI_5) & handled);
	return r;
}

int lockdown_landlock(bool files, const char *node)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	_cleanup_close_ int ruleset = -1;
	struct attributes a;
	int r;

	if (abi < 0)
		return -errno;
	ruleset = make_ruleset((int)abi, &a);
	if (ruleset < 0)
		return -errno;
	r = files ? allow_for_driver(ruleset, a.fs, node) : 0;
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		r = -errno;
	return r;
}
