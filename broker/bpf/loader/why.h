/* SPDX-License-Identifier: MIT */
/* Why a program could not be loaded or attached, in words for the owner of the device. */
#ifndef BROKER_BPF_LOADER_WHY_H
#define BROKER_BPF_LOADER_WHY_H

#include <stdbool.h>

/* What of this system bears on it. */
struct bpf_why_world {
	bool no_btf; /* the kernel describes its types nowhere */
	bool locked_down; /* at the level that forbids to look into the kernel's memory */
	bool may_bpf, may_perfmon; /* rights of this process; CAP_SYS_ADMIN is both */
};

void bpf_why_look(struct bpf_why_world *out);

/** bpf_why() - one short sentence without a full stop for the -errno @r; static. Pure. */
const char *bpf_why(int r, const struct bpf_why_world *world);

/** bpf_why_locked_down() - from the text of .../kernel/security/lockdown; pure */
bool bpf_why_locked_down(const char *text);

#endif
