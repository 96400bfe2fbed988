/* SPDX-License-Identifier: MIT */
/* Input devices: which of them tell of an owner, and what becomes of those that come and go. */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"
#include "tests/phone/suite/uinput.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COMINGS 200
#define STORM   20000
#define ACTIVE  IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE)

static int host_inputs(void)
{
	int owner = gcl_host_open(1u << IDLEGATE_SENSOR_INPUT);

	CHECK_RET(gcl_info().watched, 1u << IDLEGATE_SENSOR_INPUT);
	return owner;
}

static void expect_use(const volatile struct idlegate_page *map, int device, enum uinput_kind kind,
		       bool counts)
{
	uint64_t before = suite_now_ns();

	gcl_wait_holds(map, ~0u, 0, 5000);
	uinput_use(device, kind);
	uint32_t holds = gcl_holds(map);
	uint64_t after = suite_now_ns();
	struct idlegate_page page = gcl_page(map);
	CHECK(holds == (counts ? ACTIVE : 0), "a %s was used: holds %#x", uinput_name(kind), holds);
	if (counts)
		CHECK(page.input_ns >= before && page.input_ns <= after,
		      "a %s was used between %llu and %llu, the page says %llu", uinput_name(kind),
		      (unsigned long long)before, (unsigned long long)after,
		      (unsigned long long)page.input_ns);
}

/* The hold is there before the call that makes the event returns: the same context sets it. */
static void an_owners_devices_count_and_sensors_do_not(void)
{
	int devices[UINPUT_KINDS];
	uint32_t inputs;

	for (int k = 0; k < UINPUT_KINDS; k++)
		devices[k] = uinput_create((enum uinput_kind)k);
	int owner = host_inputs();
	const volatile struct idlegate_page *map = gcl_map(owner);
	inputs = gcl_info().inputs;
	CHECK(inputs >= 4, "it listens to %u devices; there are 4 that it should", inputs);
	for (int round = 0; round < 3; round++)
		for (int k = 0; k < UINPUT_KINDS; k++)
			expect_use(map, devices[k], (enum uinput_kind)k,
				   k != UINPUT_ACCELEROMETER && k != UINPUT_SWITCH);
	for (int k = 0; k < UINPUT_KINDS; k++)
		close(devices[k]);
	CHECK_RET(gcl_info().inputs, inputs - 4);
}

static void what_comes_later_counts_too(void)
{
	int owner = host_inputs();
	const volatile struct idlegate_page *map = gcl_map(owner);
	uint32_t inputs = gcl_info().inputs;

	for (int k = 0; k < UINPUT_KINDS; k++) {
		bool counts = k != UINPUT_ACCELEROMETER && k != UINPUT_SWITCH;
		int device = uinput_create((enum uinput_kind)k);
		CHECK_RET(gcl_info().inputs, inputs + counts);
		expect_use(map, device, (enum uinput_kind)k, counts);
		close(device);
		CHECK_RET(gcl_info().inputs, inputs);
	}
}

/* While nobody hosts, or the owner did not ask for it, no device is listened to. */
static void nobody_listens_unasked(void)
{
	int device = uinput_create(UINPUT_KEYBOARD);

	CHECK_RET(gcl_info().inputs, 0);
	int owner = gcl_host_open(0);
	CHECK_RET(gcl_info().inputs, 0);
	uinput_use(device, UINPUT_KEYBOARD);
	CHECK_RET(gcl_state().holds, 0);
	CHECK_RET((long)gcl_state().input_ns, 0);
	close(owner);
	owner = host_inputs();
	CHECK(gcl_info().inputs > 0, "it does not listen to the keyboard");
	close(owner);
	CHECK_RET(gcl_info().inputs, 0);
}

/* A broken cable, or a program that makes and drops devices: as many as they like. */
static void devices_come_and_go(void)
{
	int owner = host_inputs();
	const volatile struct idlegate_page *map = gcl_map(owner);
	uint32_t inputs = gcl_info().inputs;

	for (int i = 0; i < COMINGS; i++) {
		enum uinput_kind kind = (enum uinput_kind)(i % UINPUT_KINDS);
		int device = uinput_create(kind);

		uinput_use(device, kind);
		if (kind == UINPUT_TOUCHSCREEN)
			CHECK(gcl_holds(map) & ACTIVE, "coming %d: a touch was not heard", i);
		close(device);
	}
	CHECK_RET(gcl_info().inputs, inputs);
	int touch = uinput_create(UINPUT_TOUCHSCREEN);
	expect_use(map, touch, UINPUT_TOUCHSCREEN, true);
}

