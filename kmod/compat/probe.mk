# SPDX-License-Identifier: GPL-2.0-only
# Asks the headers of the kernel what it has; compat.h says what for.
has = $(shell grep -qE '$(2)' $(srctree)/include/$(1) 2>/dev/null && echo -DHAVE_$(3))

ccflags-y += $(call has,linux/hrtimer.h,void hrtimer_setup.,HRTIMER_SETUP)
ccflags-y += $(call has,linux/mm.h,void vm_flags_clear.,VM_FLAGS_CLEAR)
ccflags-y += $(call has,linux/input.h,bool passive_observer;,PASSIVE_OBSERVER)
ccflags-y += $(call has,linux/power_supply.h,power_supply_for_each_psy.,FOR_EACH_PSY)
ccflags-y += $(call has,linux/power_supply.h,power_supply_for_each_device.,FOR_EACH_DEVICE)
ccflags-y += $(call has,net/genetlink.h,int.*[*]bind.*int mcgrp,GENL_BIND)
