/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the module is built for (6.1 to 7.x), and nothing else.
 *
 * probe.mk looks into the headers of the kernel and defines the HAVE_... below. Version numbers
 * would not do: stable kernels take changes back to older ones.
 */
#ifndef IDLEGATE_COMPAT_H
#define IDLEGATE_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/input.h>
#include <linux/mm.h>
#include <linux/power_supply.h>

static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*fn)(struct hrtimer *),
					enum hrtimer_mode mode)
{
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, mode);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = fn;
#endif
}

static inline void compat_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef HAVE_VM_FLAGS_CLEAR
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

static inline void compat_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef HAVE_VM_FLAGS_CLEAR
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/*
 * To observe a device without powering it. Where the input core has no passive handlers, a handle
 * that says to be open gets events all the same, and the device is not asked to start. Before
 * input_register_handle() nobody else knows the handle.
 */
static inline void compat_input_handler_passive(struct input_handler *handler)
{
#ifdef HAVE_PASSIVE_OBSERVER
	handler->passive_observer = true;
#endif
}

static inline int compat_input_observe(struct input_handle *handle)
{
#ifdef HAVE_PASSIVE_OBSERVER
	int r = input_register_handle(handle);

	if (r)
		return r;
	r = input_open_device(handle);
	if (r)
		input_unregister_handle(handle);
	return r;
#else
	handle->open = 1;
	return input_register_handle(handle);
#endif
}

/* input_unregister_handle() waits for events in flight. */
static inline void compat_input_ignore(struct input_handle *handle)
{
#ifdef HAVE_PASSIVE_OBSERVER
	input_close_device(handle);
#endif
	input_unregister_handle(handle);
}

#if IS_REACHABLE(CONFIG_POWER_SUPPLY)
struct compat_supply_walk {
	int (*fn)(struct power_supply *psy, void *data);
	void *data;
};

static inline int compat_supply_step(struct device *dev, void *data)
{
	struct compat_supply_walk *walk = data;

	return walk->fn(dev_get_drvdata(dev), walk->data);
}

/* Each supply of the machine, until @fn returns other than zero. */
static inline int compat_walk_supplies(void *data, int (*fn)(struct power_supply *, void *))
{
#if defined(HAVE_FOR_EACH_PSY)
	return power_supply_for_each_psy(data, fn);
#else
	struct compat_supply_walk walk = {.fn = fn, .data = data};
#if defined(HAVE_FOR_EACH_DEVICE)
	return power_supply_for_each_device(&walk, compat_supply_step);
#else
	return class_for_each_device(power_supply_class, NULL, &walk, compat_supply_step);
#endif
#endif
}
#endif

#endif
