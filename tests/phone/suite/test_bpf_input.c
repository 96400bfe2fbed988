/* SPDX-License-Identifier: MIT */
/*
 * Input by eBPF in the phone's kernel: the real program, the real source and the loop of brokerd,
 * and devices that are ones as far as the kernel can tell. What must close the gate, what must
 * not, and what it costs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "broker/bpf/hub.h"
#include "broker/sources/bpf.h"
#include "tests/phone/suite/suite.h"
#include "tests/phone/suite/uinput.h"

#define TOUCH_HZ      240
#define TOUCH_SECONDS 5
#define LOADED_MS     60000 /* the machine is emulated */

struct world {
	struct config config;
	char loader[300];
	struct loop *loop;
	struct loop_timer *limit;
	struct bpf_hub *hub;
	const struct source_ops *ops;
	void *source;
	unsigned int inputs;
};

static void on_fact(void *data, const struct gate_fact *fact)
{
	struct world *w = data;

	w->inputs += fact->kind == GATE_FACT_INPUT;
}

static void on_limit(void *data)
{
	loop_stop(data);
}

static void run_for(struct world *w, unsigned int ms)
{
	loop_timer_at(w->limit, clock_now_ns() + ms * NS_PER_MS);
	CHECK_RET(loop_run(w->loop), 0);
}

/* This is build/phone/suite/test_bpf_input, or where else that is. */
static void find_loader(char *out, size_t size)
{
	char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	CHECK(n > 0, "/proc/self/exe: %s", strerror(errno));
	path[n] = '\0';
	for (int i = 0; i < 3; i++)
		*strrchr(path, '/') = '\0';
	snprintf(out, size, "%s/broker-bpf", path);
}

static void on_answer(void *data)
{
	loop_stop(data);
}

/* The source, after what input came while it was opened. */
static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct bpf_probe_status status;
	struct source_ctx ctx;

	CHECK(w, "out of memory");
	config_default(&w->config);
	CHECK_RET(loop_new(&w->loop, NULL), 0);
	CHECK_RET(loop_timer_new(w->loop, on_limit, w->loop, &w->limit), 0);
	find_loader(w->loader, sizeof(w->loader));
	CHECK_RET(bpf_hub_new(&w->hub, w->loop, w->loader), 0);
	bpf_hub_on_answer(w->hub, BPF_PROBE_INPUT, on_answer, w->loop);
	ctx = (struct source_ctx){
		.loop = w->loop, .config = &w->config, .fact = on_fact, .bpf = w->hub, .data = w};
	CHECK(source_choose(&source_input, &ctx) == &source_input, "it waited for the loader");
	run_for(w, LOADED_MS);
	w->ops = source_choose(&source_input, &ctx);
	CHECK_RET(bpf_hub_status(w->hub, BPF_PROBE_INPUT, &status), 0);
	if (bpf_hub_attach(w->hub, BPF_PROBE_INPUT) == -EOPNOTSUPP)
		suite_skip("%s", status.detail);
	CHECK(w->ops == &source_bpf_input, "not by eBPF: %s %s", status.tier, status.detail);
	suite_say("attached by %s", status.tier);
	CHECK_RET(w->ops->open(&w->source, &ctx), 0);
	run_for(w, 300);
	w->inputs = 0;
	return w;
}

static void world_free(struct world *w)
{
	w->ops->close(w->source);
	bpf_hub_free(w->hub);
	loop_free(w->loop);
	free(w);
}

static void every_device_of_the_owner_is_seen(void)
{
	static const enum uinput_kind owners[] = {UINPUT_TOUCHSCREEN, UINPUT_KEYBOARD, UINPUT_MOUSE,
						  UINPUT_GAMEPAD};
	struct world *w = world_new();

	for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
		int fd = uinput_create(owners[i]);

		run_for(w, 1500); /* the source is quiet again */
		w->inputs = 0;
		uinput_use(fd, owners[i]);
		run_for(w, 100);
		CHECK(w->inputs >= 1, "%s was not seen", uinput_name(owners[i]));
		close(fd);
	}
	world_free(w);
}

static void a_grabbed_device_is_seen(void)
{
	int fd = uinput_create(UINPUT_TOUCHSCREEN), grabber;
	struct world *w = world_new();
	char node[64];

	CHECK_RET(uinput_event_node(fd, node, sizeof(node)), 0);
	grabber = open(node, O_RDONLY | O_NONBLOCK);
	CHECK(grabber >= 0 && !ioctl(grabber, EVIOCGRAB, 1), "%s: %s", node, strerror(errno));
	uinput_use(fd, UINPUT_TOUCHSCREEN);
	run_for(w, 100);
	CHECK(w->inputs >= 1, "a touch on a grabbed screen was not seen");
	close(grabber);
	close(fd);
	world_free(w);
}

static void what_is_no_hand_is_not_seen(void)
{
	static const enum uinput_kind others[] = {UINPUT_ACCELEROMETER, UINPUT_SWITCH};
	struct world *w = world_new();

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		int fd = uinput_create(others[i]);

		uinput_use(fd, others[i]);
		uinput_use(fd, others[i]);
		run_for(w, 200);
		CHECK(!w->inputs, "%s counted as the owner", uinput_name(others[i]));
		close(fd);
	}
	world_free(w);
}

