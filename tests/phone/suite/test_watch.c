/* SPDX-License-Identifier: MIT */
/*
 * What the module watches by itself, without a daemon: the chargers and the battery by the class's
 * notifier and by looking, the zones by looking. The devices are those of the test modules.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BATTERY   "/sys/kernel/vbattery/"
#define THERMAL   "/sys/kernel/vthermal/"
#define HOLD(x)   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_##x)
#define POWER     (1u << IDLEGATE_SENSOR_POWER)
#define HEAT      (1u << IDLEGATE_SENSOR_THERMAL)
#define SETTLE_MS 500
#define SOON_MS   5000 /* an emulated machine may be slow; the figures are another test's */

struct knob {
	const char *path, *value;
};

static const struct knob all_well[] = {
	{BATTERY "quiet", "0"},
	{BATTERY "charger/attached", "1"},
	{BATTERY "charger/online", "1"},
	{BATTERY "charger/error", "0"},
	{BATTERY "battery/attached", "1"},
	{BATTERY "battery/error", "0"},
	{BATTERY "battery/status", "auto"},
	{BATTERY "battery/current_now", "auto"},
	{BATTERY "battery/capacity", "90"},
	{BATTERY "battery/temp", "250"},
	{THERMAL "vsoc/attached", "1"},
	{THERMAL "vsoc/error", "0"},
	{THERMAL "vsoc/temp", "40000"},
};

static void turn(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		suite_skip("%s: the test modules are not loaded", path);
	CHECK(fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value), "%s: %s", path,
	      strerror(errno));
	close(fd);
}

/* An open gate that watches these sensors, with everything well. */
static int host(uint32_t sensors, uint32_t look_ms)
{
	struct idlegate_policy policy = gcl_policy_calm();
	struct idlegate_zones zones = {
		.n = 1,
		.zone = {{"vsoc", IDLEGATE_VALUE_UNKNOWN, IDLEGATE_VALUE_UNKNOWN, 0}},
	};
	int fd = gcl_open(O_RDWR);

	for (size_t i = 0; i < ARRAY_LEN(all_well); i++)
		turn(all_well[i].path, all_well[i].value);
	policy.required_sensors = sensors;
	policy.require_charging = !!(sensors & POWER);
	policy.look_ms = look_ms;
	gcl_host(fd, sensors, NULL);
	if (sensors & HEAT)
		CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &zones), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &policy), 0);
	gcl_wait_holds(gcl_map(fd), ~0u, 0, SOON_MS);
	return fd;
}

static void look(int owner)
{
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_LOOK, NULL), 0);
}

static void a_charger_is_seen_to_go_and_come(void)
{
	int owner = host(POWER, 0);
	const volatile struct idlegate_page *page = gcl_map(owner);

	CHECK_RET((long)gcl_info().supplies, 2);
	turn(BATTERY "charger/online", "0");
	gcl_wait_holds(page, HOLD(NOT_CHARGING), HOLD(NOT_CHARGING), SOON_MS);
	turn(BATTERY "charger/online", "1");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
}

static void a_battery_is_judged(void)
{
	int owner = host(POWER, 0);
	const volatile struct idlegate_page *page = gcl_map(owner);

	turn(BATTERY "battery/current_now", "-200000");
	gcl_wait_holds(page, ~0u, HOLD(DRAINING), SOON_MS);
	turn(BATTERY "battery/current_now", "auto");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
	turn(BATTERY "battery/temp", "400");
	gcl_wait_holds(page, ~0u, HOLD(BATTERY_HOT), SOON_MS);
	turn(BATTERY "battery/temp", "380");
	look(owner);
	CHECK_RET((long)gcl_holds(page), (long)HOLD(BATTERY_HOT));
	turn(BATTERY "battery/temp", "370");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
	turn(BATTERY "battery/capacity", "40");
	gcl_wait_holds(page, ~0u, HOLD(BATTERY_LOW), SOON_MS);
}

