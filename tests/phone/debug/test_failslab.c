/* SPDX-License-Identifier: MIT */
/*
 * Every allocation of the module fails once.
 *
 * Each operation is done again and again, with its first allocation failing, its second, its third
 * and so on, until it needs no more of them. It may fail then, with ENOMEM and nothing else, or do
 * without; what it leaves must be as if it had not been tried. The kernel's log (read after each
 * case by the runner, and by the lane in the end, with what kmemleak found) tells the rest.
 */
#include "tests/phone/debug/fault.h"
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/genl_client.h"
#include "tests/phone/suite/suite.h"
#include "tests/phone/suite/uinput.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE    "idlegate"
#define MOST      2000 /* no operation allocates so often */
#define GRACE_MS  2000
#define LIMIT_MS  4000
#define STORM_MS  20000
#define STORM_PCT 30

struct scene {
	int fd; /* of the device */
	int netlink;
	struct gnl_family family;
	void *map;
	bool paused;
};

/* One operation: returns 0 or -errno; undone if it went well. */
struct operation {
	const char *name;
	int (*run)(struct scene *s);
	void (*undo)(struct scene *s);
};

/* How many of its allocations were failed, and how often the operation failed by that. */
struct tally {
	unsigned int struck, failed;
};

static struct tally each_allocation(const struct operation *o, struct scene *s)
{
	struct tally tally = {};

	for (unsigned int n = 1;; n++) {
		CHECK(n < MOST, "%s: still allocating after %u times", o->name, n);
		fault_arm(n);
		int ret = o->run(s);
		bool struck = fault_struck();
		if (ret == 0 && o->undo)
			o->undo(s);
		if (!struck) {
			CHECK(ret == 0, "%s: %s, though no allocation failed", o->name,
			      strerror(-ret));
			break;
		}
		CHECK(ret == 0 || ret == -ENOMEM || ret == -ENOBUFS,
		      "%s: allocation %u failed, and that ended with %s", o->name, n,
		      strerror(-ret));
		tally.struck++;
		tally.failed += ret != 0;
	}
	suite_say("%s: %u allocations failed, %u times it said so", o->name, tally.struck,
		  tally.failed);
	return tally;
}

/* Loading */

static int unload(struct scene *s)
{
	int ret = 0;

	(void)s;
	for (unsigned int ms = 0; ms < 5000; ms += 20) {
		ret = (int)syscall(SYS_delete_module, MODULE, O_NONBLOCK);
		if (ret == 0 || (errno != EBUSY && errno != EAGAIN))
			break;
		suite_sleep_ms(20);
	}
	CHECK(ret == 0, "unload: %s", strerror(errno));
	return 0;
}

static void undo_load(struct scene *s)
{
	unload(s);
}

static int load(struct scene *s)
{
	return syscall(SYS_finit_module, s->fd, "", 0) < 0 ? -errno : 0;
}

static void test_load(void)
{
	static const struct operation o = {"load", load, undo_load};
	struct scene s = {};
	char path[512];

	CHECK(getenv("B"), "B must be the build folder");
	snprintf(path, sizeof(path), "%s/idlegate/" MODULE ".ko", getenv("B"));
	s.fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(s.fd >= 0, "%s: %s", path, strerror(errno));
	/* The initialization alone: what loads a module is the kernel's own affair. */
	fault_begin(fault_function("do_one_initcall"));
	unload(&s);
	struct tally tally = each_allocation(&o, &s);
	CHECK_RET(load(&s), 0);
	CHECK(tally.failed > 10, "only %u times loading failed; was anything injected?",
	      tally.failed);
	gcl_wait_idle();
}

/* Files */

static int open_device(struct scene *s)
{
	s->fd = open(IDLEGATE_DEVICE, O_RDWR | O_CLOEXEC);
	return s->fd < 0 ? -errno : 0;
}

static void close_device(struct scene *s)
{
	close(s->fd);
	s->fd = -1;
}

