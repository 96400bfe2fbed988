/* SPDX-License-Identifier: MIT */
/* Loading and unloading idlegate.ko; see the header. */
#include "tests/phone/suite/module_file.h"

#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *module_path(void)
{
	static char path[512];
	const char *given = getenv("IDLEGATE_KO"), *build = getenv("B");

	if (given)
		snprintf(path, sizeof(path), "%s", given);
	else
		snprintf(path, sizeof(path), "%s/idlegate/idlegate.ko", build ?: "build");
	if (access(path, R_OK))
		suite_skip("no %s: IDLEGATE_KO must name the module's file", path);
	return path;
}

int module_load(const char *parameters)
{
	int fd = open(module_path(), O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0, "%s cannot be opened", module_path());
	int ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

int module_unload(void)
{
	return syscall(SYS_delete_module, "idlegate", O_NONBLOCK) ? -errno : 0;
}

void module_settle(void)
{
	struct stat st;

	for (int ms = 0; ms < 10000; ms += 10) {
		if (!stat(IDLEGATE_DEVICE, &st) && st.st_gid && (st.st_mode & 0777) == 0660)
			return;
		suite_sleep_ms(10);
	}
	suite_say("%s has not got its group yet: no udev?", IDLEGATE_DEVICE);
}
