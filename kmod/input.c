/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input: when did the owner last use the device?
 *
 * An event is a time and nothing else: its code and its value are not looked at, kept or printed.
 * Only keys, buttons, movements and positions count; of these any does, so also the repetition of
 * a key that is held down. What accompanies them (reports' ends, scan codes) and what goes to a
 * device (lamps, sounds, vibration) does not.
 *
 * Left out are devices that report the world and not a hand: accelerometers (by property, or three
 * axes and no key), proximity and light sensors (axes, but no position), lids and jacks (only
 * switches), vibrators and speakers. The rule is that of the broker's own evdev source.
 *
 * A device is observed, not opened: one that nobody uses stays without power. A device that a
 * program grabbed tells that program alone; an input that another probe saw is welcome for that.
 *
 * A built-in device that goes is a lost sensor; a mouse that is unplugged is not.
 */
#include <linux/bitops.h>
#include <linux/input.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/compat.h"
#include "core/gate.h"
#include "host.h"
#include "look.h"
#include "watch.h"

struct watched_input {
	struct input_handle handle;
	bool built_in;
};

static DEFINE_SPINLOCK(inputs_lock);
static u32 inputs, inputs_built_in, inputs_most_built_in;
static u32 inputs_told; /* the state that was told last */

static void inputs_event(struct input_handle *handle, unsigned int type, unsigned int code,
			 int value)
{
	if (type == EV_KEY || type == EV_ABS || type == EV_REL)
		host_input();
}

static bool inputs_match(struct input_handler *handler, struct input_dev *dev)
{
	bool has_key = test_bit(EV_KEY, dev->evbit) && !bitmap_empty(dev->keybit, KEY_CNT);
	bool has_rel = test_bit(EV_REL, dev->evbit) && !bitmap_empty(dev->relbit, REL_CNT);

	if (test_bit(INPUT_PROP_ACCELEROMETER, dev->propbit))
		return false;
	if (has_key || has_rel)
		return true;
	if (!test_bit(EV_ABS, dev->evbit))
		return false;
	if (test_bit(ABS_MT_POSITION_X, dev->absbit))
		return true;
	return test_bit(ABS_X, dev->absbit) && !test_bit(ABS_Z, dev->absbit);
}

/* Buses on which nothing is plugged in and out by hand. */
static bool inputs_is_built_in(const struct input_dev *dev)
{
	switch (dev->id.bustype) {
	case BUS_I2C:
	case BUS_HOST:
	case BUS_SPI:
	case BUS_RMI:
	case BUS_I8042:
		return true;
	default:
		return false;
	}
}

static void inputs_count(int change, bool built_in)
{
	spin_lock(&inputs_lock);
	inputs += change;
	if (built_in)
		inputs_built_in += change;
	inputs_most_built_in = max(inputs_most_built_in, inputs_built_in);
	spin_unlock(&inputs_lock);
	/* The input core's locks are held here: no place to open a gate. */
	look_soon(GATE_SENSOR_BIT(GATE_SENSOR_INPUT));
}

static int inputs_connect(struct input_handler *handler, struct input_dev *dev,
			  const struct input_device_id *id)
{
	struct watched_input *input = kzalloc(sizeof(*input), GFP_KERNEL);
	int r;

	if (!input)
		return -ENOMEM;
	input->built_in = inputs_is_built_in(dev);
	input->handle.dev = dev;
	input->handle.handler = handler;
	input->handle.name = "idlegate";
	input->handle.private = input;
	r = compat_input_observe(&input->handle);
	if (r) {
		kfree(input);
		return r;
	}
	inputs_count(1, input->built_in);
	return 0;
}

static void inputs_disconnect(struct input_handle *handle)
{
	struct watched_input *input = handle->private;

	compat_input_ignore(handle);
	inputs_count(-1, input->built_in);
	kfree(input);
}

static const struct input_device_id inputs_ids[] = {
	/* inputs_match() decides; an entry with driver_info alone matches nothing on 7.2. */
	{.flags = INPUT_DEVICE_ID_MATCH_EVBIT, .evbit = {BIT(EV_KEY)}},
	{.flags = INPUT_DEVICE_ID_MATCH_EVBIT, .evbit = {BIT(EV_REL)}},
	{.flags = INPUT_DEVICE_ID_MATCH_EVBIT, .evbit = {BIT(EV_ABS)}},
	{},
};

static struct input_handler inputs_handler = {
	.event = inputs_event,
	.match = inputs_match,
	.connect = inputs_connect,
	.disconnect = inputs_disconnect,
	.name = "idlegate",
	.id_table = inputs_ids,
};

void watch_input_look(struct look *look)
{
	bool lost;

	spin_lock(&inputs_lock);
	lost = inputs_built_in < inputs_most_built_in;
	spin_unlock(&inputs_lock);
	look_add_sensor(look, GATE_SENSOR_INPUT, lost ? GATE_SENSOR_LOST : GATE_SENSOR_OK,
			&inputs_told);
}

void watch_input_forget(void)
{
	spin_lock(&inputs_lock);
	inputs_most_built_in = inputs_built_in;
	spin_unlock(&inputs_lock);
}

u32 watch_input_count(void)
{
	return READ_ONCE(inputs);
}

int watch_input_begin(void)
{
	inputs_told = GATE_SENSOR_UNHEARD;
	inputs_most_built_in = 0;
	compat_input_handler_passive(&inputs_handler);
	return input_register_handler(&inputs_handler);
}

void watch_input_end(void)
{
	input_unregister_handler(&inputs_handler);
}
