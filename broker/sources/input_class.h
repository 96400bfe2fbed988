/* SPDX-License-Identifier: MIT */
/* What an input device is, from its sysfs folder; see input_class.c. */
#ifndef BROKER_SOURCES_INPUT_CLASS_H
#define BROKER_SOURCES_INPUT_CLASS_H

#include <stdbool.h>
#include <stddef.h>

struct input_class {
	bool owner; /* its events mean that the owner uses the device */
	bool built_in; /* soldered on: it does not go away when all is well */
};

/** input_bit() - a bit of a capabilities file ("3 0 ffff…": hexadecimal longs, highest first) */
bool input_bit(const char *bitmap, unsigned int bit);

/** input_classify() - of "<sys>/class/input/<event>"; what sysfs does not tell counts as owner's */
void input_classify(struct input_class *out, const char *sys, const char *event);

#endif
