/* SPDX-License-Identifier: MIT */
/*
 * The eBPF programs in the kernel that runs: loaded, heard through the loop, and gone with the hub.
 * Where this kernel or this user cannot load any, that must be said in words.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/bpf/hub.h"

/* Descriptors of eBPF objects that this process has open. */
static int bpf_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int n = 0;

	cr_assert_not_null(dir);
	while ((e = readdir(dir))) {
		char path[300], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		if (readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "bpf"))
			n++;
	}
	closedir(dir);
	return n;
}

static struct bpf_hub *hub_or_skip(struct loop *loop)
{
	struct bpf_probe_status s;
	struct bpf_hub *hub;

	cr_assert_eq(bpf_hub_new(&hub, loop), 0);
	if (bpf_hub_works(hub))
		return hub;
	cr_assert_eq(bpf_hub_attach(hub, BPF_PROBE_INPUT), -EOPNOTSUPP);
	cr_assert_eq(bpf_hub_status(hub, BPF_PROBE_INPUT, &s), 0);
	cr_assert_str_eq(s.tier, "none");
	cr_assert(s.wanted);
	cr_assert_neq(s.detail[0], '\0', "it must say why");
	fprintf(stderr, "skipped: %s\n", s.detail);
	bpf_hub_free(hub);
	return NULL;
}

Test(bpf_hub, each_probe_is_attached_or_says_why_not)
{
	struct loop *loop;
	struct bpf_hub *hub;

	cr_assert_eq(loop_new(&loop, NULL), 0);
	hub = hub_or_skip(loop);
	for (int i = 0; hub && i < BPF_PROBE_COUNT; i++) {
		int r = bpf_hub_attach(hub, i);
		struct bpf_probe_status s;

		cr_assert_eq(bpf_hub_status(hub, i, &s), 0);
		fprintf(stderr, "%s: %s %s\n", s.name, s.tier, s.detail);
		cr_assert_eq(!strcmp(s.tier, "none"), r < 0, "%s", s.name);
		cr_assert_eq(s.detail[0] != '\0', r < 0, "%s: %s", s.name, s.detail);
		cr_assert_eq(bpf_hub_attach(hub, i), r, "%s: once more", s.name);
	}
	cr_assert_eq(bpf_hub_status(hub, BPF_PROBE_COUNT, &(struct bpf_probe_status){}), -ENOENT);
	bpf_hub_free(hub);
	loop_free(loop);
}

Test(bpf_hub, all_is_gone_with_it)
{
	int before = bpf_descriptors();
	struct loop *loop;
	struct bpf_hub *hub;

	cr_assert_eq(loop_new(&loop, NULL), 0);
	hub = hub_or_skip(loop);
	if (hub) {
		for (int i = 0; i < BPF_PROBE_COUNT; i++)
			bpf_hub_attach(hub, i);
		cr_assert_gt(bpf_descriptors(), before);
		for (int i = 0; i < BPF_PROBE_COUNT; i++)
			bpf_hub_detach(hub, i);
	}
	bpf_hub_free(hub);
	cr_assert_eq(bpf_descriptors(), before);
	loop_free(loop);
}
