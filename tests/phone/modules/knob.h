/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Knobs: integers of a test module that user space reads and turns through sysfs.
 *
 * A knob takes a number within its bounds, `auto` where the module can work the value out, or
 * one of its words. knob_lock is held while its set() runs, so that turns never overlap; what
 * the kernel's frameworks read meanwhile they read without it (READ_ONCE()), because they are
 * waited for under the lock when a device is taken away.
 */
#ifndef _PHONE_KNOB_H
#define _PHONE_KNOB_H

#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#define KNOB_AUTO INT_MIN

struct knob {
	struct kobj_attribute attr;
	int *value;
	int lowest;
	int highest;
	bool may_be_auto;
	const char *const *words; /* word i stands for the value i */
	int word_count;
	int (*set)(const struct knob *knob, int value); /* stores the value, and acts on it */
	void *owner;
};

static DEFINE_MUTEX(knob_lock);

static inline struct knob *to_knob(struct kobj_attribute *attr)
{
	return container_of(attr, struct knob, attr);
}

static inline ssize_t knob_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	const struct knob *knob = to_knob(attr);
	int value = READ_ONCE(*knob->value);

	if (knob->may_be_auto && value == KNOB_AUTO)
		return sysfs_emit(buf, "auto\n");
	if (value >= 0 && value < knob->word_count)
		return sysfs_emit(buf, "%s\n", knob->words[value]);
	return sysfs_emit(buf, "%d\n", value);
}

static inline int knob_parse(const struct knob *knob, const char *text, int *value)
{
	int err;

	if (knob->may_be_auto && sysfs_streq(text, "auto")) {
		*value = KNOB_AUTO;
		return 0;
	}
	if (knob->words) {
		*value = __sysfs_match_string(knob->words, knob->word_count, text);
		if (*value >= 0)
			return 0;
	}
	err = kstrtoint(text, 0, value);
	if (err)
		return err;
	return *value < knob->lowest || *value > knob->highest ? -ERANGE : 0;
}

static inline ssize_t knob_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
				 size_t count)
{
	const struct knob *knob = to_knob(attr);
	int value, err;

	err = knob_parse(knob, buf, &value);
	if (err)
		return err;
	mutex_lock(&knob_lock);
	err = knob->set(knob, value);
	mutex_unlock(&knob_lock);
	return err ? err : count;
}

/* Initializers: the file's name, the integer behind it, who acts on it, for whom; its bounds. */
#define KNOB(file, where, setter, whose) \
	KNOB_WITHIN(file, where, INT_MIN + 1, INT_MAX, setter, whose)
#define KNOB_WITHIN(file, where, low, high, setter, whose)                                    \
	.attr = __ATTR(file, 0644, knob_show, knob_store), .value = (where), .lowest = (low), \
	.highest = (high), .set = (setter), .owner = (whose)

/* Knob i of an array, as a group of files wants it. */
#define KNOB_FILE(knobs, i) (&(knobs)[i].attr.attr)

#endif
