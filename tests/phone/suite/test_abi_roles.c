/* SPDX-License-Identifier: MIT */
/*
 * The two roles of a file: who may take them, and every check of what is asked in them.
 *
 * Each struct has a table of the ways to be wrong; a case changes one thing of a struct that is
 * right, and the struct is seen to be right before and after.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DAY_NS (24ull * 3600 * 1000000000)

/* HOST */

static void host_checks_every_field(void)
{
	struct idlegate_host wrong[] = {
		{.flags = 1},
		{.flags = 0x80000000},
		{.reserved = {1}},
		{.reserved = {0, 1}},
		{.reserved = {0, 0, 1ull << 63}},
		{.sensors = 1u << IDLEGATE_SENSOR_GPU},
		{.sensors = 1u << IDLEGATE_SENSOR_CPU},
		{.sensors = 1u << IDLEGATE_SENSOR_SCHEDULE},
		{.sensors = 1u << 7},
		{.sensors = 0xffffffff},
		{.sensors = 0x80000000},
	};
	int fd = gcl_open(O_RDWR);

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		int ret = gcl_ioctl(fd, IDLEGATE_IOC_HOST, &wrong[i]);
		CHECK(ret == -EINVAL, "HOST %zu gives %d, must be -EINVAL", i, ret);
		CHECK_RET(gcl_info().hosted, 0);
	}
	gcl_host(fd, 0, NULL);
	CHECK_RET(gcl_info().hosted, 1);
}

static void there_is_one_owner(void)
{
	struct idlegate_host host = {};
	int a = gcl_open(O_RDWR), b = gcl_open(O_RDWR);

	gcl_host(a, 0, NULL);
	CHECK_RET(gcl_ioctl(b, IDLEGATE_IOC_HOST, &host), -EBUSY);
	CHECK_RET(gcl_ioctl(a, IDLEGATE_IOC_HOST, &host), -EBUSY);
	int copy = dup(a);
	close(a);
	CHECK_RET(gcl_ioctl(b, IDLEGATE_IOC_HOST, &host), -EBUSY);
	close(copy);
	CHECK_RET(gcl_ioctl(b, IDLEGATE_IOC_HOST, &host), 0);
}

static void the_owner_watches_what_it_asked_for(void)
{
	uint32_t can = gcl_info().sensors;

	for (uint32_t sensors = 0; sensors <= can; sensors++) {
		if (sensors & ~can)
			continue;
		int fd = gcl_open(O_RDWR);
		gcl_host(fd, sensors, NULL);
		CHECK_RET(gcl_info().watched, sensors);
		close(fd);
		CHECK_RET(gcl_info().watched, 0);
	}
}

/* A gate starts anew with each owner: nothing of the last one's facts and limits is left. */
static void an_owner_inherits_nothing(void)
{
	struct idlegate_policy calm = gcl_policy_calm();
	int fd = gcl_host_open(0);

	for (int i = 0; i < 5; i++)
		gcl_pause(fd, !(i & 1));
	gcl_fact(fd, IDLEGATE_FACT_INPUT, 0);
	close(fd);
	fd = gcl_open(O_RDWR);
	gcl_host(fd, 0, NULL);
	struct idlegate_state state = gcl_state();
	CHECK(state.holds & IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST),
	      "holds %#x: the default policy needs sensors, and nothing was heard of one",
	      state.holds);
	CHECK_RET((long)state.closes, 0);
	CHECK_RET((long)state.opens, 0);
	CHECK(state.facts <= 1, "%llu facts: there was one at most, that somebody hosts",
	      (unsigned long long)state.facts);
	CHECK_RET((long)state.input_ns, 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &calm), 0);
	gcl_fact(fd, IDLEGATE_FACT_TICK, 0);
	CHECK_RET(gcl_state().holds, 0);
}

static void try_as_nobody(void *arg)
{
	struct idlegate_host host = {};
	struct idlegate_policy policy = gcl_policy_calm();
	struct idlegate_zones zones = {};
	struct idlegate_fact fact = {.kind = IDLEGATE_FACT_INPUT};
	int fd = gcl_open(O_RDWR);

	gcl_map(fd);
	gcl_info();
	gcl_state();
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_HOST, &host), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &policy), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &zones), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &fact), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_LOOK, NULL), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_RELEASE, NULL), -EPERM);
	CHECK_RET(gcl_join(fd, 10, 20), arg ? -EPERM : -ENOTCONN);
}

