/* SPDX-License-Identifier: MIT */
/*
 * The eBPF programs in the kernel that runs: loaded by the real loader, heard through the loop, and
 * gone with the hub. Where this kernel or this user cannot load any, that must be said in words;
 * and so must it where there is no loader, or one that fails.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/bpf/hub.h"
#include "broker/bpf/load_proc.h"

struct world {
	struct loop *loop;
	struct loop_timer *limit;
	struct bpf_hub *hub;
	char loader[PATH_MAX];
	unsigned int answers;
	int waits_for; /* probes that have no answer yet */
};

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

static void on_limit(void *data)
{
	cr_assert_fail("no answer within two minutes");
}

static void on_answer(void *data)
{
	struct world *w = data;

	w->answers++;
	if (!--w->waits_for)
		loop_stop(w->loop);
}

static void world_new(struct world *w, const char *loader)
{
	*w = (struct world){.answers = 0};
	cr_assert_eq(loop_new(&w->loop, NULL), 0);
	cr_assert_eq(loop_timer_new(w->loop, on_limit, w, &w->limit), 0);
	loop_timer_at(w->limit, clock_now_ns() + 120 * NS_PER_S);
	if (loader) {
		strcpy(w->loader, loader);
	} else {
		/* The test is build/tests/unit/test_bpf_hub. */
		ssize_t n = readlink("/proc/self/exe", w->loader, PATH_MAX - 1);

		cr_assert_gt(n, 0);
		w->loader[n] = '\0';
		for (int i = 0; i < 3; i++)
			*strrchr(w->loader, '/') = '\0';
		strcat(w->loader, "/broker-bpf");
	}
	cr_assert_eq(bpf_hub_new(&w->hub, w->loop, w->loader), 0);
}

static void world_free(struct world *w)
{
	bpf_hub_free(w->hub);
	loop_free(w->loop);
}

/* Attach what @probes says, and wait for every answer. */
static void attach(struct world *w, uint32_t probes)
{
	w->waits_for = 0;
	for (int i = 0; i < BPF_PROBE_COUNT; i++) {
		if (!(probes & 1u << i))
			continue;
		bpf_hub_on_answer(w->hub, i, on_answer, w);
		w->waits_for += bpf_hub_attach(w->hub, i) == -EINPROGRESS;
	}
	if (w->waits_for)
		cr_assert_eq(loop_run(w->loop), 0);
}

static struct bpf_probe_status status(const struct world *w, int probe)
{
	struct bpf_probe_status s;

	cr_assert_eq(bpf_hub_status(w->hub, probe, &s), 0);
	return s;
}

/* Which of them are attached. */
static uint32_t attached(const struct world *w)
{
	uint32_t have = 0;

	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		if (strcmp(status(w, i).tier, "none") != 0)
			have |= 1u << i;
	return have;
}

#define ALL ((1u << BPF_PROBE_COUNT) - 1)

Test(bpf_hub, each_probe_is_attached_or_says_why_not)
{
	struct world w;

	world_new(&w, NULL);
	attach(&w, ALL);
	for (int i = 0; i < BPF_PROBE_COUNT; i++) {
		struct bpf_probe_status s = status(&w, i);
		int r = bpf_hub_attach(w.hub, i);

		fprintf(stderr, "%s: %s %s\n", s.name, s.tier, s.detail);
		cr_assert(s.wanted);
		cr_assert_neq(r, -EINPROGRESS, "%s has an answer", s.name);
		cr_assert_eq(!strcmp(s.tier, "none"), r < 0, "%s", s.name);
		cr_assert_eq(s.detail[0] != '\0', r < 0, "%s: %s", s.name, s.detail);
	}
	cr_assert_eq(bpf_hub_status(w.hub, BPF_PROBE_COUNT, &(struct bpf_probe_status){}), -ENOENT);
	world_free(&w);
}

Test(bpf_hub, all_is_gone_with_it)
{
	int before = bpf_descriptors();
	struct world w;

	world_new(&w, NULL);
	attach(&w, ALL);
	if (attached(&w))
		cr_assert_gt(bpf_descriptors(), before);
	else
		fprintf(stderr, "skipped: %s\n", status(&w, 0).detail);
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		bpf_hub_detach(w.hub, i);
	cr_assert_eq(attached(&w), 0);
	world_free(&w);
	cr_assert_eq(bpf_descriptors(), before);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a loader is left");
}

static void on_moment(void *data)
{
	loop_stop(data);
}

Test(bpf_hub, what_was_not_there_is_asked_for_again_but_not_at_once)
{
	struct bpf_probe_status before[BPF_PROBE_COUNT];
	struct loop_timer *moment;
	struct world w;

	world_new(&w, NULL);
	attach(&w, ALL);
	for (int i = 0; i < BPF_PROBE_COUNT; i++) {
		int r = bpf_hub_attach(w.hub, i);

		before[i] = status(&w, i);
		bpf_hub_ask_again(w.hub, i, -ESRCH);
		cr_assert_eq(bpf_hub_attach(w.hub, i), r == -ESRCH ? -EINPROGRESS : r);
	}
	cr_assert_eq(loop_timer_new(w.loop, on_moment, w.loop, &moment), 0);
	loop_timer_at(moment, clock_now_ns() + 300 * NS_PER_MS);
	cr_assert_eq(loop_run(w.loop), 0);
	for (int i = 0; i < BPF_PROBE_COUNT; i++) {
		struct bpf_probe_status s = status(&w, i);

		cr_assert_str_eq(s.tier, before[i].tier);
		cr_assert_str_eq(s.detail, before[i].detail, "%s: %s", s.name, s.detail);
	}
	world_free(&w);
}

