/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Suspend: the gate closes before user space is frozen, and after the resume it stays closed for
 * the settle time. CLOCK_MONOTONIC stands still while the machine sleeps, and so do all dates.
 */
#include <linux/kconfig.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "core/gate.h"
#include "host.h"
#include "watch.h"

#if IS_ENABLED(CONFIG_PM_SLEEP)
static int suspend_event(struct notifier_block *nb, unsigned long event, void *unused)
{
	struct gate_fact fact = {.kind = GATE_FACT_SUSPEND};

	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		fact.on = true;
		host_close(&fact);
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		host_fact(&fact);
		break;
	}
	return NOTIFY_OK;
}

static struct notifier_block suspend_notifier = {.notifier_call = suspend_event};

int watch_suspend_begin(void)
{
	static const struct gate_fact ok = {
		.kind = GATE_FACT_SENSOR,
		.sensor = {.id = GATE_SENSOR_SUSPEND, .state = GATE_SENSOR_OK},
	};
	int r = register_pm_notifier(&suspend_notifier);

	if (!r)
		host_close(&ok); /* the gate of a new host lacks more than this */
	return r;
}

void watch_suspend_end(void)
{
	unregister_pm_notifier(&suspend_notifier);
}
#endif