static int map_page(struct scene *s)
{
	s->map = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ, MAP_SHARED, s->fd, 0);
	return s->map == MAP_FAILED ? -errno : *(volatile char *)s->map == 0;
}

static void unmap_page(struct scene *s)
{
	munmap(s->map, IDLEGATE_PAGE_SIZE);
}

static int wait_events(struct scene *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	return poll(&p, 1, 1) < 0 ? -errno : 0;
}

static void test_file(void)
{
	static const struct operation opening = {"open", open_device, close_device};
	static const struct operation mapping = {"mmap", map_page, unmap_page};
	static const struct operation polling = {"poll", wait_events, NULL};
	struct scene s = {};

	fault_begin(fault_module(MODULE));
	CHECK(each_allocation(&opening, &s).failed, "open never failed; was anything injected?");
	CHECK_RET(open_device(&s), 0);
	each_allocation(&mapping, &s);
	each_allocation(&polling, &s);
	close_device(&s);
}

/* The owner */

static int host(struct scene *s)
{
	struct idlegate_host in = {.sensors = GCL_SENSORS};
	int ret = open_device(s);

	if (ret)
		return ret;
	ret = gcl_ioctl(s->fd, IDLEGATE_IOC_HOST, &in);
	if (ret)
		close_device(s);
	return ret;
}

static int name_zones(struct scene *s)
{
	struct idlegate_zones in = {
		.n = 2,
		.zone = {{.name = "vsoc",
			  .set_mc = IDLEGATE_VALUE_UNKNOWN,
			  .clear_mc = IDLEGATE_VALUE_UNKNOWN},
			 {.name = "vskin", .set_mc = 60000, .clear_mc = 50000}}};

	return gcl_ioctl(s->fd, IDLEGATE_IOC_ZONES, &in);
}

static int set_policy(struct scene *s)
{
	struct idlegate_policy in = gcl_policy_calm();

	return gcl_ioctl(s->fd, IDLEGATE_IOC_POLICY, &in);
}

static int look(struct scene *s)
{
	return gcl_ioctl(s->fd, IDLEGATE_IOC_LOOK, NULL);
}

/* Each call changes the holds, so that it is told to readers and to the multicast group. */
static int turn_pause(struct scene *s)
{
	struct idlegate_fact in = {.kind = IDLEGATE_FACT_PAUSE, .on = !s->paused};

	in.until_ns = in.on ? IDLEGATE_NEVER : 0;
	int ret = gcl_ioctl(s->fd, IDLEGATE_IOC_FACT, &in);
	if (ret == 0)
		s->paused = !s->paused;
	return ret;
}

static void test_owner(void)
{
	static const struct operation hosting = {"host", host, close_device};
	static const struct operation rest[] = {
		{"policy", set_policy, NULL},
		{"zones", name_zones, NULL},
		{"look", look, NULL},
		{"fact", turn_pause, NULL},
	};
	struct scene s = {};
	int listener = gnl_open();

	gnl_subscribe(listener, gnl_family(listener).group);
	fault_begin(fault_module(MODULE));
	CHECK(each_allocation(&hosting, &s).failed, "hosting never failed; was anything injected?");
	CHECK_RET(host(&s), 0);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++)
		each_allocation(&rest[i], &s);
	close_device(&s);
	close(listener);
}

/* A lease */

static int join(struct scene *s)
{
	int ret = open_device(s);

	if (ret)
		return ret;
	ret = gcl_join(s->fd, GRACE_MS, LIMIT_MS);
	if (ret)
		close_device(s);
	return ret;
}

static int unpark_and_park(struct scene *s)
{
	int ret = gcl_ioctl(s->fd, IDLEGATE_IOC_UNPARK, NULL);

	return ret ?: gcl_ioctl(s->fd, IDLEGATE_IOC_PARK, NULL);
}

