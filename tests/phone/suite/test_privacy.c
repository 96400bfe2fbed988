/* SPDX-License-Identifier: MIT */
/*
 * What the owner types and where they touch is nowhere to be found afterwards.
 *
 * The touches and keys carry values that occur nowhere else; they are seen to be delivered to an
 * ordinary reader of the device, and are then searched for, as numbers and as text, in all that the
 * module shows to anyone: page, events, state, info, netlink, its files in /sys, the kernel's log.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/genl_client.h"
#include "tests/phone/suite/suite.h"
#include "tests/phone/suite/uinput.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 50

/* Below 2^31, with four different bytes each. */
static const uint32_t secrets[] = {0x2badc0de, 0x51f15eed, 0x6e0dabb5};

static size_t looked; /* bytes searched */

static void search(const char *where, const void *data, size_t size)
{
	char text[32];

	looked += size;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		uint32_t value = secrets[i];
		uint32_t swapped = __builtin_bswap32(value);

		CHECK(!memmem(data, size, &value, 4), "%s holds %#x, which the owner typed", where,
		      value);
		CHECK(!memmem(data, size, &swapped, 4), "%s holds %#x, swapped", where, value);
		snprintf(text, sizeof(text), "%u", value);
		CHECK(!memmem(data, size, text, strlen(text)), "%s says %s", where, text);
		snprintf(text, sizeof(text), "%x", value);
		CHECK(!memmem(data, size, text, strlen(text)), "%s says %s", where, text);
	}
}

static void search_file(const char *path)
{
	static char data[1 << 16];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return;
	while ((n = read(fd, data, sizeof(data))) > 0)
		search(path, data, (size_t)n);
	close(fd);
}

static void search_folder(const char *path, int depth)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[1024];
	struct stat st;

	while (dir && depth && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (lstat(below, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			search_folder(below, depth - 1);
		else if (S_ISREG(st.st_mode))
			search_file(below);
	}
	if (dir)
		closedir(dir);
}

static void use_secretly(int touch, int keyboard)
{
	uinput_emit(touch, EV_ABS, ABS_X, (int)secrets[0]);
	uinput_emit(touch, EV_ABS, ABS_Y, (int)secrets[1]);
	uinput_emit(touch, EV_ABS, ABS_MT_POSITION_X, (int)secrets[2]);
	uinput_use(touch, UINPUT_TOUCHSCREEN);
	uinput_emit(touch, EV_ABS, ABS_X, 1);
	uinput_emit(touch, EV_ABS, ABS_Y, 1);
	uinput_emit(touch, EV_ABS, ABS_MT_POSITION_X, 1);
	/* The code that a keyboard's own matrix has for a key. */
	uinput_emit(keyboard, EV_MSC, MSC_SCAN, (int)secrets[0]);
	uinput_use(keyboard, UINPUT_KEYBOARD);
}

/* Bits of the secrets that an ordinary reader of the device has got. */
static unsigned int read_secrets(int fd)
{
	struct input_event e;
	unsigned int found = 0;

	while (read(fd, &e, sizeof(e)) == sizeof(e))
		for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
			if ((uint32_t)e.value == secrets[i])
				found |= 1u << i;
	return found;
}

static int open_reader(int device)
{
	char node[64];

	CHECK_RET(uinput_event_node(device, node, sizeof(node)), 0);
	int fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CHECK(fd >= 0, "%s: %s", node, strerror(errno));
	return fd;
}

static void search_all(int owner, int watcher, int netlink)
{
	struct idlegate_event events[IDLEGATE_EVENTS];
	struct idlegate_state state = gcl_state();
	struct idlegate_info info = gcl_info();
	unsigned char page[IDLEGATE_PAGE_SIZE];
	int asker = gnl_open();
	struct gnl_family family = gnl_family(asker);
	struct gnl_message m, answer;
	ssize_t size;

	memcpy(page, (const void *)gcl_map(owner), sizeof(page));
	search("the page", page, sizeof(page));
	search("the state", &state, sizeof(state));
	search("the info", &info, sizeof(info));
	unsigned int n = gcl_read_events(watcher, events, ARRAY_LEN(events));
	CHECK(n, "there was no event");
	search("an event", events, n * sizeof(*events));
	unsigned int messages = 0;
	struct pollfd p = {.fd = netlink, .events = POLLIN};
	CHECK(poll(&p, 1, 10000) == 1, "there was no netlink event");
	while ((size = recv(netlink, &m, sizeof(m), MSG_DONTWAIT)) > 0) {
		search("a netlink event", &m, (size_t)size);
		messages++;
	}
	CHECK(messages, "netlink had nothing to read");
	gnl_begin(&m, family.id, IDLEGATE_CMD_GET, 0);
	CHECK_RET(gnl_ask(asker, &m, &answer), 0);
	search("a netlink answer", &answer, answer.head.nlmsg_len);
	search_folder("/sys/module/idlegate", 3);
	search_folder("/sys/class/misc/idlegate", 1);
	search_folder("/sys/kernel/debug/idlegate", 3);
}

static void nothing_of_an_input_but_its_time(void)
{
	int touch = uinput_create(UINPUT_TOUCHSCREEN), keyboard = uinput_create(UINPUT_KEYBOARD);
	int reader = open_reader(touch),
	    kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int watcher = gcl_open(O_RDONLY), netlink = gnl_open();
	struct idlegate_policy calm = gcl_policy_calm();
	char record[8192];
	ssize_t n;

	CHECK(kmsg >= 0 && lseek(kmsg, 0, SEEK_END) >= 0, "/dev/kmsg: %s", strerror(errno));
	gnl_subscribe(netlink, gnl_family(netlink).group);
	int owner = gcl_open(O_RDWR);
	calm.idle_after_ns = 2 * MS_NS;
	gcl_host(owner, 1u << IDLEGATE_SENSOR_INPUT, &calm);
	for (int i = 0; i < ROUNDS; i++) {
		use_secretly(touch, keyboard);
		CHECK(gcl_page(gcl_map(owner)).input_ns, "the module did not hear the owner");
		suite_sleep_ms(5);
	}
	CHECK_RET(read_secrets(reader), (1 << ARRAY_LEN(secrets)) - 1);
	search_all(owner, watcher, netlink);
	while ((n = read(kmsg, record, sizeof(record))) > 0 || (n < 0 && errno == EPIPE))
		if (n > 0)
			search("the kernel's log", record, (size_t)n);
	CHECK(looked > IDLEGATE_PAGE_SIZE + 2000, "only %zu bytes were searched", looked);
	suite_say("%d rounds, %zu bytes searched", ROUNDS, looked);
}

/* That the search finds what is there. */
static void the_search_itself_works(void)
{
	const char *texts[] = {"x=732807390", "key 2badc0de"};
	char data[64] = {};

	for (size_t i = 0; i <= ARRAY_LEN(texts); i++) {
		pid_t pid = fork();
		if (!pid) {
			CHECK(freopen("/dev/null", "w", stdout), "/dev/null");
			memcpy(data + 3, &secrets[1], 4);
			if (i < ARRAY_LEN(texts))
				snprintf(data, sizeof(data), "%s", texts[i]);
			search("a place with a secret", data, sizeof(data));
			_exit(0);
		}
		int status = 0;
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "a process");
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "secret %zu was not found", i);
	}
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(the_search_itself_works),
		SUITE_CASE(nothing_of_an_input_but_its_time),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
