/* SPDX-License-Identifier: MIT */
/* The netlink family: what anyone may ask, what only an administrator may set, who hears events. */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/genl_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOLD(h)   IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_##h)
#define OBSERVERS 8

static int set_pause(int fd, uint8_t pause, uint64_t until_ns)
{
	struct gnl_family family = gnl_family(fd);
	struct gnl_message m;

	gnl_begin(&m, family.id, IDLEGATE_CMD_SET, 0);
	gnl_put_u8(&m, IDLEGATE_A_PAUSE, pause);
	if (until_ns)
		gnl_put_u64(&m, IDLEGATE_A_UNTIL_NS, until_ns);
	return gnl_ask(fd, &m, NULL);
}

static void get_is_the_state(void *arg)
{
	int fd = gnl_open();
	struct gnl_family family = gnl_family(fd);
	struct idlegate_state state = gcl_state();
	struct gnl_message m, answer = {};

	gnl_begin(&m, family.id, IDLEGATE_CMD_GET, 0);
	CHECK_RET(gnl_ask(fd, &m, &answer), 0);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_HOLDS), state.holds);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_CHANGED_NS), (long)state.changed_ns);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_INPUT_NS), (long)state.input_ns);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_CLOSES), (long)state.closes);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_OPENS), (long)state.opens);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_NEXT_DEADLINE_NS),
		  (long)state.next_deadline_ns);
	for (uint16_t a = IDLEGATE_A_PAUSE; a < 64; a++)
		CHECK(!gnl_attr(&answer, a, NULL), "the answer has an attribute %u as well", a);
}

static void anyone_may_get(void)
{
	int owner = gcl_host_open(0);

	get_is_the_state(NULL);
	gcl_fact(owner, IDLEGATE_FACT_GPU, 1);
	suite_run_as_nobody(true, get_is_the_state, NULL);
	gcl_fact(owner, IDLEGATE_FACT_GPU, 0);
	suite_run_as_nobody(true, get_is_the_state, NULL);
}

static void get_while_nobody_hosts(void)
{
	int fd = gnl_open();
	struct gnl_family family = gnl_family(fd);
	struct gnl_message m, answer = {};

	gnl_begin(&m, family.id, IDLEGATE_CMD_GET, 0);
	CHECK_RET(gnl_ask(fd, &m, &answer), 0);
	CHECK_RET((long)gnl_u64(&answer, IDLEGATE_A_HOLDS), HOLD(BROKER_GONE));
	CHECK_RET(set_pause(fd, 1, 0), -ENOTCONN);
	CHECK_RET(set_pause(fd, 0, 0), -ENOTCONN);
}

static void set_refused(void *arg)
{
	int fd = gnl_open();

	CHECK_RET(set_pause(fd, 1, 0), -EPERM);
	CHECK_RET(set_pause(fd, 0, 0), -EPERM);
}

static void set_needs_an_administrator(void)
{
	int owner = gcl_host_open(0);

	suite_run_as_nobody(true, set_refused, NULL);
	suite_run_as_nobody(false, set_refused, NULL);
	CHECK_RET(gcl_state().holds, 0);
	close(owner);
}

static void set_pauses_and_ends_a_pause(void)
{
	int owner = gcl_host_open(0), fd = gnl_open();
	const volatile struct idlegate_page *map = gcl_map(owner);

	CHECK_RET(set_pause(fd, 1, 0), 0);
	CHECK_RET(gcl_holds(map), HOLD(PAUSED));
	CHECK_RET((long)gcl_state().next_deadline_ns, (long)IDLEGATE_NEVER);
	CHECK_RET(set_pause(fd, 0, 0), 0);
	CHECK_RET(gcl_holds(map), 0);
	uint64_t until = suite_now_ns() + 150 * MS_NS;
	CHECK_RET(set_pause(fd, 1, until), 0);
	CHECK_RET(gcl_holds(map), HOLD(PAUSED));
	CHECK(gcl_wait_holds(map, ~0u, 0, 5000) >= until, "the pause ended early");
}

static int set_raw(int fd, uint16_t type, const void *data, size_t size, int pause)
{
	struct gnl_family family = gnl_family(fd);
	struct gnl_message m;

	gnl_begin(&m, family.id, IDLEGATE_CMD_SET, 0);
	if (pause >= 0)
		gnl_put_u8(&m, IDLEGATE_A_PAUSE, (uint8_t)pause);
	if (size)
		gnl_put(&m, type, data, size);
	return gnl_ask(fd, &m, NULL);
}

static void set_that_makes_no_sense_is_refused(void)
{
	static const unsigned char zeros[64];
	uint64_t until = IDLEGATE_NEVER;
	int owner = gcl_host_open(0), fd = gnl_open();

	CHECK(set_raw(fd, 0, NULL, 0, -1) < 0, "SET without PAUSE works");
	CHECK(set_raw(fd, 0, NULL, 0, 2) < 0, "SET with PAUSE 2 works");
	CHECK(set_raw(fd, 0, NULL, 0, 255) < 0, "SET with PAUSE 255 works");
	CHECK(set_raw(fd, IDLEGATE_A_UNTIL_NS, &until, 8, -1) < 0, "SET with an end alone works");
	CHECK(set_raw(fd, IDLEGATE_A_UNTIL_NS, &until, 8, 0) < 0, "an end of no pause works");
	CHECK(set_raw(fd, IDLEGATE_A_UNTIL_NS, zeros, 4, 1) < 0, "an end of 4 bytes works");
	CHECK(set_raw(fd, IDLEGATE_A_UNTIL_NS, zeros, 64, 1) < 0, "an end of 64 bytes works");
	CHECK(set_raw(fd, IDLEGATE_A_HOLDS, zeros, 4, 1) < 0, "SET of the holds works");
	CHECK(set_raw(fd, IDLEGATE_A_MAX + 1, zeros, 4, 1) < 0, "an unknown attribute works");
	CHECK_RET(gcl_state().holds, 0);
	close(owner);
}

