/* SPDX-License-Identifier: MIT */
/*
 * Power: supplies of many kinds in a directory, and real kernel uevents in a network namespace of
 * our own, into which the kernel sends a message again that we gave it.
 */
#include "sources_fixture.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>

#include "broker/sources/power.h"
#include "broker/sources/uevent.h"

#define PSY "sys/class/power_supply/"

static void supply(const struct fixture *f, const char *name, const char *attr, const char *value)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), PSY "%s/%s", name, attr);
	snprintf(text, sizeof(text), "%s\n", value);
	fake_file(f, path, text);
}

static void phone_battery(const struct fixture *f, const char *name, const char *status)
{
	supply(f, name, "type", "Battery");
	supply(f, name, "status", status);
	supply(f, name, "capacity", "80");
	supply(f, name, "temp", "312");
	supply(f, name, "current_now", "250000");
}

static void charger(const struct fixture *f, const char *type, const char *online)
{
	supply(f, "charger", "type", type);
	supply(f, "charger", "online", online);
}

static const struct gate_power *power_of(struct fixture *f)
{
	fixture_open(f, &source_power);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	return &fixture_last(f, GATE_FACT_POWER)->power;
}

Test(power, every_kind_of_charger_feeds)
{
	static const struct {
		const char *type, *online;
		bool fed;
	} cases[] = {
		{"USB", "1", true},      {"USB", "0", false},     {"USB_PD", "2", true},
		{"USB_DCP", "1", true},  {"Wireless", "1", true}, {"Mains", "1", true},
		{"Mains", "0", false},   {"UPS", "1", true},      {"BrickID", "1", true},
		{"Unknown", "1", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = fixture_new();

		phone_battery(f, "battery", "Charging");
		charger(f, cases[i].type, cases[i].online);
		cr_assert_eq(power_of(f)->external_online, cases[i].fed, "%s", cases[i].type);
		fixture_free(f);
	}
}

Test(power, a_ups_on_its_own_battery_feeds_nothing)
{
	struct fixture *f = fixture_new();

	phone_battery(f, "battery", "Full");
	charger(f, "UPS", "1");
	supply(f, "charger", "status", "Discharging");
	cr_assert_not(power_of(f)->external_online);
	fixture_free(f);
}

Test(power, no_supply_is_mains)
{
	struct fixture *f = fixture_new();
	const struct gate_power *p = power_of(f);

	cr_assert(p->external_online);
	cr_assert_not(p->has_battery);
	fixture_want_detail(f, "mains");
	fixture_free(f);
}

Test(power, the_battery_of_a_mouse_is_not_ours)
{
	struct fixture *f = fixture_new();
	const struct gate_power *p;

	supply(f, "hidpp_battery_0", "type", "Battery");
	supply(f, "hidpp_battery_0", "scope", "Device");
	supply(f, "hidpp_battery_0", "status", "Discharging");
	supply(f, "hidpp_battery_0", "capacity", "3");
	p = power_of(f);
	cr_assert_not(p->has_battery);
	cr_assert_not(p->discharging);
	fixture_free(f);
}

Test(power, a_charger_that_cannot_keep_up_drains)
{
	struct fixture *f = fixture_new();
	const struct gate_power *p;

	phone_battery(f, "battery", "Charging");
	supply(f, "battery", "current_now", "-350000");
	charger(f, "USB", "1");
	p = power_of(f);
	cr_assert(p->external_online);
	cr_assert(p->discharging);
	fixture_free(f);
}

Test(power, a_full_battery_that_trembles_around_zero_does_not_drain)
{
	struct fixture *f = fixture_new();

	phone_battery(f, "battery", "Full");
	supply(f, "battery", "current_now", "-4000");
	charger(f, "USB", "1");
	cr_assert_not(power_of(f)->discharging);
	fixture_free(f);
}

Test(power, the_average_current_is_believed_before_the_momentary_one)
{
	struct fixture *f = fixture_new();

	phone_battery(f, "battery", "Charging");
	supply(f, "battery", "current_now", "-900000");
	supply(f, "battery", "current_avg", "120000");
	charger(f, "USB", "1");
	cr_assert_not(power_of(f)->discharging);
	fixture_free(f);
}

Test(power, of_two_batteries_the_worse_counts)
{
	struct fixture *f = fixture_new();
	const struct gate_power *p;

	phone_battery(f, "BAT0", "Full");
	phone_battery(f, "BAT1", "Discharging");
	supply(f, "BAT1", "capacity", "35");
	supply(f, "BAT1", "temp", "415");
	charger(f, "Mains", "1");
	p = power_of(f);
	cr_assert(p->discharging);
	cr_assert_eq(p->capacity, 35);
	cr_assert_eq(p->temp_mc, 41500);
	fixture_free(f);
}

Test(power, an_empty_battery_bay_is_no_battery)
{
	struct fixture *f = fixture_new();

	supply(f, "BAT1", "type", "Battery");
	supply(f, "BAT1", "present", "0");
	charger(f, "Mains", "1");
	cr_assert_not(power_of(f)->has_battery);
	fixture_free(f);
}

Test(power, nonsense_is_a_lost_sensor_that_names_the_file)
{
	static const struct {
		const char *attr, *value;
	} cases[] = {
		{"capacity", "250"},      {"capacity", "-1"},
		{"capacity", "eighty"},   {"capacity", ""},
		{"temp", "-10000"},       {"temp", "99999999999999999999"},
		{"current_now", "1e9"},   {"current_now", "900000000"},
		{"status", "On holiday"}, {"present", "7"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture *f = fixture_new();
		char file[64];

		phone_battery(f, "battery", "Charging");
		charger(f, "USB", "1");
		supply(f, "battery", cases[i].attr, cases[i].value);
		fixture_open(f, &source_power);
		fixture_want_state(f, GATE_SENSOR_LOST, 0);
		snprintf(file, sizeof(file), "power_supply/battery/%s", cases[i].attr);
		fixture_want_detail(f, file);
		cr_assert_eq(fixture_count(f, GATE_FACT_POWER), 0);
		fixture_free(f);
	}
}

Test(power, a_battery_that_tells_no_direction_is_a_lost_sensor)
{
	struct fixture *f = fixture_new();

	supply(f, "battery", "type", "Battery");
	supply(f, "battery", "capacity", "80");
	charger(f, "USB", "1");
	fixture_open(f, &source_power);
	fixture_want_state(f, GATE_SENSOR_LOST, 0);
	fixture_want_detail(f, "neither");
	fixture_free(f);
}

Test(power, no_sysfs_is_a_lost_sensor)
{
	struct fixture *f = fixture_new();

	fake_remove(f, "sys");
	fixture_open(f, &source_power);
	fixture_want_state(f, GATE_SENSOR_LOST, 0);
	fixture_free(f);
}

Test(power, an_opening_gate_looks_again_and_a_closed_one_never)
{
	struct fixture *f = fixture_new();
	uint64_t wakeups;

	phone_battery(f, "battery", "Charging");
	charger(f, "USB", "1");
	fixture_open(f, &source_power);
	source_power.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE) |
						      IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING));
	supply(f, "battery", "current_now", "-500000");
	wakeups = loop_wakeups(f->loop);
	cr_assert_eq(fixture_run(f, 1, 60), 0);
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 1);
	source_power.holds_changed(f->source, 0);
	cr_assert_eq(fixture_run(f, 1, 1000), 1);
	cr_assert(fixture_last(f, GATE_FACT_POWER)->power.discharging);
	fixture_free(f);
}

