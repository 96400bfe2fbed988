/* SPDX-License-Identifier: MIT */
/*
 * Why a program could not be loaded or attached.
 *
 * The kernel has few numbers for many reasons: a kernel that is locked down refuses a program as
 * one that has a bug, and one without type information fails before it is even asked. So what is
 * known of the system comes first, and the number after that.
 */
#include "broker/bpf/loader/why.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libbroker/util/cleanup.h"

#define KERNEL_ENOTSUPP 524 /* the kernel's own, which libc does not know */

bool bpf_why_locked_down(const char *text)
{
	return strstr(text, "[confidentiality]") != NULL;
}

static bool read_line(const char *path, const char *key, char *out, int size)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	while (file && fgets(out, size, file))
		if (!strncmp(out, key, strlen(key)))
			return true;
	return false;
}

void bpf_why_look(struct bpf_why_world *out)
{
	unsigned long long caps = 0;
	char line[128];

	*out = (struct bpf_why_world){
		.no_btf = access("/sys/kernel/btf/vmlinux", F_OK) < 0,
		.locked_down = read_line("/sys/kernel/security/lockdown", "", line, sizeof(line)) &&
			       bpf_why_locked_down(line),
	};
	if (read_line("/proc/self/status", "CapEff:", line, sizeof(line)))
		sscanf(line, "CapEff: %llx", &caps);
	out->may_bpf = caps & (1ull << CAP_BPF | 1ull << CAP_SYS_ADMIN);
	out->may_perfmon = caps & (1ull << CAP_PERFMON | 1ull << CAP_SYS_ADMIN);
}

const char *bpf_why(int r, const struct bpf_why_world *world)
{
	if (r == -ENOMEM)
		return "out of memory";
	if (r == -ENOSYS)
		return "this kernel has no eBPF (CONFIG_BPF_SYSCALL)";
	if (world->no_btf)
		return "this kernel does not describe its types (CONFIG_DEBUG_INFO_BTF)";
	if (!world->may_bpf || !world->may_perfmon)
		return world->may_bpf       ? "brokerd lacks CAP_PERFMON"
		       : world->may_perfmon ? "brokerd lacks CAP_BPF"
					    : "brokerd lacks CAP_BPF and CAP_PERFMON";
	if (world->locked_down)
		return "the kernel is locked down (confidentiality) and lets no program look";
	switch (r) {
	case -ESRCH:
		return "what it looks at is not in this kernel, or its module is not loaded";
	case -ENOENT:
		return "this kernel has no such place to look at, or cannot attach there";
	case -KERNEL_ENOTSUPP:
	case -EOPNOTSUPP:
		return "this kernel cannot attach in this way";
	case -EPERM:
	case -EACCES:
		return "not permitted";
	case -EINVAL:
		return "this kernel does not take the program";
	default:
		return strerror(-r);
	}
}
