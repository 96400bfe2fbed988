/* SPDX-License-Identifier: MIT */
/*
 * The phone's touchscreen: a uinput device that is made once and stays.
 *
 *   touchscreen FIFO       make the device, then serve the FIFO until it is told to quit
 *
 * Each line of the FIFO is one command ("tap", "press", "release", "quit") and where the answer
 * goes, the path of another FIFO: "tap /run/answer". The answer to a tap or press is the
 * CLOCK_MONOTONIC nanoseconds just before the write of its events: the earliest moment at which
 * the kernel can have known of it.
 *
 * The device says what touchscreens of phones say (multi-touch slots, BTN_TOUCH, direct), so that
 * it is taken for one by all that look at capabilities rather than at names.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WIDTH  1080
#define HEIGHT 2340
#define SLOTS  10

static int touch_id;

static int die(const char *what)
{
	fprintf(stderr, "touchscreen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void axis(int fd, int code, int maximum)
{
	struct uinput_abs_setup abs = {.code = (__u16)code, .absinfo.maximum = maximum};

	if (ioctl(fd, UI_SET_ABSBIT, code) < 0 || ioctl(fd, UI_ABS_SETUP, &abs) < 0)
		die("axis");
}

static int make_device(void)
{
	struct uinput_setup setup = {
		.id = {.bustype = BUS_I2C, .vendor = 0x1, .product = 0x1, .version = 1},
		.name = "virtual phone touchscreen",
	};
	int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/uinput");
	if (ioctl(fd, UI_SET_EVBIT, EV_KEY) < 0 || ioctl(fd, UI_SET_EVBIT, EV_ABS) < 0 ||
	    ioctl(fd, UI_SET_KEYBIT, BTN_TOUCH) < 0 ||
	    ioctl(fd, UI_SET_PROPBIT, INPUT_PROP_DIRECT) < 0)
		die("capabilities");
	axis(fd, ABS_X, WIDTH);
	axis(fd, ABS_Y, HEIGHT);
	axis(fd, ABS_MT_SLOT, SLOTS - 1);
	axis(fd, ABS_MT_TRACKING_ID, 65535);
	axis(fd, ABS_MT_POSITION_X, WIDTH);
	axis(fd, ABS_MT_POSITION_Y, HEIGHT);
	if (ioctl(fd, UI_DEV_SETUP, &setup) < 0 || ioctl(fd, UI_DEV_CREATE) < 0)
		die("the device");
	return fd;
}

static void put(struct input_event *events, int *n, int type, int code, int value)
{
	events[(*n)++] =
		(struct input_event){.type = (__u16)type, .code = (__u16)code, .value = value};
}

static unsigned long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000ull + (unsigned long long)t.tv_nsec;
}

/* One write, as a driver reports one frame at once. */
static unsigned long long report(int fd, bool down)
{
	struct input_event events[8] = {0};
	unsigned long long when;
	int n = 0;

	put(events, &n, EV_ABS, ABS_MT_TRACKING_ID, down ? ++touch_id & 0xffff : -1);
	if (down) {
		/* The kernel passes on only what changed. */
		put(events, &n, EV_ABS, ABS_MT_POSITION_X, touch_id % WIDTH);
		put(events, &n, EV_ABS, ABS_MT_POSITION_Y, touch_id % HEIGHT);
	}
	put(events, &n, EV_KEY, BTN_TOUCH, down);
	put(events, &n, EV_SYN, SYN_REPORT, 0);
	when = now_ns();
	if (write(fd, events, sizeof(events[0]) * (size_t)n) < 0)
		die("write");
	return when;
}

static void answer(const char *path, unsigned long long when)
{
	FILE *out = fopen(path, "we");

	if (!out)
		return;
	fprintf(out, "%llu\n", when);
	fclose(out);
}

/* Returns false for the end. */
static bool serve(int fd, char *line)
{
	char *rest = NULL;
	const char *verb = strtok_r(line, " \n", &rest);
	const char *to = strtok_r(NULL, " \n", &rest);
	unsigned long long when = 0;

	if (!verb)
		return true;
	if (strcmp(verb, "quit") == 0)
		return false;
	if (strcmp(verb, "tap") == 0 || strcmp(verb, "press") == 0)
		when = report(fd, true);
	if (strcmp(verb, "tap") == 0 || strcmp(verb, "release") == 0)
		report(fd, false);
	if (to)
		answer(to, when);
	return true;
}

int main(int argc, char **argv)
{
	char line[256];
	FILE *in;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: touchscreen FIFO\n");
		return 2;
	}
	fd = make_device();
	unlink(argv[1]);
	if (mkfifo(argv[1], 0600) < 0)
		die(argv[1]);
	/* Also for writing, so that there is no end of file between two writers. */
	in = fopen(argv[1], "r+e");
	if (!in)
		die(argv[1]);
	while (fgets(line, sizeof(line), in) && serve(fd, line))
		;
	unlink(argv[1]);
	return 0;
}
