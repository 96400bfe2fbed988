/* SPDX-License-Identifier: MIT */
/* IDLEGATE_IOC_FACT: what each kind does, and every way in which a fact makes no sense. */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define UNKNOWN IDLEGATE_VALUE_UNKNOWN
#define HOLD(h) IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_##h)

/* One right fact of each kind, with the temperature and level that its kind has. */
static struct idlegate_fact right(uint32_t kind)
{
	struct idlegate_fact fact = {.kind = kind};

	switch (kind) {
	case IDLEGATE_FACT_POWER:
		fact.on = IDLEGATE_POWER_ONLINE | IDLEGATE_POWER_BATTERY;
		fact.temp_mc = 25000;
		fact.capacity = 90;
		break;
	case IDLEGATE_FACT_ZONE:
		fact.temp_mc = 30000;
		fact.set_mc = UNKNOWN;
		fact.clear_mc = UNKNOWN;
		break;
	case IDLEGATE_FACT_SCHEDULE:
		fact.on = 1;
		break;
	case IDLEGATE_FACT_SENSOR:
		fact.on = 3;
		break;
	default:
		break;
	}
	return fact;
}

static const uint32_t kinds[] = {
	IDLEGATE_FACT_TICK,      IDLEGATE_FACT_INPUT,   IDLEGATE_FACT_POWER,  IDLEGATE_FACT_ZONE,
	IDLEGATE_FACT_ZONE_GONE, IDLEGATE_FACT_SUSPEND, IDLEGATE_FACT_GPU,    IDLEGATE_FACT_CPU,
	IDLEGATE_FACT_SCHEDULE,  IDLEGATE_FACT_PAUSE,   IDLEGATE_FACT_SENSOR,
};

/* Which fields a kind uses, as bits in their order. */
enum {
	F_ID = 1,
	F_ON = 2,
	F_TEMP = 4,
	F_SET = 8,
	F_CLEAR = 16,
	F_CAPACITY = 32,
	F_UNTIL = 64
};

static unsigned int used(uint32_t kind)
{
	switch (kind) {
	case IDLEGATE_FACT_TICK:
	case IDLEGATE_FACT_INPUT:
		return 0;
	case IDLEGATE_FACT_POWER:
		return F_ON | F_TEMP | F_CAPACITY;
	case IDLEGATE_FACT_ZONE:
		return F_ID | F_TEMP | F_SET | F_CLEAR;
	case IDLEGATE_FACT_ZONE_GONE:
		return F_ID;
	case IDLEGATE_FACT_SENSOR:
		return F_ID | F_ON;
	case IDLEGATE_FACT_PAUSE:
		return F_ON | F_UNTIL;
	default:
		return F_ON;
	}
}

static void refused(int fd, const struct idlegate_fact *fact, const char *what)
{
	struct idlegate_state before = gcl_state();
	int ret = gcl_ioctl(fd, IDLEGATE_IOC_FACT, fact);
	struct idlegate_state after = gcl_state();

	CHECK(ret == -EINVAL, "a fact of kind %u with %s gives %d, must be -EINVAL", fact->kind,
	      what, ret);
	CHECK(after.holds == before.holds && after.facts == before.facts,
	      "a fact of kind %u with %s is refused and changes the gate: holds %#x to %#x, %llu to %llu facts",
	      fact->kind, what, before.holds, after.holds, (unsigned long long)before.facts,
	      (unsigned long long)after.facts);
}

static void what_a_kind_does_not_use_must_be_zero(void)
{
	int fd = gcl_host_open(0);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		unsigned int u = used(kinds[i]);
		struct idlegate_fact f = right(kinds[i]);

#define IF_UNUSED(bit, field)                           \
	do {                                            \
		f = right(kinds[i]);                    \
		f.field = 1;                            \
		if (!(u & (bit)))                       \
			refused(fd, &f, #field " = 1"); \
	} while (0)
		IF_UNUSED(F_ID, id);
		IF_UNUSED(F_ON, on);
		IF_UNUSED(F_TEMP, temp_mc);
		IF_UNUSED(F_SET, set_mc);
		IF_UNUSED(F_CLEAR, clear_mc);
		IF_UNUSED(F_CAPACITY, capacity);
		IF_UNUSED(F_UNTIL, until_ns);
		IF_UNUSED(0, reserved32);
		IF_UNUSED(0, reserved[0]);
		IF_UNUSED(0, reserved[1]);
		IF_UNUSED(0, reserved[2]);
	}
}

