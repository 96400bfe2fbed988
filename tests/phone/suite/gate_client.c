/* SPDX-License-Identifier: MIT */
/* /dev/idlegate as tests use it; see the header. */
#include "tests/phone/suite/gate_client.h"

#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define IDLE_MS 10000

void gcl_wait_idle(void)
{
	struct idlegate_info info = {};

	for (unsigned int ms = 0; ms < IDLE_MS; ms += 10) {
		info = gcl_info();
		if (!info.hosted && !info.leases)
			return;
		suite_sleep_ms(10);
	}
	FAIL("the gate is in use (hosted %u, %u leases): end brokerd before this test", info.hosted,
	     info.leases);
}

int gcl_open(int flags)
{
	int fd = open(IDLEGATE_DEVICE, flags | O_CLOEXEC);

	CHECK(fd >= 0, "%s: %s", IDLEGATE_DEVICE, strerror(errno));
	return fd;
}

int gcl_ioctl(int fd, unsigned long request, const void *arg)
{
	int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

struct idlegate_info gcl_info(void)
{
	struct idlegate_info info;
	int fd = gcl_open(O_RDONLY);

	memset(&info, 0xa5, sizeof(info));
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_INFO, &info), 0);
	close(fd);
	return info;
}

struct idlegate_state gcl_state(void)
{
	struct idlegate_state state;
	int fd = gcl_open(O_RDONLY);

	memset(&state, 0xa5, sizeof(state));
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_STATE, &state), 0);
	close(fd);
	return state;
}

struct idlegate_policy gcl_policy_calm(void)
{
	return (struct idlegate_policy){
		.idle_after_ns = 200 * MS_NS,
		.resume_settle_ns = 200 * MS_NS,
		.battery_low_set = 40,
		.battery_low_clear = 50,
		.battery_hot_set = 40000,
		.battery_hot_clear = 37000,
		.zone_hot_set = 70000,
		.zone_hot_clear = 62000,
	};
}

void gcl_host(int fd, uint32_t sensors, const struct idlegate_policy *policy)
{
	struct idlegate_host host = {.sensors = sensors};

	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_HOST, &host), 0);
	if (policy)
		CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_POLICY, policy), 0);
}

int gcl_host_open(uint32_t sensors)
{
	struct idlegate_policy calm = gcl_policy_calm();
	int fd = gcl_open(O_RDWR);

	gcl_host(fd, sensors, &calm);
	gcl_fact(fd, IDLEGATE_FACT_TICK, 0);
	for (unsigned int ms = 0; gcl_state().holds; ms++) {
		CHECK(ms < 2000, "a gate with nothing to hold it is not open: holds %#x, lost %#x",
		      gcl_state().holds, gcl_state().lost);
		suite_sleep_ms(1);
	}
	return fd;
}

void gcl_fact(int fd, uint32_t kind, uint32_t on)
{
	struct idlegate_fact fact = {.kind = kind, .on = on};

	if (kind == IDLEGATE_FACT_PAUSE && on)
		fact.until_ns = IDLEGATE_NEVER;
	int ret = gcl_ioctl(fd, IDLEGATE_IOC_FACT, &fact);
	CHECK(ret >= 0, "fact %u, on %u: %s", kind, on, strerror(-ret));
}

void gcl_pause(int owner, bool on)
{
	gcl_fact(owner, IDLEGATE_FACT_PAUSE, on);
}

int gcl_join(int fd, uint32_t grace_ms, uint32_t limit_ms)
{
	struct idlegate_join join = {.grace_ms = grace_ms, .limit_ms = limit_ms};

	return gcl_ioctl(fd, IDLEGATE_IOC_JOIN, &join);
}

const volatile struct idlegate_page *gcl_map(int fd)
{
	void *p = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED, "mmap of the page: %s", strerror(errno));
	return p;
}

struct idlegate_page gcl_page(const volatile struct idlegate_page *map)
{
	struct idlegate_page out;
	uint32_t seq;

	do {
		seq = __atomic_load_n(&map->seq, __ATOMIC_ACQUIRE);
		out = *(const struct idlegate_page *)map;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || __atomic_load_n(&map->seq, __ATOMIC_RELAXED) != seq);
	return out;
}

uint32_t gcl_holds(const volatile struct idlegate_page *map)
{
	return __atomic_load_n(&map->holds, __ATOMIC_ACQUIRE);
}

uint64_t gcl_wait_holds(const volatile struct idlegate_page *map, uint32_t mask, uint32_t want,
			unsigned int ms)
{
	uint64_t end = suite_now_ns() + ms * MS_NS;

	for (;;) {
		uint32_t holds = gcl_holds(map);
		uint64_t now = suite_now_ns();

		if ((holds & mask) == want)
			return now;
		CHECK(now < end, "after %u ms the holds are %#x; of %#x, %#x should be set", ms,
		      holds, mask, want);
		suite_sleep_ms(1);
	}
}

unsigned int gcl_read_events(int fd, struct idlegate_event *events, unsigned int room)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (poll(&p, 1, 0) <= 0)
		return 0;
	ssize_t n = read(fd, events, room * sizeof(*events));
	CHECK(n > 0, "poll() says there are events, read() says %s",
	      n ? strerror(errno) : "there are none");
	CHECK(n % (ssize_t)sizeof(*events) == 0, "read() gave a part of an event: %zd bytes", n);
	return (unsigned int)((size_t)n / sizeof(*events));
}