static void a_broken_battery_is_a_lost_sensor(void)
{
	int owner = host(POWER, 0);
	const volatile struct idlegate_page *page = gcl_map(owner);

	turn(BATTERY "battery/error", "5");
	look(owner);
	CHECK_RET((long)gcl_holds(page), (long)HOLD(SENSOR_LOST));
	turn(BATTERY "battery/error", "0");
	look(owner);
	CHECK_RET((long)gcl_holds(page), 0);
	turn(BATTERY "battery/attached", "0");
	look(owner);
	CHECK_RET((long)gcl_holds(page), (long)HOLD(SENSOR_LOST));
	turn(BATTERY "battery/attached", "1");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
}

/* A driver that forgets to tell is found out by looking. */
static void what_is_not_told_is_looked_for(void)
{
	int owner = host(POWER | HEAT, IDLEGATE_LOOK_MIN_MS);
	const volatile struct idlegate_page *page = gcl_map(owner);

	turn(BATTERY "quiet", "1");
	turn(BATTERY "battery/current_now", "-200000");
	gcl_wait_holds(page, ~0u, HOLD(DRAINING), SOON_MS);
	turn(BATTERY "battery/current_now", "auto");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
	turn(THERMAL "vsoc/temp", "70000");
	gcl_wait_holds(page, ~0u, HOLD(ZONE_HOT), SOON_MS);
	turn(THERMAL "vsoc/temp", "62000");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
}

static void a_zone_that_goes_is_a_lost_sensor(void)
{
	int owner = host(HEAT, 0);
	const volatile struct idlegate_page *page = gcl_map(owner);

	turn(THERMAL "vsoc/attached", "0");
	look(owner);
	CHECK_RET((long)gcl_holds(page), (long)HOLD(SENSOR_LOST));
	turn(THERMAL "vsoc/attached", "1");
	look(owner);
	CHECK_RET((long)gcl_holds(page), 0);
}

static void expect_never_open(int fd)
{
	struct idlegate_event events[IDLEGATE_EVENTS];
	unsigned int n = gcl_read_events(fd, events, IDLEGATE_EVENTS);

	for (unsigned int i = 0; i < n; i++)
		CHECK(events[i].holds, "the gate opened before it looked: event %u of %u", i, n);
}

/* While another hold stands nobody looks; the end of it must not open the gate on old numbers. */
static void it_looks_before_it_opens(void)
{
	int owner = host(HEAT, IDLEGATE_LOOK_MIN_MS), observer;
	const volatile struct idlegate_page *page = gcl_map(owner);

	gcl_pause(owner, true);
	observer = gcl_open(O_RDWR | O_NONBLOCK);
	suite_sleep_ms(SETTLE_MS); /* a look that had begun may still end */
	turn(THERMAL "vsoc/temp", "90000");
	suite_sleep_ms(10 * IDLEGATE_LOOK_MIN_MS);
	CHECK_RET((long)gcl_holds(page), (long)HOLD(PAUSED));
	gcl_pause(owner, false);
	gcl_wait_holds(page, ~0u, HOLD(ZONE_HOT), SOON_MS);
	expect_never_open(observer);
	turn(THERMAL "vsoc/temp", "40000");
	gcl_wait_holds(page, ~0u, 0, SOON_MS);
	/* The same where time alone ends the hold. */
	gcl_fact(owner, IDLEGATE_FACT_INPUT, 0);
	close(observer);
	observer = gcl_open(O_RDWR | O_NONBLOCK);
	turn(THERMAL "vsoc/temp", "90000");
	if (!(gcl_holds(page) & HOLD(USER_ACTIVE)))
		suite_skip("the machine took longer than the idle time");
	gcl_wait_holds(page, HOLD(USER_ACTIVE), 0, SOON_MS);
	gcl_wait_holds(page, ~0u, HOLD(ZONE_HOT), SOON_MS);
	expect_never_open(observer);
}

static void all_is_well_again(void)
{
	for (size_t i = 0; i < ARRAY_LEN(all_well); i++)
		turn(all_well[i].path, all_well[i].value);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(a_charger_is_seen_to_go_and_come),
		SUITE_CASE(a_battery_is_judged),
		SUITE_CASE(a_broken_battery_is_a_lost_sensor),
		SUITE_CASE(what_is_not_told_is_looked_for),
		SUITE_CASE(a_zone_that_goes_is_a_lost_sensor),
		SUITE_CASE(it_looks_before_it_opens),
		SUITE_CASE(all_is_well_again),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