static volatile bool stop;

static void *come_and_go(void *arg)
{
	enum uinput_kind kind = (enum uinput_kind)(uintptr_t)arg;

	while (!stop) {
		int device = uinput_create(kind);
		uinput_use(device, kind);
		close(device);
	}
	return NULL;
}

/* The list of devices changes below the feet of an owner that comes and goes itself. */
static void devices_and_owners_come_and_go_at_once(void)
{
	pthread_t threads[2];

	stop = false;
	for (uintptr_t i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, come_and_go, (void *)i), "a thread");
	for (int i = 0; i < 100; i++) {
		int owner = gcl_open(O_RDWR);
		gcl_host(owner, 1u << IDLEGATE_SENSOR_INPUT, NULL);
		gcl_info();
		close(owner);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK_RET(gcl_info().inputs, 0);
}

/*
 * A program that grabs a device takes its events from all others, this module among them. That is
 * a limit of input handlers, and known: brokerd adds a source that hears grabbed devices where it
 * can. What is tested is that nothing breaks and that it hears again afterwards.
 */
static void a_grabbed_device_is_heard_again_when_it_is_let_go(void)
{
	int device = uinput_create(UINPUT_KEYBOARD), owner = host_inputs(), on = 1;
	const volatile struct idlegate_page *map = gcl_map(owner);
	char node[64];

	CHECK_RET(uinput_event_node(device, node, sizeof(node)), 0);
	int grabber = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(grabber >= 0, "%s: %s", node, strerror(errno));
	expect_use(map, device, UINPUT_KEYBOARD, true);
	gcl_wait_holds(map, ~0u, 0, 5000);
	CHECK(!ioctl(grabber, EVIOCGRAB, on), "EVIOCGRAB: %s", strerror(errno));
	uinput_use(device, UINPUT_KEYBOARD);
	suite_say("a key of a grabbed keyboard is %s", gcl_holds(map) ? "heard" : "not heard");
	close(grabber);
	expect_use(map, device, UINPUT_KEYBOARD, true);
}

/*
 * Under a stream of inputs the time in the page lags by no more than the header says. Where the
 * machine did not let this process run for so long, it was no stream: the gate may have opened.
 */
static void a_storm_of_inputs(void)
{
	int device = uinput_create(UINPUT_MOUSE), owner = host_inputs();
	const volatile struct idlegate_page *map = gcl_map(owner);
	uint64_t began = suite_now_ns(), now = began, last = began, worst = 0;
	unsigned int absences = 0;

	for (int i = 0; i < STORM; i++) {
		uint64_t before = now;
		last = suite_now_ns();
		uinput_use(device, UINPUT_MOUSE);
		uint64_t seen = gcl_page(map).input_ns;
		uint32_t holds = gcl_holds(map);
		now = suite_now_ns();
		if (now - before > IDLEGATE_INPUT_LAG_NS) {
			absences++;
			continue;
		}
		CHECK(holds & ACTIVE, "input %d: the gate is open", i);
		if (now > seen && now - seen > worst)
			worst = now - seen;
	}
	suite_say("%d inputs in %.1f s; the time of the last one lagged by at most %.1f ms; "
		  "%u times the machine was away",
		  STORM, (double)(now - began) / 1e9, (double)worst / 1e6, absences);
	CHECK(absences < STORM / 10, "the machine was away %u times", absences);
	/* Twice, for the machine may have been away between the event and the look. */
	CHECK(worst <= 2 * (uint64_t)IDLEGATE_INPUT_LAG_NS, "it lagged by %.1f ms",
	      (double)worst / 1e6);
	struct idlegate_page page = gcl_page(map);
	CHECK(page.closes >= 1 && page.closes <= 1 + absences, "a storm closed the gate %llu times",
	      (unsigned long long)page.closes);
	uint64_t open = gcl_wait_holds(map, ~0u, 0, 5000);
	CHECK(open >= last + 200 * MS_NS - IDLEGATE_INPUT_LAG_NS,
	      "it opened %.1f ms after the last input", ((double)open - (double)last) / 1e6);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(an_owners_devices_count_and_sensors_do_not),
		SUITE_CASE(what_comes_later_counts_too),
		SUITE_CASE(nobody_listens_unasked),
		SUITE_CASE(devices_come_and_go),
		SUITE_CASE(devices_and_owners_come_and_go_at_once),
		SUITE_CASE(a_grabbed_device_is_heard_again_when_it_is_let_go),
		SUITE_CASE(a_storm_of_inputs),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