/* With a second loader, which gets the maps of the first. */
Test(bpf_hub, what_was_detached_is_attached_again)
{
	struct world w;
	uint32_t had;

	world_new(&w, NULL);
	attach(&w, ALL);
	had = attached(&w);
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		if (had & 1u << i && i != BPF_PROBE_GPU_FENCE)
			bpf_hub_detach(w.hub, i);
	attach(&w, had);
	cr_assert_eq(attached(&w), had);
	world_free(&w);
}

Test(bpf_hub, one_that_is_no_longer_wanted_is_not_kept)
{
	struct world w;

	world_new(&w, NULL);
	attach(&w, 1u << BPF_PROBE_THERMAL);
	if (attached(&w)) {
		int before = bpf_descriptors();

		bpf_hub_on_answer(w.hub, BPF_PROBE_SUSPEND, on_answer, &w);
		cr_assert_eq(bpf_hub_attach(w.hub, BPF_PROBE_SUSPEND), -EINPROGRESS);
		bpf_hub_detach(w.hub, BPF_PROBE_SUSPEND);
		attach(&w, 1u << BPF_PROBE_INPUT); /* it would come before this one's answer */
		cr_assert_eq(strcmp(status(&w, BPF_PROBE_SUSPEND).tier, "none"), 0);
		if (!strcmp(status(&w, BPF_PROBE_INPUT).tier, "none"))
			cr_assert_eq(bpf_descriptors(), before);
	}
	world_free(&w);
}

Test(bpf_hub, nothing_is_started_before_somebody_asks)
{
	struct world w;

	world_new(&w, "/nonexistent/broker-bpf");
	loop_timer_at(w.limit, UINT64_MAX);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_not(status(&w, BPF_PROBE_INPUT).wanted);
	world_free(&w);
}

/* As a file of its own, since it stands in the place of a program. */
static void script(char *path, const char *text)
{
	int fd;

	strcpy(path, "/tmp/idlebroker-test-XXXXXX");
	fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	cr_assert_eq(fchmod(fd, 0700), 0);
	close(fd);
}

static void fails_with(const char *loader, const char *words)
{
	struct bpf_probe_status s;
	struct world w;

	world_new(&w, loader);
	attach(&w, 1u << BPF_PROBE_INPUT | 1u << BPF_PROBE_THERMAL);
	s = status(&w, BPF_PROBE_THERMAL);
	cr_assert_str_eq(s.tier, "none");
	cr_assert(strstr(s.detail, words) || strstr(s.detail, "without eBPF"), "%s", s.detail);
	/* It stays so for who asks later, and is tried once more for who wants that. */
	cr_assert_eq(bpf_hub_attach(w.hub, BPF_PROBE_SUSPEND), -EOPNOTSUPP);
	if (!strstr(s.detail, "without eBPF")) {
		w.answers = 0;
		w.waits_for = 1;
		bpf_hub_ask_again(w.hub, BPF_PROBE_THERMAL, -ESRCH); /* that was not why */
		cr_assert_neq(bpf_hub_attach(w.hub, BPF_PROBE_THERMAL), -EINPROGRESS);
		bpf_hub_ask_again(w.hub, BPF_PROBE_THERMAL, 0);
		cr_assert_eq(bpf_hub_attach(w.hub, BPF_PROBE_THERMAL), -EINPROGRESS);
		cr_assert_eq(loop_run(w.loop), 0);
		cr_assert_eq(w.answers, 1);
	}
	world_free(&w);
}

Test(bpf_hub, a_loader_that_is_missing_or_fails_is_told_of)
{
	char path[64];

	fails_with("/nonexistent/broker-bpf", "cannot be started");
	script(path, "#!/bin/sh\nexit 0\n");
	fails_with(path, "ended without an answer");
	unlink(path);
	script(path, "#!/bin/sh\nkill -9 $$\n");
	fails_with(path, "was killed");
	unlink(path);
	script(path, "#!/nonexistent/sh\n");
	fails_with(path, "cannot be executed");
	unlink(path);
	script(path, "#!/bin/sh\necho nonsense >&3\nexec sleep 100\n");
	fails_with(path, "of another version");
	unlink(path);
}

static void no_answer(void *data, const struct bpf_load_answer *a, const int *fds)
{
	cr_assert_fail("it says nothing");
}

static void ended(void *data, const char *why)
{
	struct world *w = data;

	cr_assert_str_eq(why, "the kernel did not take it in time");
	w->answers++;
	loop_stop(w->loop);
}

Test(bpf_hub, a_loader_that_is_stuck_is_killed)
{
	static const struct bpf_load_proc_ops ops = {.answer = no_answer, .ended = ended};
	struct bpf_load_request q = {.version = BPF_LOAD_VERSION, .probes = 1};
	struct bpf_load_job job = {.timeout_ns = 50 * NS_PER_MS, .request = &q};
	struct bpf_load_proc *p;
	struct world w;
	char path[64];

	script(path, "#!/bin/sh\nexec sleep 1000\n");
	job.program = path;
	world_new(&w, path);
	cr_assert_eq(bpf_load_proc_start(&p, w.loop, &job, &ops, &w), 0);
	cr_assert_eq(loop_run(w.loop), 0);
	cr_assert_eq(w.answers, 1);
	bpf_load_proc_free(p);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "it lives");
	world_free(&w);
	unlink(path);
}