static void try_open(void *arg)
{
	CHECK(open(IDLEGATE_DEVICE, O_RDONLY | O_CLOEXEC) < 0, "a stranger can open the device");
	CHECK(errno == EACCES, "a stranger's open: %s", strerror(errno));
}

static void the_group_may_look_and_not_touch(void)
{
	int owner = gcl_host_open(0);

	suite_run_as_nobody(true, try_as_nobody, &owner);
	CHECK_RET(gcl_state().holds, 0);
	suite_run_as_nobody(false, try_open, NULL);
}

static void a_file_without_a_role(int fd)
{
	struct idlegate_policy policy = gcl_policy_calm();
	struct idlegate_zones zones = {};
	struct idlegate_fact fact = {
		.kind = IDLEGATE_FACT_PAUSE, .on = 1, .until_ns = IDLEGATE_NEVER};

	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &policy), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &zones), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_FACT, &fact), -EPERM);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_LOOK, NULL), -EPERM);
}

/* Root is not the owner by being root. */
static void only_the_owner_may_change_anything(void)
{
	int other = gcl_open(O_RDWR);

	a_file_without_a_role(other);
	int owner = gcl_host_open(0);
	a_file_without_a_role(other);
	CHECK_RET(gcl_join(other, 10, 20), 0);
	a_file_without_a_role(other);
	CHECK_RET(gcl_state().holds, 0);
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_PARK, NULL), -EPERM);
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_UNPARK, NULL), -EPERM);
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_RELEASE, NULL), -EPERM);
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_LOOK, NULL), 0);
}

/* POLICY */

#define WRONG_POLICY(field, value)                                                             \
	do {                                                                                   \
		struct idlegate_policy wrong = gcl_policy_calm();                              \
		wrong.field = (value);                                                         \
		int ret = gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &wrong);                          \
		CHECK(ret == -EINVAL,                                                          \
		      "a policy with " #field " = " #value " gives %d, must be -EINVAL", ret); \
	} while (0)

static void policy_checks_every_limit(void)
{
	struct idlegate_policy calm = gcl_policy_calm();
	int fd = gcl_host_open(0);

	WRONG_POLICY(idle_after_ns, DAY_NS + 1);
	WRONG_POLICY(idle_after_ns, UINT64_MAX);
	WRONG_POLICY(resume_settle_ns, DAY_NS + 1);
	for (size_t i = 0; i < IDLEGATE_HOLD_COUNT; i++)
		WRONG_POLICY(dwell_ns[i], DAY_NS + 1);
	for (size_t i = IDLEGATE_HOLD_COUNT; i < IDLEGATE_HOLD_ROOM; i++)
		WRONG_POLICY(dwell_ns[i], 1);
	WRONG_POLICY(battery_low_set, -1);
	WRONG_POLICY(battery_low_set, calm.battery_low_clear);
	WRONG_POLICY(battery_low_clear, 101);
	WRONG_POLICY(battery_hot_set, calm.battery_hot_clear);
	WRONG_POLICY(battery_hot_set, 250001);
	WRONG_POLICY(battery_hot_set, IDLEGATE_VALUE_UNKNOWN);
	WRONG_POLICY(battery_hot_clear, -100001);
	WRONG_POLICY(zone_hot_set, calm.zone_hot_clear);
	WRONG_POLICY(zone_hot_set, INT_MAX);
	WRONG_POLICY(zone_hot_clear, INT_MIN);
	WRONG_POLICY(require_charging, 2);
	WRONG_POLICY(require_charging, 0x100);
	WRONG_POLICY(require_charging, 1); /* and power is not required */
	WRONG_POLICY(required_sensors, 1u << 7);
	WRONG_POLICY(required_sensors, 0x80000000);
	WRONG_POLICY(look_ms, IDLEGATE_LOOK_MIN_MS - 1);
	WRONG_POLICY(look_ms, 1);
	WRONG_POLICY(look_ms, IDLEGATE_LOOK_MAX_MS + 1);
	WRONG_POLICY(look_ms, UINT32_MAX);
	for (size_t i = 0; i < ARRAY_LEN(calm.reserved); i++) {
		WRONG_POLICY(reserved[i], 1);
		WRONG_POLICY(reserved[i], 0x80000000);
	}
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &calm), 0);
	CHECK_RET(gcl_state().holds, 0);
}

