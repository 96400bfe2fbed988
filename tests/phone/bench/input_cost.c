/* SPDX-License-Identifier: MIT */
/*
 * What an input event costs on its way from a driver to the program that shows it: `input_cost
 * EVENTS HOST`. Written by uinput in packets, as a finger draws, and read by evdev, as the owner's
 * desktop does; the time of both for one event, in ns, is printed. HOST 1: the module's gate is
 * hosted meanwhile and listens to input.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/idlegate.h>
#include <linux/uinput.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET    3 /* two axes and the end of the packet */
#define PACKETS   16 /* in one write: what an evdev client has room for */
#define BATCH     (PACKET * PACKETS)
#define WARM_UP   20 /* batches */
#define SETTLE_US 100000

static void fail(const char *what)
{
	fprintf(stderr, "input_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int make_screen(void)
{
	struct uinput_setup setup = {.id = {.bustype = BUS_VIRTUAL}, .name = "bench pad"};
	int fd = open("/dev/uinput", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/uinput");
	ioctl(fd, UI_SET_EVBIT, EV_KEY);
	ioctl(fd, UI_SET_KEYBIT, BTN_TOUCH);
	ioctl(fd, UI_SET_EVBIT, EV_ABS);
	ioctl(fd, UI_SET_PROPBIT, INPUT_PROP_DIRECT);
	for (uint16_t axis = ABS_X; axis <= ABS_Y; axis++) {
		struct uinput_abs_setup a = {.code = axis, .absinfo = {.maximum = 4096}};

		if (ioctl(fd, UI_ABS_SETUP, &a) < 0)
			fail("UI_ABS_SETUP");
	}
	if (ioctl(fd, UI_DEV_SETUP, &setup) < 0 || ioctl(fd, UI_DEV_CREATE) < 0)
		fail("UI_DEV_CREATE");
	return fd;
}

static int open_reader(int screen)
{
	char name[64] = "", pattern[128];
	glob_t found;
	int fd;

	if (ioctl(screen, UI_GET_SYSNAME(sizeof(name)), name) < 0)
		fail("UI_GET_SYSNAME");
	snprintf(pattern, sizeof(pattern), "/sys/devices/virtual/input/%s/event*", name);
	if (glob(pattern, 0, NULL, &found) || found.gl_pathc != 1)
		fail(pattern);
	snprintf(pattern, sizeof(pattern), "/dev/input/%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
	fd = open(pattern, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		fail(pattern);
	return fd;
}

static void host_gate(void)
{
	struct idlegate_host host = {.sensors = 1u << IDLEGATE_SENSOR_INPUT};
	int fd = open(IDLEGATE_DEVICE, O_RDWR | O_CLOEXEC);

	/* The end of this program closes it. */
	if (fd < 0 || ioctl(fd, IDLEGATE_IOC_HOST, &host) < 0)
		fail(IDLEGATE_DEVICE);
}

static void draw(int screen, int reader)
{
	static int32_t at; /* an axis that says what it said before is dropped by the core */
	struct input_event e[BATCH] = {0}, seen[BATCH];
	ssize_t n;

	for (int i = 0; i < BATCH; i += PACKET) {
		at = (at + 1) % 4096;
		e[i] = (struct input_event){.type = EV_ABS, .code = ABS_X, .value = at};
		e[i + 1] = (struct input_event){.type = EV_ABS, .code = ABS_Y, .value = at};
		e[i + 2] = (struct input_event){.type = EV_SYN, .code = SYN_REPORT};
	}
	if (write(screen, e, sizeof(e)) != (ssize_t)sizeof(e))
		fail("write to /dev/uinput");
	n = read(reader, seen, sizeof(seen));
	if (n != (ssize_t)sizeof(e)) {
		fprintf(stderr, "input_cost: %zd bytes came out of %zu\n", n, sizeof(e));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct sched_param p = {.sched_priority = 1};
	unsigned long batches;
	uint64_t began;
	int screen, reader;

	if (argc != 3) {
		fprintf(stderr, "usage: input_cost EVENTS HOST\n");
		return 2;
	}
	batches = strtoul(argv[1], NULL, 10) / BATCH;
	if (!batches)
		return 2;
	screen = make_screen();
	reader = open_reader(screen);
	if (strtoul(argv[2], NULL, 10))
		host_gate();
	usleep(SETTLE_US);
	if (sched_setscheduler(0, SCHED_FIFO, &p) < 0)
		fail("sched_setscheduler");
	for (int i = 0; i < WARM_UP; i++)
		draw(screen, reader);
	began = now_ns();
	for (unsigned long i = 0; i < batches; i++)
		draw(screen, reader);
	printf("%.1f\n", (double)(now_ns() - began) / (double)(batches * BATCH));
	return 0;
}