Test(power, draining_alone_is_looked_at_until_it_clears)
{
	struct fixture *f = fixture_new();

	phone_battery(f, "battery", "Charging");
	charger(f, "USB", "1");
	fixture_open(f, &source_power);
	source_power.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED));
	source_power.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_DRAINING));
	cr_assert_eq(fixture_run(f, 1, 1000), 1);
	fixture_free(f);
}

Test(power, a_battery_that_vanishes_is_a_lost_sensor_until_reload)
{
	struct fixture *f = fixture_new();

	phone_battery(f, "battery", "Charging");
	charger(f, "USB", "1");
	fixture_open(f, &source_power);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	fake_remove(f, PSY "battery");
	source_power.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED));
	source_power.holds_changed(f->source, 0);
	fixture_want_state(f, GATE_SENSOR_LOST, 1000);
	fixture_want_detail(f, "battery 'battery' is gone");
	source_power.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	fixture_free(f);
}

Test(uevent, values_are_found_only_whole)
{
	static const char msg[] = "change@/devices/x\0ACTION=change\0SUBSYSTEM=power_supply\0CUT=1";

	cr_assert_str_eq(uevent_value(msg, sizeof(msg), "SUBSYSTEM"), "power_supply");
	cr_assert_str_eq(uevent_value(msg, sizeof(msg), "CUT"), "1");
	cr_assert_null(uevent_value(msg, sizeof(msg) - 1, "CUT"));
	cr_assert_null(uevent_value(msg, sizeof(msg), "SUB"));
	cr_assert_null(uevent_value(msg, sizeof(msg), "TYPE"));
	cr_assert_null(uevent_value(msg, 0, "ACTION"));
}