/* The old limits stay: the idle time of the one that was taken is what counts. */
static void a_policy_that_is_refused_changes_nothing(void)
{
	struct idlegate_policy calm = gcl_policy_calm(), wrong = calm;
	int fd = gcl_host_open(0);

	wrong.idle_after_ns = 3600ull * 1000000000;
	wrong.required_sensors = 1u << IDLEGATE_SENSOR_CPU;
	wrong.reserved[6] = 1;
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &wrong), -EINVAL);
	gcl_fact(fd, IDLEGATE_FACT_INPUT, 0);
	struct idlegate_state state = gcl_state();
	CHECK_RET(state.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE));
	CHECK_RET((long)(state.next_deadline_ns - state.input_ns), (long)calm.idle_after_ns);
	gcl_wait_holds(gcl_map(fd), ~0u, 0, 5000);
}

static void a_new_policy_judges_at_once(void)
{
	struct idlegate_policy policy = gcl_policy_calm();
	int fd = gcl_host_open(0);

	policy.required_sensors = 1u << IDLEGATE_SENSOR_GPU;
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &policy), 0);
	struct idlegate_state state = gcl_state();
	CHECK_RET(state.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST));
	CHECK_RET(state.lost, 1u << IDLEGATE_SENSOR_GPU);
	policy.required_sensors = 0;
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &policy), 0);
	gcl_wait_holds(gcl_map(fd), ~0u, 0, 5000);
}

/* ZONES */

static struct idlegate_zones two_zones(void)
{
	struct idlegate_zone zone = {.set_mc = IDLEGATE_VALUE_UNKNOWN,
				     .clear_mc = IDLEGATE_VALUE_UNKNOWN};
	struct idlegate_zones zones = {.n = 2, .zone = {zone, zone}};

	strcpy(zones.zone[0].name, "no-such-zone-a");
	strcpy(zones.zone[1].name, "no-such-zone-b");
	return zones;
}

static void zones_must_be_einval(int fd, const struct idlegate_zones *zones, const char *what)
{
	struct idlegate_zones right = two_zones();
	int ret = gcl_ioctl(fd, IDLEGATE_IOC_ZONES, zones);

	CHECK(ret == -EINVAL, "zones, %s: %d, must be -EINVAL", what, ret);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &right), 0);
}

#define WRONG_ZONES(what, change)                      \
	do {                                           \
		struct idlegate_zones z = two_zones(); \
		change;                                \
		zones_must_be_einval(fd, &z, what);    \
	} while (0)

static void zones_check_every_field(void)
{
	struct idlegate_zones none = {};
	int fd = gcl_host_open(0);

	/* Zones may be named that nobody reads yet. */
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &none), 0);
	close(fd);
	fd = gcl_open(O_RDWR);
	gcl_host(fd, 1u << IDLEGATE_SENSOR_THERMAL, NULL);

	WRONG_ZONES("one too many", z.n = IDLEGATE_ZONES + 1);
	WRONG_ZONES("n of all bits", z.n = UINT32_MAX);
	WRONG_ZONES("reserved", z.reserved = 1);
	WRONG_ZONES("reserved of the first", z.zone[0].reserved = 1);
	WRONG_ZONES("reserved of the second", z.zone[1].reserved = 0x80000000);
	WRONG_ZONES("an empty name", memset(z.zone[1].name, 0, sizeof(z.zone[1].name)));
	WRONG_ZONES("a name without end", memset(z.zone[0].name, 'x', sizeof(z.zone[0].name)));
	WRONG_ZONES("the same name twice", strcpy(z.zone[1].name, z.zone[0].name));
	WRONG_ZONES("fewer than are there", z.n = 1);
	WRONG_ZONES("a name beyond n", z.zone[2].name[0] = 'x');
	WRONG_ZONES("a limit beyond n", z.zone[31].set_mc = 1);
	WRONG_ZONES("a clear limit beyond n", z.zone[31].clear_mc = 1);
	WRONG_ZONES("reserved beyond n", z.zone[31].reserved = 1);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &none), 0);
}

