/* SPDX-License-Identifier: MIT */
/* Heat: zones in a directory, and messages of the kernel's thermal family made by libnl. */
#include "sources_fixture.h"

#include <errno.h>
#include <linux/thermal.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "broker/sources/thermal_netlink.h"
#include "broker/sources/thermal_zone.h"

static void zone(const struct fixture *f, unsigned int id, const char *attr, const char *value)
{
	char path[128], text[64];

	snprintf(path, sizeof(path), "sys/class/thermal/thermal_zone%u/%s", id, attr);
	snprintf(text, sizeof(text), "%s\n", value);
	fake_file(f, path, text);
}

static void trip(const struct fixture *f, unsigned int id, int n, const char *type,
		 const char *temp, const char *hyst)
{
	char attr[32];

	snprintf(attr, sizeof(attr), "trip_point_%d_type", n);
	zone(f, id, attr, type);
	snprintf(attr, sizeof(attr), "trip_point_%d_temp", n);
	zone(f, id, attr, temp);
	snprintf(attr, sizeof(attr), "trip_point_%d_hyst", n);
	zone(f, id, attr, hyst);
}

static const struct gate_fact *zone_fact(const struct fixture *f, uint32_t id)
{
	for (unsigned int i = f->n; i; i--)
		if ((f->fact[i - 1].kind == GATE_FACT_ZONE ||
		     f->fact[i - 1].kind == GATE_FACT_ZONE_GONE) &&
		    f->fact[i - 1].zone.id == id)
			return &f->fact[i - 1];
	return NULL;
}

static void hold(struct fixture *f, uint32_t holds)
{
	source_thermal.holds_changed(f->source, holds);
}

/* A hold that needs no looking, then none: the source looks at once. */
static void look_again(struct fixture *f)
{
	hold(f, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED));
	hold(f, 0);
	fixture_run(f, 1, 1000);
}

Test(thermal, zones_are_told_with_the_lower_of_two_limits)
{
	struct fixture *f = fixture_new();
	const struct gate_fact *z;

	f->config.gate.zone_hot_set = 70000;
	zone(f, 0, "temp", "41500");
	trip(f, 0, 0, "active", "40000", "1000");
	trip(f, 0, 1, "critical", "110000", "1000");
	trip(f, 0, 2, "passive", "45000", "2000");
	zone(f, 1, "temp", "-3000");
	trip(f, 1, 0, "passive", "95000", "2000");
	trip(f, 1, 1, "passive", "-274000", "0");
	fixture_open(f, &source_thermal);
	fixture_want_state(f, GATE_SENSOR_OK, 0);
	z = zone_fact(f, 0);
	cr_assert_eq(z->zone.temp_mc, 41500);
	cr_assert_eq(z->zone.set_mc, 45000);
	cr_assert_eq(z->zone.clear_mc, 40000);
	z = zone_fact(f, 1);
	cr_assert_eq(z->zone.temp_mc, -3000);
	cr_assert_eq(z->zone.set_mc, GATE_TEMP_UNKNOWN);
	cr_assert_eq(z->zone.clear_mc, GATE_TEMP_UNKNOWN);
	cr_assert_eq(f->heat, 41500);
	fixture_free(f);
}

Test(thermal, no_zones_are_no_loss)
{
	struct fixture *f = fixture_new();

	fixture_open(f, &source_thermal);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	cr_assert_eq(f->n, 1);
	hold(f, 0);
	fixture_run(f, 0, 20);
	cr_assert_eq(f->n, 1);
	fixture_free(f);
}

Test(thermal, nonsense_is_a_lost_sensor_and_hides_no_hot_zone)
{
	static const char *const nonsense[] = {"151000", "-61000", "warm", "", "99999999999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		struct fixture *f = fixture_new();

		zone(f, 2, "temp", "91000");
		zone(f, 3, "temp", nonsense[i]);
		fixture_open(f, &source_thermal);
		fixture_want_state(f, GATE_SENSOR_LOST, 0);
		fixture_want_detail(f, "thermal_zone3/temp");
		cr_assert_eq(zone_fact(f, 2)->zone.temp_mc, 91000);
		cr_assert_null(zone_fact(f, 3));
		zone(f, 3, "temp", "40000");
		look_again(f);
		fixture_want_state(f, GATE_SENSOR_OK, 1000);
		fixture_free(f);
	}
}