static void commands_that_are_none_are_refused(void)
{
	int owner = gcl_host_open(0), fd = gnl_open();
	struct gnl_family family = gnl_family(fd);

	for (unsigned int cmd = 0; cmd < 256; cmd++) {
		struct gnl_message m;

		if (cmd == IDLEGATE_CMD_GET || cmd == IDLEGATE_CMD_SET)
			continue;
		gnl_begin(&m, family.id, (uint8_t)cmd, 0);
		CHECK_RET(gnl_ask(fd, &m, NULL), -EOPNOTSUPP);
	}
	CHECK_RET(gcl_state().holds, 0);
	close(owner);
}

static void expect_event(int fd, uint32_t before, uint32_t holds, uint64_t not_before)
{
	struct gnl_message m;
	int type = gnl_receive(fd, &m);

	CHECK(type >= 0, "no event came: %s", strerror(-type));
	CHECK_RET(((struct genlmsghdr *)NLMSG_DATA(&m.head))->cmd, IDLEGATE_CMD_EVENT);
	CHECK_RET((long)gnl_u64(&m, IDLEGATE_A_HOLDS), holds);
	CHECK_RET((long)gnl_u64(&m, IDLEGATE_A_BEFORE), before);
	uint64_t at = gnl_u64(&m, IDLEGATE_A_CHANGED_NS);
	CHECK(at >= not_before && at <= suite_now_ns(),
	      "the event's time is not that of the change");
	for (uint16_t a = 1; a < 64; a++)
		CHECK(a == IDLEGATE_A_PAD || a == IDLEGATE_A_HOLDS || a == IDLEGATE_A_BEFORE ||
			      a == IDLEGATE_A_CHANGED_NS || !gnl_attr(&m, a, NULL),
		      "an event tells attribute %u as well", a);
}

static void watch_two_changes(void *arg)
{
	int *const *pipes = arg;
	int fd = gnl_open();
	uint64_t now = suite_now_ns();

	gnl_subscribe(fd, gnl_family(fd).group);
	CHECK(write((*pipes)[1], "r", 1) == 1, "the pipe");
	expect_event(fd, 0, HOLD(PAUSED), now);
	expect_event(fd, HOLD(PAUSED), 0, now);
	expect_event(fd, 0, HOLD(GPU_BUSY), now);
	expect_event(fd, HOLD(GPU_BUSY), HOLD(GPU_BUSY) | HOLD(PAUSED), now);
}

static void any_number_of_observers_hear_each_change(void)
{
	pid_t pids[OBSERVERS];
	int pipes[2], *p = pipes;
	int owner = gcl_host_open(0);
	char ready;

	CHECK(!pipe(pipes), "pipe: %s", strerror(errno));
	for (size_t i = 0; i < OBSERVERS; i++)
		pids[i] = suite_fork(watch_two_changes, (void *)&p);
	for (size_t i = 0; i < OBSERVERS; i++)
		CHECK(read(pipes[0], &ready, 1) == 1, "the pipe");
	gcl_pause(owner, true);
	gcl_pause(owner, false);
	gcl_fact(owner, IDLEGATE_FACT_GPU, 1);
	gcl_pause(owner, true);
	for (size_t i = 0; i < OBSERVERS; i++)
		suite_join(pids[i]);
}

static void watch_unprivileged(void *arg)
{
	int fd = gnl_open();
	uint64_t now = suite_now_ns();

	gnl_subscribe(fd, gnl_family(fd).group);
	gcl_pause(*(int *)arg, true);
	expect_event(fd, 0, HOLD(PAUSED), now);
}

/* The group `broker` may hear events; the test's process keeps the owner's file to make one. */
static void events_need_no_rights(void)
{
	int owner = gcl_host_open(0);

	suite_run_as_nobody(true, watch_unprivileged, &owner);
}

/* The module's events come from many contexts; an observer that never reads must cost nothing. */
static void an_observer_that_does_not_read_holds_up_nobody(void)
{
	int owner = gcl_host_open(0), deaf = gnl_open(), fd = gnl_open(), size = 4096;
	struct gnl_family family = gnl_family(fd);

	CHECK(!setsockopt(deaf, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), "a small buffer");
	gnl_subscribe(deaf, family.group);
	for (int i = 0; i < 2000; i++)
		gcl_pause(owner, !(i & 1));
	gnl_subscribe(fd, family.group);
	uint64_t now = suite_now_ns();
	gcl_pause(owner, true);
	expect_event(fd, 0, HOLD(PAUSED), now);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(anyone_may_get),
		SUITE_CASE(get_while_nobody_hosts),
		SUITE_CASE(set_needs_an_administrator),
		SUITE_CASE(set_pauses_and_ends_a_pause),
		SUITE_CASE(set_that_makes_no_sense_is_refused),
		SUITE_CASE(commands_that_are_none_are_refused),
		SUITE_CASE(any_number_of_observers_hear_each_change),
		SUITE_CASE(events_need_no_rights),
		SUITE_CASE(an_observer_that_does_not_read_holds_up_nobody),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