static void a_zone_that_is_not_there_is_a_lost_sensor(void)
{
	struct idlegate_policy policy = gcl_policy_calm();
	struct idlegate_zones zones = two_zones();
	int fd = gcl_open(O_RDWR);

	if (!(gcl_info().sensors & 1u << IDLEGATE_SENSOR_THERMAL))
		suite_skip("this module cannot watch zones");
	policy.required_sensors = 1u << IDLEGATE_SENSOR_THERMAL;
	gcl_host(fd, 1u << IDLEGATE_SENSOR_THERMAL, &policy);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, &zones), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_LOOK, NULL), 0);
	struct idlegate_state state = gcl_state();
	CHECK(state.holds & IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_SENSOR_LOST),
	      "holds %#x lack sensor-lost", state.holds);
	CHECK_RET(state.lost, 1u << IDLEGATE_SENSOR_THERMAL);
}

/* LEASES */

static void join_checks_every_field(void)
{
	struct idlegate_join wrong[] = {
		{.grace_ms = 0, .limit_ms = 10},
		{.grace_ms = 0, .limit_ms = 0},
		{.grace_ms = 11, .limit_ms = 10},
		{.grace_ms = 1, .limit_ms = 0},
		{.grace_ms = 1, .limit_ms = IDLEGATE_LEASE_MAX_MS + 1},
		{.grace_ms = UINT32_MAX, .limit_ms = UINT32_MAX},
		{.grace_ms = 1, .limit_ms = 10, .flags = 1},
		{.grace_ms = 1, .limit_ms = 10, .flags = 0x80000000},
		{.grace_ms = 1, .limit_ms = 10, .reserved = {1}},
		{.grace_ms = 1, .limit_ms = 10, .reserved = {0, 1}},
		{.grace_ms = 1, .limit_ms = 10, .reserved = {0, 0, 1}},
		{.grace_ms = 1, .limit_ms = 10, .reserved = {0, 0, 0, 1}},
		{.grace_ms = 1, .limit_ms = 10, .reserved = {0, 0, 0, 0, 0x80000000}},
	};
	int owner = gcl_host_open(0), fd = gcl_open(O_RDWR);

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		int ret = gcl_ioctl(fd, IDLEGATE_IOC_JOIN, &wrong[i]);
		CHECK(ret == -EINVAL, "JOIN %zu gives %d, must be -EINVAL", i, ret);
		CHECK_RET(gcl_info().leases, 0);
	}
	CHECK_RET(gcl_join(fd, IDLEGATE_LEASE_MAX_MS, IDLEGATE_LEASE_MAX_MS), 0);
	CHECK_RET(gcl_info().leases, 1);
	close(fd);
	CHECK_RET(gcl_info().leases, 0);
	close(owner);
}

static void a_file_and_a_process_have_one_lease(void)
{
	struct idlegate_host host = {};
	int fd = gcl_open(O_RDWR), second = gcl_open(O_RDWR);

	CHECK_RET(gcl_join(fd, 10, 20), -ENOTCONN);
	int owner = gcl_host_open(0);
	CHECK_RET(gcl_join(owner, 10, 20), -EBUSY);
	CHECK_RET(gcl_join(fd, 10, 20), 0);
	CHECK_RET(gcl_join(fd, 10, 20), -EBUSY);
	CHECK_RET(gcl_join(second, 10, 20), -EBUSY);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_HOST, &host), -EBUSY);
	close(owner);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_HOST, &host), -EBUSY);
	close(fd);
	owner = gcl_host_open(0);
	CHECK_RET(gcl_join(second, 10, 20), 0);
}

static void unpark_asks_the_gate(void)
{
	int owner = gcl_host_open(0), fd = gcl_open(O_RDWR);

	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), -EPERM);
	CHECK_RET(gcl_join(fd, 30000, 60000), 0);
	gcl_pause(owner, true);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), -EAGAIN);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL), 0);
	gcl_pause(owner, false);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), 0);
	gcl_pause(owner, true);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), -EAGAIN);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL), 0);
	close(owner);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL), -EAGAIN);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL), 0);
}

