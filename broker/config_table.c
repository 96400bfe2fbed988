/* SPDX-License-Identifier: MIT */
/*
 * Every setting of brokerd. What is not in this table does not exist: the reader, its messages,
 * the shipped broker.conf and the manual page all go by it. A new setting is a field of struct
 * config and one entry here.
 */
#include "broker/config.h"
#include "broker/config_value.h"
#include "libbroker/job/job.h"

#define US  1000ll
#define MS  (1000 * US)
#define S   (1000 * MS)
#define MIN (60 * S)
#define H   (60 * MIN)
#define D   (24 * H)
#define KB  (1ll << 10)
#define MB  (KB << 10)
#define GB  (MB << 10)
#define TB  (GB << 10)

#define KEY(section_, name_, type_, field_, min_, max_, def_, text_)                              \
	{                                                                                         \
		.section = section_, .name = name_, .type = CONFIG_##type_,                       \
		.offset = offsetof(struct config, field_), .min = min_, .max = max_, .def = def_, \
		.text = text_                                                                     \
	}
#define DWELL(name_, hold_, text_) \
	KEY("gate", name_, DURATION, gate.dwell_ns[IDLEGATE_HOLD_##hold_], 0, H, NULL, text_)
#define TEMP(name_, field_, text_) \
	KEY("gate", name_, TEMPERATURE, gate.field_, 0, 120000, NULL, text_)
#define TENANT(name_, type_, field_, min_, max_, text_)                                     \
	{                                                                                   \
		.section = "tenant", .name = name_, .type = CONFIG_##type_,                 \
		.offset = offsetof(struct config_tenant, field_), .min = min_, .max = max_, \
		.text = text_                                                               \
	}

const struct config_key config_table[] = {
	KEY("broker", "state_dir", PATH, state_dir, 0, 0, "/var/lib/idlebroker",
	    "Where jobs, results and checkpoints are kept. A change needs a restart."),
	KEY("broker", "socket", SOCKET, socket, 0, 0, "/run/idlebroker/broker",
	    "Where clients connect. A change needs a restart."),
	KEY("broker", "worker", PATH, worker, 0, 0, IDLEBROKER_LIBEXECDIR "/broker-worker",
	    "The program that runs a job."),
	KEY("broker", "worker_user", USER, worker_user, 0, 0, "nobody",
	    "The user that workers become when brokerd runs as root."),
	KEY("broker", "log_level", LEVEL, log_level, 0, 0, "info",
	    "The least important messages that are still written."),

	KEY("gate", "module", MODULE, module, 0, 0, "auto",
	    "Whether the kernel module idlegate hosts the gate. With auto, where it is loaded and no "
	    "other process uses it; else user space does. With require, brokerd does not start "
	    "without it."),
	KEY("gate", "ebpf", BOOL, ebpf, 0, 0, "yes",
	    "Use eBPF programs for input, for the device's use by others, and for what else has no "
	    "better way here, where the kernel takes them. They are loaded after the start, by a "
	    "process of its own."),
	KEY("gate", "idle_after", DURATION, gate.idle_after_ns, MS, D, NULL,
	    "The owner counts as using the device for this long after the last input."),
	KEY("gate", "require_charging", BOOL, gate.require_charging, 0, 0, NULL,
	    "Work only while a supply that is no battery is online."),
	KEY("gate", "required_sensors", SENSORS, gate.required_sensors, 0, 0, NULL,
	    "The gate stays closed until each of these was heard of, and while one is lost."),
	KEY("gate", "battery_low_set", PERCENT, gate.battery_low_set, 0, 100, NULL,
	    "Stop at this level of the battery."),
	KEY("gate", "battery_low_clear", PERCENT, gate.battery_low_clear, 0, 100, NULL,
	    "Go on at this level; above battery_low_set."),
	TEMP("battery_hot_set", battery_hot_set, "Stop at this temperature of the battery."),
	TEMP("battery_hot_clear", battery_hot_clear, "Go on at this one; below battery_hot_set."),
	TEMP("zone_hot_set", zone_hot_set, "Stop at this temperature of any thermal zone."),
	TEMP("zone_hot_clear", zone_hot_clear, "Go on at this one; below zone_hot_set."),
	KEY("gate", "cpu_busy", PERMILLE, cpu_busy_permille, 1, 1000, "20%",
	    "Stop when the owner's programs wait for the processor this share of the time."),
	KEY("gate", "gpu_busy", PERMILLE, gpu_busy_permille, 1, 1000, "5%",
	    "Stop when other programs use this share of the device's time."),
	KEY("gate", "gpu_window", DURATION, gpu_window_ns, 10 * MS, MIN, "1s",
	    "The time over which that share is judged. A burst of this share of it is let pass, so "
	    "that a clock which is redrawn once a second does not stop the work."),
	KEY("gate", "gpu_at_once", BOOL, gpu_at_once, 0, 0, "no",
	    "Stop at any use of the device by other programs, and go on when there was none for "
	    "gpu_window. Needs eBPF; else gpu_busy counts."),
	KEY("gate", "resume_settle", DURATION, gate.resume_settle_ns, 0, H, NULL,
	    "Wait this long after the device woke from suspend."),
	DWELL("dwell_not_charging", NOT_CHARGING, "Charging must last this long to count."),
	DWELL("dwell_draining", DRAINING,
	      "The battery must have lost no charge for this long while plugged in."),
	DWELL("dwell_battery_low", BATTERY_LOW,
	      "The battery must have been above battery_low_clear for this long."),
	DWELL("dwell_battery_hot", BATTERY_HOT,
	      "The battery must have been below battery_hot_clear for this long."),
	DWELL("dwell_zone_hot", ZONE_HOT,
	      "All zones must have been below zone_hot_clear for this long."),
	DWELL("dwell_gpu_busy", GPU_BUSY,
	      "Other programs must have left the device alone so long."),
	DWELL("dwell_cpu_busy", CPU_BUSY,
	      "The owner's programs must not have waited for the processor for this long."),
	DWELL("dwell_sensor_lost", SENSOR_LOST,
	      "A sensor that was lost must be back for this long."),

	KEY("schedule", "allow", WINDOWS, windows, 0, 0, NULL,
	    "When work is allowed, local time. Each line adds a window; the day is the one it "
	    "begins on, and an end that is not after the begin is on the next day."),

	KEY("slices", "quantum", DURATION, quantum_ns, 500 * US, 100 * MS, "4ms",
	    "Work is cut into slices that take about this long on the device."),
	KEY("slices", "slice_limit", DURATION, slice_limit_ns, 5 * MS, 2 * S, "200ms",
	    "A job is ended when one of its slices takes longer. Kernel drivers give up on a "
	    "device after about 500 ms."),
	KEY("slices", "first_slice_limit", DURATION, first_slice_limit_ns, 5 * MS, MIN, "5s",
	    "The same for the first slice of a kernel, which the driver may compile first."),
	KEY("slices", "turn", DURATION, turn_ns, MS, MIN, "100ms",
	    "A job has the device for this long before the next one's turn."),
	KEY("slices", "grace", DURATION, grace_ns, MS, MIN, "100ms",
	    "When the gate closes, a worker that is not off the device after this long is "
	    "stopped, by the kernel module where it hosts the gate."),
	KEY("slices", "kill", DURATION, kill_ns, 10 * MS, 10 * MIN, "2s",
	    "And one that is not off the device after this long is killed, the same way; longer "
	    "than grace. The kernel module waits for at most 1min."),
	KEY("slices", "evict_after", DURATION, evict_after_ns, 0, D, "30s",
	    "When the gate stays closed, a job writes a checkpoint and frees its memory after "
	    "this long."),
	KEY("slices", "checkpoint_every", DURATION, checkpoint_every_ns, 0, D, "1min",
	    "How much work a power loss may cost. 0: checkpoints only when evicted."),

	KEY("devices", "allow_software_device", BOOL, allow_software_device, 0, 0, "no",
	    "Also lend a Vulkan driver that computes on the processor."),
	KEY("devices", "zone_target", TEMPERATURE, zone_target_mc, 0, 120000, "60C",
	    "Jobs get less of the device's time to keep the hottest zone at this; below "
	    "gate/zone_hot_set."),

	KEY("limits", "max_jobs", COUNT, max_jobs, 1, 1000000, "100000",
	    "Jobs that have not ended, of all tenants."),
	KEY("limits", "max_jobs_per_tenant", COUNT, max_jobs_per_tenant, 1, 1000000, "20000",
	    "Jobs that have not ended, of one tenant."),
	KEY("limits", "max_job_memory", SIZE, max_job_memory, MB, JOB_MEMORY_MAX, "1G",
	    "Device memory of one job."),
	KEY("limits", "max_job_device_time", DURATION, max_job_device_ns, S, 365 * D, "1d",
	    "Time on the device of one job. A job that names no limit gets this one."),
	KEY("limits", "max_spool", SIZE, max_spool_bytes, MB, 64 * TB, "4G",
	    "Disk space for the inputs and results of all jobs. A change needs a restart."),
	KEY("limits", "max_clients", COUNT, max_clients, 1, 4096, "128",
	    "Connections at a time. A change needs a restart."),
	KEY("limits", "keep_ended", COUNT, keep_ended, 0, 1000000, "1000",
	    "Jobs that have ended and are kept with their results; the oldest go first."),

	KEY("scheduler", "default_weight", COUNT, default_weight, 1, 10000, "100",
	    "A tenant's share of the device among those that have work."),
	KEY("scheduler", "default_day_budget", DURATION, default_day_budget_ns, 0, D, "0",
	    "A tenant's time on the device in a day. 0: no limit."),
	KEY("scheduler", "device_day_budget", DURATION, device_day_budget_ns, 0, D, "0",
	    "All tenants' time on the device in a day. 0: no limit."),

	TENANT("weight", COUNT, weight, 1, 10000, "Its own scheduler/default_weight."),
	TENANT("day_budget", DURATION, day_budget_ns, 0, D,
	       "Its own scheduler/default_day_budget."),

	KEY("roots", "sys", PATH, roots.sys, 0, 0, "/sys", "Where sysfs is."),
	KEY("roots", "proc", PATH, roots.proc, 0, 0, "/proc", "Where procfs is."),
	KEY("roots", "dev", PATH, roots.dev, 0, 0, "/dev", "Where device nodes are."),
	{.section = NULL},
};
