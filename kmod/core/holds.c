/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The words for people: of each hold, why it is set and what will clear it; names of sensors. */
#include "gate.h"

static const struct gate_hold_info hold_info[IDLEGATE_HOLD_COUNT] = {
	[IDLEGATE_HOLD_USER_ACTIVE] = {"user-active", "You used the device a short while ago.",
				       "no touch, key or pointer for the idle time"},
	[IDLEGATE_HOLD_NOT_CHARGING] = {"not-charging", "No charger feeds the device.",
					"a charger, plugged in for a while without a break"},
	[IDLEGATE_HOLD_DRAINING] = {"draining",
				    "The charger cannot keep up: the battery loses charge.",
				    "a battery that holds or gains charge for a while"},
	[IDLEGATE_HOLD_BATTERY_LOW] = {"battery-low", "The battery is low.",
				       "the battery charged to its upper limit"},
	[IDLEGATE_HOLD_BATTERY_HOT] = {"battery-hot", "The battery is hot.",
				       "the battery cooled to its lower limit for a while"},
	[IDLEGATE_HOLD_ZONE_HOT] = {"zone-hot", "A part of the device is hot.",
				    "every thermal zone cooled to its lower limit for a while"},
	[IDLEGATE_HOLD_SUSPENDING] = {"suspending",
				      "The device goes to sleep, or woke up a moment ago.",
				      "the settle time after the wake-up"},
	[IDLEGATE_HOLD_GPU_BUSY] = {"gpu-busy", "Another program uses the graphics device.",
				    "no other program on it for a while"},
	[IDLEGATE_HOLD_CPU_BUSY] = {"cpu-busy", "Your programs wait for the processor.",
				    "a processor with time to spare for a while"},
	[IDLEGATE_HOLD_SCHEDULE] = {"schedule", "It is outside the hours that you allow.",
				    "the next allowed hour"},
	[IDLEGATE_HOLD_PAUSED] = {"paused", "You paused it.",
				  "brokerctl resume, or the end of the pause"},
	[IDLEGATE_HOLD_BROKER_GONE] = {"broker-gone", "No broker runs the gate.",
				       "the start of brokerd"},
	[IDLEGATE_HOLD_SENSOR_LOST] = {"sensor-lost",
				       "A sensor that the policy needs is missing or broken.",
				       "that sensor's return; brokerctl doctor names it"},
};

static const char *const sensor_name[GATE_SENSOR_COUNT] = {
	[GATE_SENSOR_INPUT] = "input",       [GATE_SENSOR_POWER] = "power",
	[GATE_SENSOR_THERMAL] = "thermal",   [GATE_SENSOR_GPU] = "gpu",
	[GATE_SENSOR_CPU] = "cpu",           [GATE_SENSOR_SUSPEND] = "suspend",
	[GATE_SENSOR_SCHEDULE] = "schedule",
};

const struct gate_hold_info *gate_hold_info(u32 hold)
{
	return hold < IDLEGATE_HOLD_COUNT ? &hold_info[hold] : NULL;
}

const char *gate_sensor_name(u32 sensor)
{
	return sensor < GATE_SENSOR_COUNT ? sensor_name[sensor] : NULL;
}
