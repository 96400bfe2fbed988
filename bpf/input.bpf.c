/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Input: when did the owner last use the device?
 *
 * input_event() is what every driver calls for every event, before anybody is asked who may see
 * it: so this sees a device too that a program has grabbed for itself, and no device need be
 * opened or powered. It also sees what the input core drops right after: a gamepad that reports
 * two hundred times a second that nothing has changed. So an event is compared here with what the
 * device said last, as the core does; after that its code and value are forgotten, and a time is
 * all that is kept. Which devices speak for the owner is decided as in
 * broker/sources/input_class.c, from the same bits.
 *
 * Two variants of the same, of which the loader takes the one that the kernel supports.
 */
#include "common.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* linux/input-event-codes.h */
#define EV_KEY                   1
#define EV_REL                   2
#define EV_ABS                   3
#define KEY_MAX                  0x2ff
#define ABS_X                    0x00
#define ABS_Z                    0x02
#define ABS_MT_SLOT              0x2f
#define ABS_MT_POSITION_X        0x35
#define ABS_MT_TRACKING_ID       0x39
#define INPUT_PROP_ACCELEROMETER 6

static __always_inline bool is_owners(const struct input_dev *dev)
{
	unsigned long ev = BPF_CORE_READ(dev, evbit[0]);

	if (bitmap_bit(dev->propbit, INPUT_PROP_ACCELEROMETER))
		return false;
	if (ev & (1ul << EV_KEY | 1ul << EV_REL))
		return true;
	return bitmap_bit(dev->absbit, ABS_MT_POSITION_X) ||
	       (bitmap_bit(dev->absbit, ABS_X) && !bitmap_bit(dev->absbit, ABS_Z));
}

/* A place or a lifted finger that is told again and again says nothing. */
static __always_inline bool axis_moved(const struct input_dev *dev, unsigned int code, int value)
{
	const struct input_absinfo *axes;
	__s32 before = 0;

	if (code == ABS_MT_SLOT || (code == ABS_MT_TRACKING_ID && value < 0))
		return false;
	if (code > ABS_MT_SLOT)
		return true;
	axes = BPF_CORE_READ(dev, absinfo);
	if (!axes)
		return false;
	bpf_probe_read_kernel(&before, sizeof(before),
			      (const char *)axes + code * bpf_core_type_size(struct input_absinfo));
	return before != value;
}

static __always_inline bool key_moved(const struct input_dev *dev, unsigned int code, int value)
{
	if (code > KEY_MAX)
		return false;
	return value == 2 || bitmap_bit(dev->key, code) != !!value;
}

static __always_inline bool is_news(const struct input_dev *dev, unsigned int type,
				    unsigned int code, int value)
{
	switch (type) {
	case EV_KEY:
		return key_moved(dev, code, value);
	case EV_REL:
		return value;
	case EV_ABS:
		return axis_moved(dev, code, value);
	default:
		return false;
	}
}

static __always_inline int input_seen(const struct input_dev *dev, unsigned int type,
				      unsigned int code, int value)
{
	struct bpf_shared *s;

	if (!is_news(dev, type, code, value) || !is_owners(dev))
		return 0;
	s = shared_page();
	if (s)
		occasion_tell(s, BPF_RECORD_INPUT);
	return 0;
}

SEC("fentry/input_event")
int BPF_PROG(input_fentry, struct input_dev *dev, unsigned int type, unsigned int code, int value)
{
	return input_seen(dev, type, code, value);
}

SEC("kprobe/input_event")
int BPF_KPROBE(input_kprobe, struct input_dev *dev, unsigned int type, unsigned int code, int value)
{
	return input_seen(dev, type, code, value);
}