Test(thermal, a_zone_that_goes_is_told_even_after_it_was_broken)
{
	struct fixture *f = fixture_new();

	zone(f, 0, "temp", "40000");
	zone(f, 1, "temp", "90000");
	fixture_open(f, &source_thermal);
	zone(f, 1, "temp", "900000");
	look_again(f);
	fixture_want_state(f, GATE_SENSOR_LOST, 1000);
	cr_assert_eq(zone_fact(f, 1)->kind, GATE_FACT_ZONE);
	fake_remove(f, "sys/class/thermal/thermal_zone1");
	look_again(f);
	fixture_want_state(f, GATE_SENSOR_OK, 1000);
	cr_assert_eq(zone_fact(f, 1)->kind, GATE_FACT_ZONE_GONE);
	fixture_free(f);
}

Test(thermal, all_zones_gone_is_a_lost_sensor_until_reload)
{
	struct fixture *f = fixture_new();

	zone(f, 0, "temp", "40000");
	fixture_open(f, &source_thermal);
	fake_remove(f, "sys/class/thermal");
	look_again(f);
	fixture_want_state(f, GATE_SENSOR_LOST, 1000);
	cr_assert_eq(zone_fact(f, 0)->kind, GATE_FACT_ZONE_GONE);
	source_thermal.reload(f->source);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	fixture_free(f);
}

Test(thermal, a_disabled_zone_does_not_count)
{
	struct fixture *f = fixture_new();

	zone(f, 0, "temp", "999999");
	zone(f, 0, "mode", "disabled");
	fixture_open(f, &source_thermal);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	fixture_free(f);
}

Test(thermal, nothing_is_read_while_looking_cannot_open_the_gate)
{
	struct fixture *f = fixture_new();
	uint64_t wakeups;

	zone(f, 0, "temp", "90000");
	fixture_open(f, &source_thermal);
	hold(f, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT) |
			IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_NOT_CHARGING));
	wakeups = loop_wakeups(f->loop);
	cr_assert_eq(fixture_run(f, 1, 100), 0);
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 1);
	hold(f, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_ZONE_HOT));
	cr_assert_eq(fixture_run(f, 1, 1000), 1);
	fixture_free(f);
}

Test(thermal, zones_that_share_a_place_speak_by_the_least_headroom)
{
	struct gate_policy policy = {.zone_hot_set = 70000, .zone_hot_clear = 62000};
	struct gate_fact facts[GATE_MAX_ZONES];
	struct thermal_look look = {
		.n = 4,
		.zone =
			{
				{.id = 5,
				 .temp_mc = 60000,
				 .trip_mc = GATE_TEMP_UNKNOWN,
				 .readable = true},
				{.id = 37,
				 .temp_mc = 44000,
				 .trip_mc = 45000,
				 .hyst_mc = 5000,
				 .readable = true},
				{.id = 69,
				 .temp_mc = 65000,
				 .trip_mc = GATE_TEMP_UNKNOWN,
				 .readable = true},
				{.id = 6, .readable = false},
			},
	};

	cr_assert_eq(thermal_slots(&look, &policy, facts), 1u << 5);
	cr_assert_eq(facts[5].zone.temp_mc, 44000);
	cr_assert_eq(facts[5].zone.set_mc, 45000);
	cr_assert_eq(facts[6].kind, GATE_FACT_ZONE_GONE);
	cr_assert_eq(thermal_hottest(&look), 65000);
	look.zone[1].temp_mc = 36000;
	thermal_slots(&look, &policy, facts);
	cr_assert_eq(facts[5].zone.temp_mc, 65000);
}

static struct thermal_message parse(uint8_t cmd, const uint32_t *id, const int32_t *temp, int cut)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct thermal_message m;

	cr_assert_not_null(genlmsg_put(msg, 0, 0, 28, 0, 0, cmd, 1));
	if (id)
		nla_put_u32(msg, THERMAL_GENL_ATTR_TZ_ID, *id);
	if (temp)
		nla_put_u32(msg, THERMAL_GENL_ATTR_TZ_TEMP, (uint32_t)*temp);
	nlmsg_hdr(msg)->nlmsg_len -= (uint32_t)cut;
	thermal_message_parse(nlmsg_hdr(msg), &m);
	nlmsg_free(msg);
	return m;
}

static struct thermal_zone zone_of_type(uint32_t id, const char *type, int32_t trip_mc)
{
	struct thermal_zone z = {
		.id = id, .temp_mc = 40000, .trip_mc = trip_mc, .hyst_mc = 5000, .readable = true};

	snprintf(z.type, sizeof(z.type), "%s", type);
	return z;
}