/* The kernel broadcasts what root sends it, as its own, to the listeners of this namespace. */
static int send_uevent(const char *subsystem, unsigned int to_group)
{
	struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_groups = to_group};
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	struct {
		struct nlmsghdr h;
		char text[256];
	} m = {};
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
	} answer;
	int n = snprintf(m.text, sizeof(m.text),
			 "change@/devices/x%cACTION=change%cDEVPATH=/devices/x%cSUBSYSTEM=%s%c", 0,
			 0, 0, subsystem, 0);

	if (fd < 0)
		return -errno;
	m.h = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH((size_t)n),
				.nlmsg_type = NLMSG_MIN_TYPE,
				.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK};
	if (sendto(fd, to_group ? (void *)m.text : (void *)&m,
		   to_group ? (size_t)n : (size_t)m.h.nlmsg_len, 0, (struct sockaddr *)&to,
		   sizeof(to)) < 0)
		return -errno;
	if (to_group)
		return 0;
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer))
		return -EBADMSG;
	return answer.e.error;
}

static void need_uevents(void)
{
	int r = unshare(CLONE_NEWNET) < 0 ? -errno : send_uevent("probe", 0);

	if (r < 0)
		cr_skip_test("sending uevents needs CAP_SYS_ADMIN and a network namespace: %s",
			     strerror(-r));
}

Test(power, a_real_uevent_shows_plugging_and_unplugging)
{
	struct fixture *f;

	need_uevents();
	f = fixture_new();
	phone_battery(f, "battery", "Charging");
	charger(f, "USB", "1");
	fixture_open(f, &source_power);
	cr_assert(fixture_last(f, GATE_FACT_POWER)->power.external_online);
	source_power.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE));

	supply(f, "charger", "online", "0");
	supply(f, "battery", "status", "Discharging");
	cr_assert_eq(send_uevent("net", 0), 0);
	cr_assert_eq(fixture_run(f, 1, 100), 0, "an event of another subsystem was taken");
	cr_assert_eq(send_uevent("power_supply", 0), 0);
	cr_assert_eq(fixture_run(f, 1, 2000), 1);
	cr_assert_not(fixture_last(f, GATE_FACT_POWER)->power.external_online);
	cr_assert(fixture_last(f, GATE_FACT_POWER)->power.discharging);

	/* A supply that appears. */
	supply(f, "wireless", "type", "Wireless");
	supply(f, "wireless", "online", "1");
	cr_assert_eq(send_uevent("power_supply", 0), 0);
	cr_assert_eq(fixture_run(f, 1, 2000), 1);
	cr_assert(fixture_last(f, GATE_FACT_POWER)->power.external_online);
	fixture_free(f);
}

Test(power, a_uevent_that_a_process_forged_is_not_believed)
{
	struct fixture *f;

	need_uevents();
	f = fixture_new();
	phone_battery(f, "battery", "Charging");
	charger(f, "USB", "1");
	fixture_open(f, &source_power);
	cr_assert_eq(send_uevent("power_supply", 1), 0);
	cr_assert_eq(fixture_run(f, 1, 200), 0);
	fixture_free(f);
}
