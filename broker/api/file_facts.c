/* SPDX-License-Identifier: MIT */
/* See file_facts.h. */
#include "broker/api/file_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int file_facts_get(int fd, struct file_facts *facts)
{
	struct statx st;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
		    STATX_TYPE | STATX_NLINK | STATX_MNT_ID, &st) < 0)
		return -errno;
	*facts = (struct file_facts){
		.mode = st.stx_mode,
		.links = st.stx_nlink,
		.has_mount = st.stx_mask & STATX_MNT_ID,
		.mount = st.stx_mnt_id,
	};
	return 0;
}