Test(thermal, zones_are_named_for_the_module_by_their_types)
{
	static struct thermal_look look;
	struct gate_policy policy;
	struct idlegate_zones zones;
	const char *why;

	gate_policy_default(&policy);
	look.n = 2;
	look.zone[0] = zone_of_type(0, "cpu-thermal", 60000);
	look.zone[1] = zone_of_type(7, "gpu-thermal", GATE_TEMP_UNKNOWN);
	memset(&zones, 0xff, sizeof(zones));
	cr_assert_eq(thermal_name(&look, &policy, &zones, &why), 0, "%s", why);
	cr_assert_eq(zones.n, 2);
	cr_assert_str_eq(zones.zone[0].name, "cpu-thermal");
	cr_assert_eq(zones.zone[0].set_mc, 60000, "its own limit, below the policy's");
	cr_assert_eq(zones.zone[0].clear_mc, 55000);
	cr_assert_str_eq(zones.zone[1].name, "gpu-thermal");
	cr_assert_eq(zones.zone[1].set_mc, IDLEGATE_VALUE_UNKNOWN);
	for (size_t i = sizeof(zones.zone[0]) * 2; i < sizeof(zones.zone); i++)
		cr_assert_eq(((const char *)zones.zone)[i], 0, "byte %zu must be zero", i);
}

Test(thermal, zones_that_the_module_could_not_find_are_not_named)
{
	static struct thermal_look look;
	struct gate_policy policy;
	struct idlegate_zones zones;
	const char *why;

	gate_policy_default(&policy);
	cr_assert_eq(thermal_name(&look, &policy, &zones, &why), -ENOENT);
	look.n = 2;
	look.zone[0] = zone_of_type(0, "cpu", GATE_TEMP_UNKNOWN);
	look.zone[1] = zone_of_type(1, "cpu", GATE_TEMP_UNKNOWN);
	cr_assert_eq(thermal_name(&look, &policy, &zones, &why), -EEXIST);
	cr_assert(*why);
	look.zone[1] = zone_of_type(1, "", GATE_TEMP_UNKNOWN);
	cr_assert_eq(thermal_name(&look, &policy, &zones, &why), -EEXIST);
	look.zone[1] = zone_of_type(1, "modem", GATE_TEMP_UNKNOWN);
	look.zone[1].readable = false;
	cr_assert_eq(thermal_name(&look, &policy, &zones, &why), -EAGAIN);
	look.n = IDLEGATE_ZONES + 1;
	cr_assert_eq(thermal_name(&look, &policy, &zones, &why), -E2BIG);
}

Test(thermal, messages_of_the_kernel_are_told_apart)
{
	const uint32_t id = 7;
	const int32_t temp = -1500;
	struct thermal_message m = parse(THERMAL_GENL_SAMPLING_TEMP, &id, &temp, 0);

	cr_assert_eq(m.kind, THERMAL_MESSAGE_SAMPLE);
	cr_assert_eq(m.zone, 7);
	cr_assert_eq(m.temp_mc, -1500);
	cr_assert_eq(parse(THERMAL_GENL_SAMPLING_TEMP, &id, NULL, 0).kind, THERMAL_MESSAGE_OTHER);
	cr_assert_eq(parse(THERMAL_GENL_SAMPLING_TEMP, &id, &temp, 8).kind, THERMAL_MESSAGE_OTHER);
	cr_assert_eq(parse(THERMAL_GENL_SAMPLING_TEMP, NULL, NULL, 4).kind, THERMAL_MESSAGE_OTHER);
	cr_assert_eq(parse(THERMAL_GENL_EVENT_TZ_TRIP_UP, &id, &temp, 0).kind,
		     THERMAL_MESSAGE_EVENT);
	cr_assert_eq(parse(THERMAL_GENL_EVENT_TZ_DELETE, &id, NULL, 0).kind, THERMAL_MESSAGE_EVENT);
	cr_assert_eq(parse(THERMAL_GENL_EVENT_CDEV_STATE_UPDATE, NULL, NULL, 0).kind,
		     THERMAL_MESSAGE_OTHER);
	cr_assert_eq(parse(200, NULL, NULL, 0).kind, THERMAL_MESSAGE_EVENT);
}

static void ignore_message(void *data, const struct thermal_message *m)
{
}

Test(thermal, the_family_of_this_kernel_is_found)
{
	struct thermal_netlink *t = NULL;
	struct loop *loop;
	int r;

	cr_assert_eq(loop_new(&loop, NULL), 0);
	r = thermal_netlink_new(&t, loop, ignore_message, NULL);
	if (r == -ENOENT || r == -EPROTONOSUPPORT) {
		loop_free(loop);
		cr_skip_test("this kernel has no thermal netlink family");
	}
	cr_assert_eq(r, 0);
	thermal_netlink_sample(t, true);
	thermal_netlink_sample(t, false);
	thermal_netlink_free(t);
	loop_free(loop);
}