static void join_and_try_to_shed(void *arg)
{
	int fd = *(int *)arg;

	CHECK_RET(gcl_join(fd, 10, 20), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_RELEASE, NULL), -EPERM);
	close(fd);
	CHECK_RET(gcl_info().leases, 1);
}

static void the_supervisor_releases_not_the_process(void)
{
	int owner = gcl_host_open(0), fd = gcl_open(O_RDWR);

	suite_join(suite_fork(join_and_try_to_shed, &fd));
	CHECK_RET(gcl_info().leases, 1);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_RELEASE, NULL), 0);
	CHECK_RET(gcl_info().leases, 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL), -EPERM);
	close(owner);
}

static void join_as_the_owners_user(void *arg)
{
	int fd = gcl_open(O_RDWR);

	suite_drop(true, false);
	CHECK_RET(gcl_join(fd, 10, 20), 0);
}

/* A daemon that is not root, but may send signals, leases to workers that are its user's. */
static void host_with_one_right(void *arg)
{
	suite_drop(true, true);
	int owner = gcl_host_open(0);

	*(volatile int *)arg = 1;
	while (*(volatile int *)arg == 1)
		suite_sleep_ms(1);
	close(owner);
}

static void leases_are_for_the_owners_user(void)
{
	volatile int *step =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	pid_t owner = suite_fork(host_with_one_right, (void *)step);
	while (!*step)
		suite_sleep_ms(1);
	suite_join(suite_fork(join_as_the_owners_user, NULL));
	int root = gcl_open(O_RDWR);
	CHECK_RET(gcl_join(root, 10, 20), 0); /* by CAP_KILL */
	*step = 2;
	suite_join(owner);
}

struct crowd {
	volatile int ready, refused, go_home;
};

static void one_of_the_crowd(void *arg)
{
	struct crowd *crowd = arg;
	int fd = gcl_open(O_RDWR), ret = gcl_join(fd, 10, 20);

	CHECK(ret == 0 || ret == -ENOSPC, "JOIN in a crowd: %s", strerror(-ret));
	__atomic_add_fetch(ret ? &crowd->refused : &crowd->ready, 1, __ATOMIC_SEQ_CST);
	while (!crowd->go_home)
		suite_sleep_ms(200);
}

static void leases_are_limited(void)
{
	struct crowd *crowd =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[IDLEGATE_LEASES + 2];
	int owner = gcl_host_open(0);

	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = suite_fork(one_of_the_crowd, crowd);
	while (crowd->ready + crowd->refused < (int)ARRAY_LEN(pids))
		suite_sleep_ms(10);
	CHECK_RET(crowd->ready, IDLEGATE_LEASES);
	CHECK_RET(crowd->refused, 2);
	CHECK_RET(gcl_info().leases, IDLEGATE_LEASES);
	crowd->go_home = 1;
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		suite_join(pids[i]);
	CHECK_RET(gcl_info().leases, 0);
	close(owner);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(host_checks_every_field),
		SUITE_CASE(there_is_one_owner),
		SUITE_CASE(the_owner_watches_what_it_asked_for),
		SUITE_CASE(an_owner_inherits_nothing),
		SUITE_CASE(the_group_may_look_and_not_touch),
		SUITE_CASE(only_the_owner_may_change_anything),
		SUITE_CASE(policy_checks_every_limit),
		SUITE_CASE(a_policy_that_is_refused_changes_nothing),
		SUITE_CASE(a_new_policy_judges_at_once),
		SUITE_CASE(zones_check_every_field),
		SUITE_CASE(a_zone_that_is_not_there_is_a_lost_sensor),
		SUITE_CASE(join_checks_every_field),
		SUITE_CASE(a_file_and_a_process_have_one_lease),
		SUITE_CASE(unpark_asks_the_gate),
		SUITE_CASE(the_supervisor_releases_not_the_process),
		SUITE_CASE(leases_are_for_the_owners_user),
		{"leases_are_limited", leases_are_limited, 240},
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