static void a_fact_that_makes_no_sense_is_refused(void)
{
	const struct {
		const char *what;
		struct idlegate_fact fact;
	} wrong[] = {
		{"the host's kind", {.kind = 10}},
		{"the host's kind", {.kind = 10, .on = 1}},
		{"an unknown kind", {.kind = 12}},
		{"an unknown kind", {.kind = UINT32_MAX}},
		{"on = 2", {.kind = IDLEGATE_FACT_SUSPEND, .on = 2}},
		{"on = 2", {.kind = IDLEGATE_FACT_GPU, .on = 2}},
		{"on = 2", {.kind = IDLEGATE_FACT_CPU, .on = 2}},
		{"on = 2", {.kind = IDLEGATE_FACT_SCHEDULE, .on = 2}},
		{"on = 2", {.kind = IDLEGATE_FACT_PAUSE, .on = 2}},
		{"on = 256", {.kind = IDLEGATE_FACT_GPU, .on = 256}},
		{"an end of no pause", {.kind = IDLEGATE_FACT_PAUSE, .until_ns = 1}},
		{"an unknown flag of power",
		 {.kind = IDLEGATE_FACT_POWER, .on = 8, .temp_mc = UNKNOWN, .capacity = UNKNOWN}},
		{"zone 32",
		 {.kind = IDLEGATE_FACT_ZONE,
		  .id = 32,
		  .temp_mc = 30000,
		  .set_mc = UNKNOWN,
		  .clear_mc = UNKNOWN}},
		{"zone of all bits",
		 {.kind = IDLEGATE_FACT_ZONE,
		  .id = UINT32_MAX,
		  .temp_mc = 30000,
		  .set_mc = UNKNOWN,
		  .clear_mc = UNKNOWN}},
		{"zone 32", {.kind = IDLEGATE_FACT_ZONE_GONE, .id = 32}},
		{"sensor 7", {.kind = IDLEGATE_FACT_SENSOR, .id = 7, .on = 1}},
		{"sensor of all bits", {.kind = IDLEGATE_FACT_SENSOR, .id = UINT32_MAX, .on = 1}},
		{"state 0", {.kind = IDLEGATE_FACT_SENSOR, .id = 0, .on = 0}},
		{"state 4", {.kind = IDLEGATE_FACT_SENSOR, .id = 0, .on = 4}},
	};
	int fd = gcl_host_open(0);

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		refused(fd, &wrong[i].fact, wrong[i].what);
	CHECK_RET(gcl_state().holds, 0);
}

static void every_right_fact_is_taken(void)
{
	int fd = gcl_host_open(0);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct idlegate_fact fact = right(kinds[i]);
		uint64_t facts = gcl_state().facts;

		int ret = gcl_ioctl(fd, IDLEGATE_IOC_FACT, &fact);
		CHECK(ret >= 0, "a fact of kind %u: %s", kinds[i], strerror(-ret));
		CHECK_RET((long)(gcl_state().facts - facts), kinds[i] != IDLEGATE_FACT_TICK);
	}
}

