/* SPDX-License-Identifier: MIT */
/*
 * Fault injection through debugfs and /proc/thread-self/fail-nth; see the header.
 *
 * The log stays free of the injector's own reports, so that each trace there is a defect.
 */
#include "tests/phone/debug/fault.h"

#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096ull

static const char *const injectors[] = {"failslab", "fail_page_alloc"};

static void set(const char *injector, const char *knob, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", injector, knob);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		suite_skip("this kernel injects no faults: there is no %s", path);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	CHECK(write(fd, value, strlen(value)) == (ssize_t)strlen(value), "%s <- %s: %s", path,
	      value, strerror(errno));
	close(fd);
}

static void set_all(const char *knob, const char *value)
{
	for (size_t i = 0; i < ARRAY_LEN(injectors); i++)
		set(injectors[i], knob, value);
}

static FILE *open_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");

	CHECK(f, "/proc/kallsyms: %s", strerror(errno));
	return f;
}

struct fault_range fault_module(const char *name)
{
	struct fault_range range = {.start = ~0ull};
	char line[512], wanted[64];
	unsigned long long address;
	char type;
	FILE *f = open_symbols();

	snprintf(wanted, sizeof(wanted), "[%s]", name);
	while (fgets(line, sizeof(line), f)) {
		if (!strstr(line, wanted) || sscanf(line, "%llx %c", &address, &type) != 2)
			continue;
		if (type != 't' && type != 'T')
			continue;
		range.start = address < range.start ? address : range.start;
		range.end = address > range.end ? address : range.end;
	}
	fclose(f);
	CHECK(range.end, "no symbols of %s in /proc/kallsyms", name);
	/* Where the last one ends is not told; a module's code has its pages to itself. */
	range.end = (range.end / PAGE + 1) * PAGE;
	return range;
}

struct fault_range fault_function(const char *name)
{
	struct fault_range range = {};
	char line[512], symbol[256];
	unsigned long long address;
	char type;
	FILE *f = open_symbols();

	/* In the order of addresses, but for the modules, which come last. */
	while (!range.end && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %c %255s", &address, &type, symbol) != 3)
			continue;
		if (range.start && address > range.start)
			range.end = address;
		else if (!strcmp(symbol, name))
			range.start = address;
	}
	fclose(f);
	CHECK(range.end, "no %s in /proc/kallsyms", name);
	return range;
}

void fault_begin(struct fault_range range)
{
	char text[32];

	set_all("probability", "0");
	set_all("verbose", "0");
	set_all("task-filter", "N");
	set_all("ignore-gfp-wait", "N");
	set("fail_page_alloc", "min-order", "0");
	set_all("interval", "1");
	set_all("times", "-1");
	snprintf(text, sizeof(text), "%#llx", range.start);
	set_all("require-start", text);
	snprintf(text, sizeof(text), "%#llx", range.end);
	set_all("require-end", text);
}

void fault_at_random(unsigned int percent)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", percent);
	set_all("probability", text);
}

static int open_nth(void)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0, "/proc/thread-self/fail-nth: %s", strerror(errno));
	return fd;
}

static void write_nth(int fd, unsigned int n)
{
	char text[16];
	int size = snprintf(text, sizeof(text), "%u", n);

	CHECK(pwrite(fd, text, (size_t)size, 0) == size, "fail-nth <- %u: %s", n, strerror(errno));
}

void fault_arm(unsigned int n)
{
	int fd = open_nth();

	write_nth(fd, n);
	close(fd);
}

bool fault_struck(void)
{
	char text[16] = "";
	int fd = open_nth();

	CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s", strerror(errno));
	write_nth(fd, 0);
	close(fd);
	return atoi(text) == 0;
}