static void be_leased(void *arg)
{
	static const struct operation joining = {"join", join, close_device};
	static const struct operation parking = {"unpark, park", unpark_and_park, NULL};
	struct scene s = {};

	(void)arg;
	each_allocation(&joining, &s);
	CHECK_RET(join(&s), 0);
	each_allocation(&parking, &s);
	close_device(&s);
}

static void test_lease(void)
{
	int owner = gcl_host_open(0);

	fault_begin(fault_module(MODULE));
	suite_join(suite_fork(be_leased, NULL));
	CHECK(gcl_info().leases == 0, "%u leases are left", gcl_info().leases);
	close(owner);
}

/* Netlink */

static int ask_state(struct scene *s)
{
	struct gnl_message m;

	gnl_begin(&m, s->family.id, IDLEGATE_CMD_GET, 0);
	return gnl_ask(s->netlink, &m, NULL);
}

static int set_pause(struct scene *s)
{
	struct gnl_message m;

	gnl_begin(&m, s->family.id, IDLEGATE_CMD_SET, 0);
	gnl_put_u8(&m, IDLEGATE_A_PAUSE, !s->paused);
	int ret = gnl_ask(s->netlink, &m, NULL);
	if (ret == 0)
		s->paused = !s->paused;
	return ret;
}

static void test_netlink(void)
{
	static const struct operation getting = {"netlink get", ask_state, NULL};
	static const struct operation setting = {"netlink set", set_pause, NULL};
	struct scene s = {.netlink = gnl_open()};
	int owner = gcl_host_open(0), listener = gnl_open();

	s.family = gnl_family(s.netlink);
	gnl_subscribe(listener, s.family.group);
	fault_begin(fault_module(MODULE));
	CHECK(each_allocation(&getting, &s).failed, "GET never failed; was anything injected?");
	each_allocation(&setting, &s);
	close(listener);
	close(s.netlink);
	close(owner);
}

/* All at once, at random, and in the kernel's own threads as well */

static void turn(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	CHECK(write(fd, value, strlen(value)) > 0, "%s <- %s: %s", path, value, strerror(errno));
	close(fd);
}

static void storm_once(struct scene *s, uint64_t *seed)
{
	bool hosted = host(s) == 0;
	int screen = uinput_create(UINPUT_TOUCHSCREEN);

	uinput_use(screen, UINPUT_TOUCHSCREEN);
	turn("/sys/kernel/vbattery/charger/online", "0\n");
	turn("/sys/kernel/vthermal/vsoc/temp", suite_random(seed) & 1 ? "99000\n" : "45000\n");
	if (hosted) {
		name_zones(s);
		look(s);
		turn_pause(s);
		ask_state(s);
	}
	turn("/sys/kernel/vbattery/charger/online", "1\n");
	close(screen);
	if (hosted)
		close_device(s);
	s->paused = false;
}

static void test_storm(void)
{
	struct scene s = {.netlink = gnl_open()};
	uint64_t seed = 20260607, end = suite_now_ns() + STORM_MS * MS_NS;
	unsigned int rounds = 0;

	s.family = gnl_family(s.netlink);
	fault_begin(fault_module(MODULE));
	fault_at_random(STORM_PCT);
	for (; suite_now_ns() < end; rounds++)
		storm_once(&s, &seed);
	fault_at_random(0);
	turn("/sys/kernel/vthermal/vsoc/temp", "45000\n");
	suite_say("%u rounds", rounds);
	/* When memory is there again, all is as ever: a touch closes the gate. */
	close(gcl_host_open(GCL_SENSORS));
	close(s.netlink);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		{.name = "test_load", .run = test_load, .seconds = 1200},
		{.name = "test_file", .run = test_file, .seconds = 300},
		{.name = "test_owner", .run = test_owner, .seconds = 600},
		{.name = "test_lease", .run = test_lease, .seconds = 300},
		{.name = "test_netlink", .run = test_netlink, .seconds = 300},
		{.name = "test_storm", .run = test_storm, .seconds = 300},
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
