/* SPDX-License-Identifier: MIT */
/*
 * Which input devices speak for the owner.
 *
 * Left out are those that report the world and not a hand: accelerometers (by property, or three
 * axes and no key), proximity and light sensors (axes, but no position), lids and jacks (only
 * switches), vibrators and speakers (nothing comes from them). A device of which sysfs says
 * nothing counts as the owner's: too many holds are better than one too few.
 *
 * Bits and codes are those of linux/input-event-codes.h. They are read from sysfs and not by
 * ioctl, so a named pipe can stand in for a device.
 */
#include "broker/sources/input_class.h"

#include <errno.h>
#include <linux/input.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define BITMAP_TEXT 1024
#define LONG_BITS   (8 * sizeof(long))

bool input_bit(const char *bitmap, unsigned int bit)
{
	size_t len = strlen(bitmap);

	for (unsigned int word = bit / LONG_BITS;; word--) {
		size_t start;

		while (len && bitmap[len - 1] == ' ')
			len--;
		start = len;
		while (start && bitmap[start - 1] != ' ')
			start--;
		if (start == len)
			return false;
		if (!word)
			return strtoul(bitmap + start, NULL, 16) >> bit % LONG_BITS & 1;
		len = start;
	}
}

static bool any_bit(const char *bitmap)
{
	return bitmap[strspn(bitmap, "0 ")] != '\0';
}

static void read_bits(int dir, const char *name, char *buf)
{
	if (attr_read(dir, name, buf, BITMAP_TEXT) < 0)
		buf[0] = '\0';
}

static bool is_owners(int dir)
{
	char ev[BITMAP_TEXT], key[BITMAP_TEXT], rel[BITMAP_TEXT], abs[BITMAP_TEXT];
	char prop[BITMAP_TEXT];
	bool has_key, has_rel, has_abs;

	read_bits(dir, "capabilities/ev", ev);
	if (!ev[0])
		return true;
	read_bits(dir, "capabilities/key", key);
	read_bits(dir, "capabilities/rel", rel);
	read_bits(dir, "capabilities/abs", abs);
	read_bits(dir, "properties", prop);
	has_key = input_bit(ev, EV_KEY) && any_bit(key);
	has_rel = input_bit(ev, EV_REL) && any_bit(rel);
	has_abs = input_bit(ev, EV_ABS) && any_bit(abs);
	if (input_bit(prop, INPUT_PROP_ACCELEROMETER))
		return false;
	if (has_key || has_rel)
		return true;
	if (!has_abs)
		return false;
	if (input_bit(abs, ABS_MT_POSITION_X))
		return true;
	return input_bit(abs, ABS_X) && !input_bit(abs, ABS_Z);
}

/* Buses on which nothing is plugged in and out by hand. */
static bool bus_is_fixed(int dir)
{
	static const unsigned long fixed[] = {BUS_I2C, BUS_HOST, BUS_SPI, BUS_RMI, BUS_I8042};
	char text[16];
	unsigned long bus;

	if (attr_read(dir, "id/bustype", text, sizeof(text)) <= 0)
		return false;
	bus = strtoul(text, NULL, 16);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (bus == fixed[i])
			return true;
	return false;
}

void input_classify(struct input_class *out, const char *sys, const char *event)
{
	char sub[96];
	_cleanup_close_ int dir = -1;

	*out = (struct input_class){.owner = true};
	snprintf(sub, sizeof(sub), "class/input/%.32s/device", event);
	dir = dir_open(sys, sub);
	if (dir < 0)
		return;
	out->owner = is_owners(dir);
	out->built_in = out->owner && bus_is_fixed(dir);
}