/* As a gamepad that reports its rest all the time. */
static void what_does_not_change_is_not_seen(void)
{
	int pad = uinput_create(UINPUT_GAMEPAD);
	struct world *w = world_new();

	uinput_emit(pad, EV_KEY, BTN_SOUTH, 1);
	run_for(w, 3000);
	CHECK(w->inputs >= 1, "the first press was not seen");
	w->inputs = 0;
	for (int i = 0; i < 100; i++)
		uinput_emit(pad, EV_KEY, BTN_SOUTH, 1);
	run_for(w, 200);
	CHECK(!w->inputs, "an unchanged key counted");
	uinput_emit(pad, EV_KEY, BTN_SOUTH, 0);
	run_for(w, 200);
	CHECK(w->inputs >= 1, "its release was not seen");
	close(pad);
	world_free(w);
}

static void touch_on_and_on(void *data)
{
	int fd = *(int *)data;

	for (int i = 0; i < TOUCH_HZ * TOUCH_SECONDS; i++) {
		uinput_use(fd, UINPUT_TOUCHSCREEN);
		poll(NULL, 0, 1000 / TOUCH_HZ);
	}
}

static void a_finger_on_the_glass_wakes_seldom(void)
{
	int fd = uinput_create(UINPUT_TOUCHSCREEN);
	struct world *w = world_new();
	uint64_t before = loop_wakeups(w->loop);
	pid_t finger = suite_fork(touch_on_and_on, &fd);
	uint64_t wakeups;

	run_for(w, TOUCH_SECONDS * 1000);
	wakeups = loop_wakeups(w->loop) - before;
	suite_say("%llu wake-ups in %d s, %u inputs told", (unsigned long long)wakeups,
		  TOUCH_SECONDS, w->inputs);
	CHECK(w->inputs >= TOUCH_SECONDS - 1, "told %u times in %d s", w->inputs, TOUCH_SECONDS);
	CHECK(wakeups <= 5 * TOUCH_SECONDS, "%llu wake-ups", (unsigned long long)wakeups);
	suite_join(finger);
	close(fd);
	world_free(w);
}

/* Asked for over and over and never read, so that the ring fills up. */
static void lost_records_count_as_input(void)
{
	int fd = uinput_create(UINPUT_TOUCHSCREEN);
	struct world *w = world_new();

	run_for(w, 1500);
	w->inputs = 0;
	for (int i = 0; i < 3000 && !bpf_hub_dropped(w->hub); i++) {
		bpf_hub_arm(w->hub, BPF_RECORD_INPUT, 0);
		uinput_use(fd, UINPUT_TOUCHSCREEN);
	}
	CHECK(bpf_hub_dropped(w->hub), "the ring never was full");
	run_for(w, 100);
	CHECK(w->inputs, "nothing was told");
	/* And it is not deaf after that. */
	run_for(w, 3000);
	w->inputs = 0;
	uinput_use(fd, UINPUT_TOUCHSCREEN);
	run_for(w, 100);
	CHECK(w->inputs, "the next touch was not seen");
	close(fd);
	world_free(w);
}

/* A touch that no loop has seen yet when one source takes the place of the other, either way. */
static void none_is_missed_while_sources_change(void)
{
	int fd = uinput_create(UINPUT_TOUCHSCREEN);
	struct world *w = world_new();
	struct source_ctx ctx = {
		.loop = w->loop, .config = &w->config, .fact = on_fact, .bpf = w->hub, .data = w};
	void *evdev;

	run_for(w, 6000); /* what was long ago is told no more */
	w->inputs = 0;
	uinput_use(fd, UINPUT_TOUCHSCREEN);
	CHECK_RET(source_input.open(&evdev, &ctx), 0);
	w->ops->close(w->source);
	run_for(w, 100);
	CHECK(w->inputs, "one was missed on the way to evdev");
	run_for(w, 6000);
	w->inputs = 0;
	CHECK(source_choose(&source_input, &ctx) == &source_input, "it was detached");
	run_for(w, LOADED_MS);
	CHECK(source_choose(&source_input, &ctx) == w->ops, "it is attached again");
	CHECK(!w->inputs, "%u inputs of nobody", w->inputs);
	uinput_use(fd, UINPUT_TOUCHSCREEN);
	CHECK_RET(w->ops->open(&w->source, &ctx), 0);
	source_input.close(evdev);
	run_for(w, 100);
	CHECK(w->inputs, "one was missed on the way to eBPF");
	close(fd);
	world_free(w);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(every_device_of_the_owner_is_seen),
		SUITE_CASE(a_grabbed_device_is_seen),
		SUITE_CASE(what_is_no_hand_is_not_seen),
		SUITE_CASE(what_does_not_change_is_not_seen),
		SUITE_CASE(a_finger_on_the_glass_wakes_seldom),
		SUITE_CASE(lost_records_count_as_input),
		SUITE_CASE(none_is_missed_while_sources_change),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
