/* SPDX-License-Identifier: MIT */
/* The few calls of bpf(2) that brokerd makes itself; see sys.h. */
#include "broker/bpf/sys.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sys_bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr)) < 0 ? -errno : 0;
}

/* Zeros everywhere, which an initializer of a union does not promise. */
static union bpf_attr *attr_clear(union bpf_attr *attr)
{
	return memset(attr, 0, sizeof(*attr));
}

int bpf_sys_map_info(int map, struct bpf_map_info *out)
{
	union bpf_attr attr;

	memset(out, 0, sizeof(*out));
	attr_clear(&attr)->info.bpf_fd = (uint32_t)map;
	attr.info.info_len = sizeof(*out);
	attr.info.info = (uintptr_t)out;
	return sys_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

int bpf_sys_map_lookup(int map, const void *key, void *value, uint64_t flags)
{
	union bpf_attr attr;

	attr_clear(&attr)->map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	attr.value = (uintptr_t)value;
	attr.flags = flags;
	return sys_bpf(BPF_MAP_LOOKUP_ELEM, &attr);
}

int bpf_sys_map_next(int map, const void *key, void *next)
{
	union bpf_attr attr;

	attr_clear(&attr)->map_fd = (uint32_t)map;
	attr.key = (uintptr_t)key;
	attr.next_key = (uintptr_t)next;
	return sys_bpf(BPF_MAP_GET_NEXT_KEY, &attr);
}

int bpf_sys_run(int program)
{
	union bpf_attr attr;

	attr_clear(&attr)->test.prog_fd = (uint32_t)program;
	return sys_bpf(BPF_PROG_TEST_RUN, &attr);
}
