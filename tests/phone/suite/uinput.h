/* SPDX-License-Identifier: MIT */
/* Input devices made by uinput: each is one as far as the kernel can tell. */
#ifndef TESTS_PHONE_UINPUT_H
#define TESTS_PHONE_UINPUT_H

#include <stddef.h>

enum uinput_kind {
	UINPUT_TOUCHSCREEN,
	UINPUT_KEYBOARD,
	UINPUT_MOUSE,
	UINPUT_GAMEPAD,
	UINPUT_ACCELEROMETER,
	UINPUT_SWITCH, /* a lid */
	UINPUT_KINDS
};

/** uinput_name() - "touchscreen" ... */
const char *uinput_name(enum uinput_kind kind);

/** uinput_create() - Return: the device, which goes with its descriptor; or fails the case */
int uinput_create(enum uinput_kind kind);

/** uinput_use() - one thing that an owner (or the sensor) does with it; no two are the same */
void uinput_use(int fd, enum uinput_kind kind);

/** uinput_emit() - one event, and the end of its frame */
void uinput_emit(int fd, unsigned int type, unsigned int code, int value);

/** uinput_event_node() - /dev/input/eventN of a device, waited for; 0 or -ENOENT */
int uinput_event_node(int fd, char *path, size_t size);

#endif
