/* SPDX-License-Identifier: MIT */
/* The module goes and comes: only when nobody uses it, and as often as one likes. */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/genl_client.h"
#include "tests/phone/suite/module_file.h"
#include "tests/phone/suite/suite.h"
#include "tests/phone/suite/uinput.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELOADS 100

static void must_stay(const char *why)
{
	int ret = module_unload();

	CHECK(ret == -EWOULDBLOCK || ret == -EBUSY, "unloading while %s gives %d", why, ret);
}

static void in_use_it_stays(void)
{
	int ret;

	module_path();
	int owner = gcl_host_open(gcl_info().sensors);
	must_stay("it hosts");
	CHECK_RET(gcl_state().holds & ~IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE), 0);
	int watcher = gcl_open(O_RDONLY);
	close(owner);
	must_stay("a file is open");
	void *page = (void *)gcl_map(watcher);
	close(watcher);
	must_stay("the page is mapped");
	CHECK_RET(((volatile struct idlegate_page *)page)->magic, IDLEGATE_PAGE_MAGIC);
	munmap(page, 4096);
	for (int ms = 0; (ret = module_unload()) && ms < 5000; ms++)
		suite_sleep_ms(1);
	CHECK(!ret, "unloading what nobody uses: %s", strerror(-ret));
	CHECK(access(IDLEGATE_DEVICE, F_OK) < 0, "the device's node is still there");
	CHECK_RET(module_load(""), 0);
	/* Before the first owner, as after the last one: closed. */
	int fd = gcl_open(O_RDONLY);
	CHECK_RET(gcl_holds(gcl_map(fd)), IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	CHECK_RET(gcl_state().holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	gcl_wait_idle();
	module_settle();
}

/* The load: each is a process, that is ended with the case. */

static volatile int *counters; /* what each of them achieved */

static void use_the_device(void *arg)
{
	for (;;) {
		int fd = open(IDLEGATE_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct idlegate_info info;

		if (fd < 0) {
			usleep(200);
			continue;
		}
		void *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (!gcl_ioctl(fd, IDLEGATE_IOC_INFO, &info))
			counters[0]++;
		poll(&p, 1, 0);
		close(fd);
		if (m != MAP_FAILED)
			munmap(m, 4096);
		usleep(300);
	}
}

static void use_inputs(void *arg)
{
	int touch = uinput_create(UINPUT_TOUCHSCREEN);

	for (;;) {
		int mouse = uinput_create(UINPUT_MOUSE);
		for (int i = 0; i < 20; i++) {
			uinput_use(touch, UINPUT_TOUCHSCREEN);
			uinput_use(mouse, UINPUT_MOUSE);
		}
		counters[1]++;
		close(mouse);
	}
}

/* Each supply announces a change again and again. */
static void send_uevents(void *arg)
{
	char path[300];

	for (;;) {
		DIR *dir = opendir("/sys/class/power_supply");
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "/sys/class/power_supply/%s/uevent",
				 entry->d_name);
			int fd = entry->d_name[0] == '.' ? -1 : open(path, O_WRONLY | O_CLOEXEC);
			if (fd >= 0 && write(fd, "change", 6) == 6)
				counters[2]++;
			close(fd);
		}
		if (dir)
			closedir(dir);
		int level = open("/sys/kernel/vbattery/battery/capacity", O_WRONLY | O_CLOEXEC);
		if (level >= 0 && write(level, counters[2] & 1 ? "80" : "81", 2) == 2)
			counters[2]++;
		close(level);
		usleep(500);
	}
}

static void ask_by_netlink(void *arg)
{
	int fd = gnl_open();
	struct gnl_family family;
	struct gnl_message m;

	for (;;) {
		if (gnl_resolve(fd, IDLEGATE_GENL_NAME, &family)) {
			usleep(200);
			continue;
		}
		setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &family.group,
			   sizeof(family.group));
		gnl_begin(&m, family.id, IDLEGATE_CMD_GET, 0);
		if (!gnl_ask(fd, &m, NULL))
			counters[3]++;
		usleep(300);
	}
}

static void host_shortly(int round)
{
	struct idlegate_policy calm = gcl_policy_calm();
	struct idlegate_zones zones = {
		.n = 1,
		.zone = {{.set_mc = IDLEGATE_VALUE_UNKNOWN, .clear_mc = IDLEGATE_VALUE_UNKNOWN}}};
	int owner = gcl_open(O_RDWR);

	strcpy(zones.zone[0].name, "vsoc");
	calm.look_ms = round % 3 ? IDLEGATE_LOOK_MIN_MS : 0;
	gcl_host(owner, gcl_info().sensors, &calm);
	CHECK_RET(gcl_ioctl(owner, IDLEGATE_IOC_ZONES, &zones), 0);
	if (round & 1)
		gcl_pause(owner, true);
	suite_sleep_ms((unsigned int)round % 7);
	close(owner);
}

static void again_and_again_under_load(void)
{
	static void (*const loads[])(void *arg) = {use_the_device, use_inputs, send_uevents,
						   ask_by_netlink};
	int reloads = (int)suite_count("SUITE_RELOADS", RELOADS), ret;
	unsigned int refused = 0;

	module_path();
	counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < ARRAY_LEN(loads); i++)
		suite_fork(loads[i], NULL);
	for (int round = 0; round < reloads; round++) {
		host_shortly(round);
		uint64_t end = suite_now_ns() + 10000 * MS_NS;
		while ((ret = module_unload())) {
			CHECK(ret == -EWOULDBLOCK || ret == -EBUSY, "round %d, unloading: %s",
			      round, strerror(-ret));
			CHECK(suite_now_ns() < end,
			      "round %d: nobody hosts it, and it cannot be unloaded", round);
			refused++;
			usleep(100);
		}
		usleep((useconds_t)(round * 131 % 3000));
		ret = module_load("");
		CHECK(!ret, "round %d, loading: %s", round, strerror(-ret));
		/* The node comes from devtmpfs, within the call. */
		CHECK(!access(IDLEGATE_DEVICE, F_OK), "round %d: no %s", round, IDLEGATE_DEVICE);
	}
	suite_say(
		"%d reloads, %u refused while in use; the load: %d uses of the device, %d inputs, "
		"%d uevents, %d netlink calls",
		reloads, refused, counters[0], counters[1] * 40, counters[2], counters[3]);
	for (size_t i = 0; i < ARRAY_LEN(loads); i++)
		CHECK(counters[i] > reloads / 5 || (i == 2 && !counters[i]), "load %zu did only %d",
		      i, counters[i]);
	module_settle();
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(in_use_it_stays),
		{"again_and_again_under_load", again_and_again_under_load, 300},
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
