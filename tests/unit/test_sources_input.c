/* SPDX-License-Identifier: MIT */
/*
 * Input: named pipes stand in for event devices, with the sysfs folders that the kernel would
 * make for them. The bitmaps are those of real devices.
 */
#include "sources_fixture.h"

#include <errno.h>
#include <linux/input.h>
#include <sys/resource.h>

#include "broker/sources/input_class.h"

struct device_case {
	const char *what;
	const char *ev, *key, *rel, *abs, *properties, *bus;
	struct input_class want;
};

static const struct device_case devices[] = {
	{"touchscreen", "b", "400 0 0 0 0 0", "0", "2618000 0", "2", "0018", {true, true}},
	{"power key", "3", "10000000000000 0", "0", "0", "0", "0019", {true, true}},
	{"USB mouse", "17", "1f0000 0 0 0 0", "903", "0", "0", "0003", {true, false}},
	{"keyboard",
	 "120013",
	 "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe",
	 "0",
	 "0",
	 "0",
	 "0011",
	 {true, true}},
	{"drawing tablet without keys", "9", "0", "0", "3", "0", "0003", {true, false}},
	{"accelerometer by property", "9", "0", "0", "7", "40", "0018", {false, false}},
	{"accelerometer by its axes", "9", "0", "0", "7", "0", "0018", {false, false}},
	{"proximity sensor", "9", "0", "0", "2000000", "0", "0018", {false, false}},
	{"lid switch", "21", "0", "0", "0", "0", "0019", {false, false}},
	{"headphone jack", "21", "0", "0", "0", "0", "0000", {false, false}},
	{"vibrator", "200001", "0", "0", "0", "0", "0018", {false, false}},
	{"PC speaker", "40001", "0", "0", "0", "0", "0010", {false, false}},
};

static void fake_class(const struct fixture *f, const char *event, const struct device_case *d)
{
	const struct {
		const char *file, *text;
	} files[] = {
		{"capabilities/ev", d->ev},    {"capabilities/key", d->key},
		{"capabilities/rel", d->rel},  {"capabilities/abs", d->abs},
		{"properties", d->properties}, {"id/bustype", d->bus},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128];

		snprintf(path, sizeof(path), "sys/class/input/%s/device/%s", event, files[i].file);
		fake_file(f, path, files[i].text);
	}
}

/* Makes a device and returns the end that the kernel would write to. */
static int fake_device(const struct fixture *f, const char *event, const struct device_case *d)
{
	char path[256], sub[64];
	int fd;

	fake_class(f, event, d);
	snprintf(sub, sizeof(sub), "dev/input/%s", event);
	fixture_path(f, path, sizeof(path), sub);
	cr_assert_eq(mkfifo(path, 0600), 0);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	return fd;
}

static void touch(int fd)
{
	struct input_event e = {.type = EV_KEY, .code = KEY_A, .value = 1};

	cr_assert_eq(write(fd, &e, sizeof(e)), (ssize_t)sizeof(e));
}

static struct fixture *fixture_with_input(void)
{
	struct fixture *f = fixture_new();

	fake_dir(f, "dev/input");
	return f;
}

Test(input, bits_are_counted_from_the_last_word)
{
	cr_assert(input_bit("1", 0));
	cr_assert_not(input_bit("1", 1));
	cr_assert(input_bit("8000000000000001 0", 64));
	cr_assert(input_bit("8000000000000001 0", 127));
	cr_assert_not(input_bit("8000000000000001 0", 63));
	cr_assert_not(input_bit("8000000000000001 0", 128));
	cr_assert_not(input_bit("", 0));
	cr_assert_not(input_bit("   ", 3));
}

Test(input, devices_are_told_apart_by_what_they_can_do)
{
	struct fixture *f = fixture_with_input();
	struct input_class c;

	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		fake_class(f, "event0", &devices[i]);
		input_classify(&c, f->config.roots.sys, "event0");
		cr_assert_eq(c.owner, devices[i].want.owner, "%s", devices[i].what);
		cr_assert_eq(c.built_in, devices[i].want.built_in, "%s", devices[i].what);
	}
	input_classify(&c, f->config.roots.sys, "event77");
	cr_assert(c.owner, "a device that sysfs does not know counts");
	fixture_free(f);
}

Test(input, a_touch_is_one_fact)
{
	struct fixture *f = fixture_with_input();
	int screen = fake_device(f, "event0", &devices[0]);
	int accelerometer = fake_device(f, "event1", &devices[5]);

	fixture_open(f, &source_input);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	fixture_want_detail(f, "1 input devices, 1 of them built in");
	touch(accelerometer);
	cr_assert_eq(fixture_run(f, 1, 50), 0);
	touch(screen);
	cr_assert_eq(fixture_run(f, 1, 1000), 1);
	cr_assert_eq(f->fact[f->n - 1].kind, GATE_FACT_INPUT);
	close(screen);
	close(accelerometer);
	fixture_free(f);
}

struct finger {
	struct fixture *f;
	struct loop_timer *timer;
	int fd;
	int left;
};