/* Set by one fact and cleared by another: the gate of this kernel is the core of the unit tests. */
static void each_fact_sets_its_hold(void)
{
	const struct {
		struct idlegate_fact bad, good;
		uint32_t holds;
	} pairs[] = {
#define POWER(flags, temp, level) \
	{.kind = IDLEGATE_FACT_POWER, .on = (flags), .temp_mc = (temp), .capacity = (level)}
#define ZONE(temp)                                                                          \
	{                                                                                   \
		.kind = IDLEGATE_FACT_ZONE, .id = 31, .temp_mc = (temp), .set_mc = UNKNOWN, \
		.clear_mc = UNKNOWN                                                         \
	}
#define SWITCHED(which, value)                               \
	{                                                    \
		.kind = IDLEGATE_FACT_##which, .on = (value) \
	}
		{SWITCHED(GPU, 1), SWITCHED(GPU, 0), HOLD(GPU_BUSY)},
		{SWITCHED(CPU, 1), SWITCHED(CPU, 0), HOLD(CPU_BUSY)},
		{SWITCHED(SCHEDULE, 0), SWITCHED(SCHEDULE, 1), HOLD(SCHEDULE)},
		{SWITCHED(SUSPEND, 1), SWITCHED(SUSPEND, 0), HOLD(SUSPENDING)},
		{ZONE(70000), ZONE(62000), HOLD(ZONE_HOT)},
		{POWER(2, 25000, 90), POWER(3, 25000, 90), HOLD(NOT_CHARGING)},
		{POWER(7, 25000, 90), POWER(3, 25000, 90), HOLD(DRAINING)},
		{POWER(3, 40000, 90), POWER(3, 37000, 90), HOLD(BATTERY_HOT)},
		{POWER(3, 25000, 40), POWER(3, 25000, 50), HOLD(BATTERY_LOW)},
	};
	struct idlegate_policy policy = gcl_policy_calm();
	struct idlegate_fact power = POWER(3, 25000, 90);
	int fd = gcl_host_open(0);
	const volatile struct idlegate_page *map = gcl_map(fd);

	CHECK(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &power) >= 0, "the power");
	policy.required_sensors = 1u << IDLEGATE_SENSOR_POWER;
	policy.require_charging = 1;
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &policy), 0);
	CHECK_RET(gcl_holds(map), 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CHECK(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &pairs[i].bad) >= 0, "pair %zu", i);
		CHECK(gcl_holds(map) == pairs[i].holds, "pair %zu holds %#x, must be %#x", i,
		      gcl_holds(map), pairs[i].holds);
		CHECK(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &pairs[i].good) >= 0, "pair %zu", i);
		gcl_wait_holds(map, ~0u, 0, 3000);
	}
}

static void a_pause_ends_by_itself(void)
{
	int fd = gcl_host_open(0);
	const volatile struct idlegate_page *map = gcl_map(fd);
	uint64_t until = suite_now_ns() + 150 * MS_NS;
	struct idlegate_fact pause = {.kind = IDLEGATE_FACT_PAUSE, .on = 1, .until_ns = until};

	CHECK(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &pause) >= 0, "the pause is refused");
	CHECK_RET(gcl_holds(map), HOLD(PAUSED));
	CHECK_RET((long)gcl_state().next_deadline_ns, (long)until);
	uint64_t ended = gcl_wait_holds(map, ~0u, 0, 5000);
	CHECK(ended >= until, "the pause ended %llu ns early", (unsigned long long)(until - ended));
	CHECK(gcl_page(map).changed_ns >= until, "the page says that it ended early");
	CHECK_RET((long)gcl_state().next_deadline_ns, (long)IDLEGATE_NEVER);
}

/* A sensor that the module watches is its own to tell; an input is welcome from anywhere. */
static void facts_of_a_watched_sensor_are_busy(void)
{
	const struct {
		uint32_t sensor, kind;
	} watched[] = {
		{IDLEGATE_SENSOR_POWER, IDLEGATE_FACT_POWER},
		{IDLEGATE_SENSOR_THERMAL, IDLEGATE_FACT_ZONE},
		{IDLEGATE_SENSOR_THERMAL, IDLEGATE_FACT_ZONE_GONE},
		{IDLEGATE_SENSOR_SUSPEND, IDLEGATE_FACT_SUSPEND},
	};
	uint32_t can = gcl_info().sensors;

	for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
		struct idlegate_fact fact = right(watched[i].kind);
		uint32_t bit = 1u << watched[i].sensor;

		if (!(can & bit))
			continue;
		int fd = gcl_open(O_RDWR);
		gcl_host(fd, bit, NULL);
		CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &fact), -EBUSY);
		close(fd);
		fd = gcl_open(O_RDWR);
		gcl_host(fd, can & ~bit, NULL);
		CHECK(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &fact) >= 0, "kind %u, not watched",
		      fact.kind);
		close(fd);
	}
	int fd = gcl_host_open(1u << IDLEGATE_SENSOR_INPUT);
	gcl_fact(fd, IDLEGATE_FACT_INPUT, 0);
	CHECK_RET(gcl_state().holds, HOLD(USER_ACTIVE));
	gcl_wait_holds(gcl_map(fd), ~0u, 0, 3000);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(what_a_kind_does_not_use_must_be_zero),
		SUITE_CASE(a_fact_that_makes_no_sense_is_refused),
		SUITE_CASE(every_right_fact_is_taken),
		SUITE_CASE(each_fact_sets_its_hold),
		SUITE_CASE(a_pause_ends_by_itself),
		SUITE_CASE(facts_of_a_watched_sensor_are_busy),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
