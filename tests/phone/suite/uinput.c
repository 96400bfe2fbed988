/* SPDX-License-Identifier: MIT */
/* Input devices made by uinput, a table of what each kind can tell. */
#include "tests/phone/suite/uinput.h"

#include "tests/phone/suite/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIST_END 0xffff

struct kind {
	const char *name;
	int property; /* or -1 */
	unsigned short keys[6], abs[6], rel[3], sw[2]; /* each up to LIST_END */
};

static const struct kind kinds[UINPUT_KINDS] = {
	[UINPUT_TOUCHSCREEN] = {"touchscreen",
				INPUT_PROP_DIRECT,
				{BTN_TOUCH, LIST_END},
				{ABS_X, ABS_Y, ABS_MT_SLOT, ABS_MT_POSITION_X, ABS_MT_TRACKING_ID,
				 LIST_END},
				{LIST_END},
				{LIST_END}},
	[UINPUT_KEYBOARD] = {"keyboard",
			     -1,
			     {KEY_A, KEY_B, KEY_C, KEY_ENTER, LIST_END},
			     {LIST_END},
			     {LIST_END},
			     {LIST_END}},
	[UINPUT_MOUSE] = {"mouse",
			  -1,
			  {BTN_LEFT, BTN_RIGHT, LIST_END},
			  {LIST_END},
			  {REL_X, REL_Y, LIST_END},
			  {LIST_END}},
	[UINPUT_GAMEPAD] = {"gamepad",
			    -1,
			    {BTN_SOUTH, BTN_EAST, LIST_END},
			    {ABS_X, ABS_Y, LIST_END},
			    {LIST_END},
			    {LIST_END}},
	[UINPUT_ACCELEROMETER] = {"accelerometer",
				  INPUT_PROP_ACCELEROMETER,
				  {LIST_END},
				  {ABS_X, ABS_Y, ABS_Z, LIST_END},
				  {LIST_END},
				  {LIST_END}},
	[UINPUT_SWITCH] = {"lid", -1, {LIST_END}, {LIST_END}, {LIST_END}, {SW_LID, LIST_END}},
};

const char *uinput_name(enum uinput_kind kind)
{
	return kinds[kind].name;
}

static void set_bits(int fd, unsigned long type, unsigned long request, const unsigned short *codes)
{
	for (; *codes != LIST_END; codes++)
		CHECK(!ioctl(fd, UI_SET_EVBIT, type) && !ioctl(fd, request, (unsigned long)*codes),
		      "uinput: %s", strerror(errno));
}

int uinput_create(enum uinput_kind kind)
{
	const struct kind *k = &kinds[kind];
	struct uinput_setup setup = {.id = {.bustype = BUS_VIRTUAL, .vendor = 1, .product = 1}};
	int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	CHECK(fd >= 0, "/dev/uinput: %s (modprobe uinput)", strerror(errno));
	set_bits(fd, EV_KEY, UI_SET_KEYBIT, k->keys);
	set_bits(fd, EV_REL, UI_SET_RELBIT, k->rel);
	set_bits(fd, EV_SW, UI_SET_SWBIT, k->sw);
	for (const unsigned short *a = k->abs; *a != LIST_END; a++) {
		struct uinput_abs_setup abs = {.code = *a, .absinfo = {.maximum = 0x7fffffff}};

		if (*a == ABS_MT_SLOT)
			abs.absinfo.maximum = 9;
		if (*a == ABS_MT_TRACKING_ID)
			abs.absinfo.maximum = 65535;
		CHECK(!ioctl(fd, UI_SET_EVBIT, EV_ABS) && !ioctl(fd, UI_ABS_SETUP, &abs),
		      "uinput: axis: %s", strerror(errno));
	}
	/* The scan codes of a keyboard's matrix. */
	if (kind == UINPUT_KEYBOARD)
		CHECK(!ioctl(fd, UI_SET_EVBIT, EV_MSC) && !ioctl(fd, UI_SET_MSCBIT, MSC_SCAN),
		      "uinput: %s", strerror(errno));
	if (k->property >= 0)
		CHECK(!ioctl(fd, UI_SET_PROPBIT, k->property), "uinput: %s", strerror(errno));
	snprintf(setup.name, sizeof(setup.name), "test %s", k->name);
	CHECK(!ioctl(fd, UI_DEV_SETUP, &setup) && !ioctl(fd, UI_DEV_CREATE), "uinput: %s: %s",
	      k->name, strerror(errno));
	return fd;
}

static void emit(int fd, unsigned int type, unsigned int code, int value)
{
	struct input_event e = {
		.type = (unsigned short)type, .code = (unsigned short)code, .value = value};

	CHECK(write(fd, &e, sizeof(e)) == sizeof(e), "uinput: an event: %s", strerror(errno));
}

void uinput_emit(int fd, unsigned int type, unsigned int code, int value)
{
	emit(fd, type, code, value);
	emit(fd, EV_SYN, SYN_REPORT, 0);
}

void uinput_use(int fd, enum uinput_kind kind)
{
	static int count; /* the kernel drops what repeats the last value */

	count++;
	switch (kind) {
	case UINPUT_TOUCHSCREEN:
		emit(fd, EV_ABS, ABS_MT_SLOT, 0);
		emit(fd, EV_ABS, ABS_MT_TRACKING_ID, count & 0x7fff);
		emit(fd, EV_ABS, ABS_MT_POSITION_X, 10 + count % 1000);
		emit(fd, EV_KEY, BTN_TOUCH, 1);
		emit(fd, EV_SYN, SYN_REPORT, 0);
		emit(fd, EV_ABS, ABS_MT_TRACKING_ID, -1);
		uinput_emit(fd, EV_KEY, BTN_TOUCH, 0);
		break;
	case UINPUT_KEYBOARD:
		uinput_emit(fd, EV_KEY, KEY_A, 1);
		uinput_emit(fd, EV_KEY, KEY_A, 0);
		break;
	case UINPUT_MOUSE:
		uinput_emit(fd, EV_REL, REL_X, 1 + count % 5);
		break;
	case UINPUT_GAMEPAD:
		uinput_emit(fd, EV_KEY, BTN_SOUTH, 1);
		uinput_emit(fd, EV_KEY, BTN_SOUTH, 0);
		break;
	case UINPUT_ACCELEROMETER:
		uinput_emit(fd, EV_ABS, ABS_X, 1000 * (1 + count % 1000));
		break;
	default:
		uinput_emit(fd, EV_SW, SW_LID, count & 1);
	}
}

int uinput_event_node(int fd, char *path, size_t size)
{
	char name[64] = "", dir_name[128];
	struct dirent *entry;

	if (ioctl(fd, UI_GET_SYSNAME(sizeof(name)), name) < 0)
		return -errno;
	/* Built in, or a module of its own, which udev loads later or not at all. */
	if (access("/sys/module/evdev", F_OK) && system("modprobe -q evdev 2>/dev/null"))
		suite_say("modprobe evdev failed: it is expected to be built in");
	snprintf(dir_name, sizeof(dir_name), "/sys/devices/virtual/input/%s", name);
	for (int tries = 0; tries < 200; tries++) {
		DIR *dir = opendir(dir_name);
		while (dir && (entry = readdir(dir))) {
			if (strncmp(entry->d_name, "event", 5))
				continue;
			snprintf(path, size, "/dev/input/%.32s", entry->d_name);
			closedir(dir);
			return 0;
		}
		if (dir)
			closedir(dir);
		suite_sleep_ms(10);
	}
	return -ENOENT;
}