static void finger_moves(void *data)
{
	struct finger *finger = data;

	touch(finger->fd);
	if (--finger->left)
		loop_timer_at(finger->timer, clock_now_ns() + 4 * NS_PER_MS);
}

Test(input, a_stream_of_touches_wakes_four_times_a_second)
{
	struct fixture *f = fixture_with_input();
	struct finger finger = {.f = f, .left = 150};
	uint64_t wakeups, began;
	unsigned int most;

	finger.fd = fake_device(f, "event0", &devices[0]);
	fixture_open(f, &source_input);
	cr_assert_eq(loop_timer_new(f->loop, finger_moves, &finger, &finger.timer), 0);
	loop_timer_at(finger.timer, 0);
	wakeups = loop_wakeups(f->loop);
	began = clock_now_ns();
	f->n = 0;
	for (int i = 0; i < 50 && finger.left; i++)
		fixture_run(f, 0, 200);
	cr_assert_eq(finger.left, 0);
	most = (unsigned int)((clock_now_ns() - began) / (250 * NS_PER_MS)) + 1;
	cr_assert_geq(f->n, 2);
	cr_assert_leq(f->n, most);
	/* 150 wake-ups are the finger's own; the rest are the source's and the limit's. */
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 150 + 4 * most + 10);

	/* When it is quiet again no timer is left, and the next touch counts at once. */
	fixture_run(f, 0, 1000);
	wakeups = loop_wakeups(f->loop);
	cr_assert_eq(fixture_run(f, 1, 400), 0);
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 1);
	touch(finger.fd);
	cr_assert_eq(fixture_run(f, 1, 1000), 1);
	close(finger.fd);
	fixture_free(f);
}

Test(input, devices_come_and_go)
{
	struct fixture *f = fixture_new();
	int screen, mouse;

	fixture_open(f, &source_input);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	fake_dir(f, "dev/input");
	mouse = fake_device(f, "event3", &devices[2]);
	fixture_want_state(f, GATE_SENSOR_OK, 1000);
	touch(mouse);
	cr_assert_eq(fixture_run(f, 1, 1000), 1);

	/* A mouse that is pulled out is no loss; a touchscreen that dies is. */
	close(mouse);
	fake_remove(f, "dev/input/event3");
	fixture_want_state(f, GATE_SENSOR_ABSENT, 1000);
	screen = fake_device(f, "event4", &devices[0]);
	fixture_want_state(f, GATE_SENSOR_OK, 1000);
	fake_remove(f, "dev/input/event4");
	fixture_want_state(f, GATE_SENSOR_LOST, 1000);
	fixture_want_detail(f, "1 of 1 built-in");
	close(screen);
	screen = fake_device(f, "event9", &devices[0]);
	fixture_want_state(f, GATE_SENSOR_OK, 1000);
	close(screen);
	fixture_free(f);
}

Test(input, a_lost_device_is_forgotten_at_reload)
{
	struct fixture *f = fixture_with_input();
	int screen = fake_device(f, "event0", &devices[0]);

	fixture_open(f, &source_input);
	close(screen); /* a hangup, as when the driver unbinds */
	fake_remove(f, "dev/input/event0");
	fixture_want_state(f, GATE_SENSOR_LOST, 1000);
	source_input.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	fixture_free(f);
}

Test(input, the_folder_itself_may_go_and_come_back)
{
	struct fixture *f = fixture_with_input();
	int mouse = fake_device(f, "event0", &devices[2]);

	fixture_open(f, &source_input);
	fake_remove(f, "dev/input");
	fixture_want_state(f, GATE_SENSOR_ABSENT, 1000);
	close(mouse);
	fake_dir(f, "dev/input");
	mouse = fake_device(f, "event1", &devices[2]);
	fixture_want_state(f, GATE_SENSOR_OK, 1000);
	touch(mouse);
	cr_assert_eq(fixture_run(f, 1, 1000), 1);
	close(mouse);
	fixture_free(f);
}

Test(input, a_device_that_cannot_be_read_is_a_lost_sensor)
{
	struct fixture *f = fixture_with_input();
	char path[256];
	int fd;

	fd = fake_device(f, "event0", &devices[0]);
	fixture_path(f, path, sizeof(path), "dev/input/event0");
	cr_assert_eq(chmod(path, 0), 0);
	cr_assert_eq(chmod(f->root, 0755), 0);
	cr_assert(geteuid() != 0 || seteuid(65534) == 0);
	fixture_open(f, &source_input);
	fixture_want_state(f, GATE_SENSOR_LOST, 0);
	fixture_want_detail(f, "input/event0: Permission denied; run the broker as root or in");
	cr_assert(getuid() != 0 || seteuid(0) == 0);

	/* udev gives the node its rights a moment after it was made. */
	cr_assert_eq(chmod(path, 0644), 0);
	fixture_want_state(f, GATE_SENSOR_OK, 1000);
	close(fd);
	fixture_free(f);
}

Test(input, no_device_folder_at_all_is_a_lost_sensor)
{
	struct fixture *f = fixture_new();

	fake_remove(f, "dev");
	fixture_open(f, &source_input);
	fixture_want_state(f, GATE_SENSOR_LOST, 0);
	source_input.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_LOST, 0);
	fixture_free(f);
}
