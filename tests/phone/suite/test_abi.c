/* SPDX-License-Identifier: MIT */
/*
 * What /dev/idlegate promises to anyone: numbers, sizes, pointers, the page.
 *
 * The requests with their structs are test_abi_roles.c; here is what needs no role, or is the
 * same for all requests.
 */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const unsigned long requests[] = {
	IDLEGATE_IOC_INFO,  IDLEGATE_IOC_STATE,  IDLEGATE_IOC_HOST,    IDLEGATE_IOC_POLICY,
	IDLEGATE_IOC_ZONES, IDLEGATE_IOC_FACT,   IDLEGATE_IOC_LOOK,    IDLEGATE_IOC_JOIN,
	IDLEGATE_IOC_PARK,  IDLEGATE_IOC_UNPARK, IDLEGATE_IOC_RELEASE,
};

/* 4096 bytes of zeros, and beyond them a page that may not be touched. */
static char *guarded_page(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED, "mmap: %s", strerror(errno));
	CHECK(!mprotect(p + 4096, 4096, PROT_NONE), "mprotect: %s", strerror(errno));
	return p;
}

static void the_node_is_for_the_group_broker(void)
{
	struct group *broker = getgrnam("broker");
	struct stat st;

	CHECK(broker, "there is no group `broker`");
	CHECK(!stat(IDLEGATE_DEVICE, &st), "%s: %s", IDLEGATE_DEVICE, strerror(errno));
	CHECK(S_ISCHR(st.st_mode), "%s is no character device", IDLEGATE_DEVICE);
	CHECK(st.st_uid == 0 && st.st_gid == broker->gr_gid, "it belongs to %u:%u, must be 0:%u",
	      st.st_uid, st.st_gid, broker->gr_gid);
	CHECK((st.st_mode & 07777) == 0660, "its mode is %o, must be 660", st.st_mode & 07777);
}

static void info_of_a_gate_at_rest(void)
{
	struct idlegate_info info = gcl_info();

	CHECK_RET(info.abi, IDLEGATE_ABI);
	CHECK_RET(info.features, 0);
	CHECK_RET(info.hosted, 0);
	CHECK_RET(info.leases, 0);
	CHECK_RET(info.watched, 0);
	CHECK_RET(info.inputs, 0);
	CHECK(info.sensors & 1u << IDLEGATE_SENSOR_INPUT, "sensors %#x lack the input",
	      info.sensors);
	CHECK(!(info.sensors & ~GCL_SENSORS), "sensors %#x: no module can watch those",
	      info.sensors);
	for (size_t i = 0; i < ARRAY_LEN(info.reserved); i++)
		CHECK(!info.reserved[i], "reserved[%zu] is not zero", i);
}

static void state_is_zero_but_for_broker_gone(void)
{
	struct idlegate_state state = gcl_state(), zero = {};

	CHECK_RET(state.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE));
	state.holds = 0;
	CHECK(!memcmp(&state, &zero, sizeof(state)), "a state that nobody hosts is not all zero");
}

static void unknown_requests_are_enotty(void)
{
	static const unsigned int dirs[] = {_IOC_NONE, _IOC_READ, _IOC_WRITE,
					    _IOC_READ | _IOC_WRITE};
	static const unsigned int sizes[] = {0, 1, 4, 8, 24, 64, 80, 96, 1032, 4096, 16383};
	char *page = guarded_page();
	int fd = gcl_host_open(0);
	unsigned int tried = 0;

	for (unsigned int nr = 0; nr < 256; nr++)
		for (size_t d = 0; d < ARRAY_LEN(dirs); d++)
			for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
				unsigned long r = _IOC(dirs[d], IDLEGATE_IOC_MAGIC, nr, sizes[s]);
				bool known = false;
				for (size_t i = 0; i < ARRAY_LEN(requests); i++)
					known |= r == requests[i];
				if (known)
					continue;
				int ret = gcl_ioctl(fd, r, page);
				CHECK(ret == -ENOTTY, "request %#lx gives %d, must be -ENOTTY", r,
				      ret);
				tried++;
			}
	CHECK(tried > 10000, "only %u requests were tried", tried);
}

/* A struct that is a word shorter or longer is another request. */
static void requests_of_another_size_are_enotty(void)
{
	char *page = guarded_page();
	int fd = gcl_host_open(0);

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		unsigned int size = _IOC_SIZE(requests[i]);
		for (int by = -8; by <= 8; by += 4) {
			unsigned long r = _IOC(_IOC_DIR(requests[i]), IDLEGATE_IOC_MAGIC,
					       _IOC_NR(requests[i]),
					       (unsigned int)((int)size + by) & 0x3fff);
			if (by)
				CHECK_RET(gcl_ioctl(fd, r, page), -ENOTTY);
		}
		CHECK_RET(gcl_ioctl(fd, requests[i] ^ 0x100, page), -ENOTTY);
	}
}

static void bad_pointer(int fd, unsigned long request)
{
	char *page = guarded_page();
	const void *const bad[] = {
		NULL,
		(void *)8,
		page + 4096,
		page + 4096 - _IOC_SIZE(request) + 1, /* its last byte */
		page + 4096 - 4,
		(void *)~0ul,
		(void *)(~0ul - 4095),
		(void *)0xffff888000000000ul, /* where the kernel's own memory is */
		(void *)0x0000800000000000ul, /* no address at all */
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		int ret = gcl_ioctl(fd, request, bad[i]);
		CHECK(ret == -EFAULT,
		      "request %#lx with pointer %p (%zu) gives %d, must be -EFAULT", request,
		      bad[i], i, ret);
	}
}

static void bad_pointers_are_efault(void)
{
	int any = gcl_open(O_RDWR);

	bad_pointer(any, IDLEGATE_IOC_INFO);
	bad_pointer(any, IDLEGATE_IOC_STATE);
	bad_pointer(any, IDLEGATE_IOC_HOST);
	int owner = gcl_host_open(0);
	bad_pointer(owner, IDLEGATE_IOC_POLICY);
	bad_pointer(owner, IDLEGATE_IOC_ZONES);
	bad_pointer(owner, IDLEGATE_IOC_FACT);
	bad_pointer(any, IDLEGATE_IOC_JOIN);
	CHECK_RET(gcl_state().holds, 0);
}

/* A struct that ends at the last byte of a page is whole. */
static void a_struct_at_the_end_of_memory_works(void)
{
	char *page = guarded_page();
	int fd = gcl_open(O_RDWR);

	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_INFO, page + 4096 - sizeof(struct idlegate_info)), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_STATE, page + 4096 - sizeof(struct idlegate_state)),
		  0);
	struct idlegate_host *host = (void *)(page + 4096 - sizeof(struct idlegate_host));
	memset(page, 0, 4096);
	host->sensors = 1u << IDLEGATE_SENSOR_THERMAL;
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_HOST, host), 0);
	memset(page, 0, 4096);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_FACT, page + 4096 - sizeof(struct idlegate_fact)), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_ZONES, page + 4096 - sizeof(struct idlegate_zones)),
		  0);
}

static void answers_fill_their_struct_and_no_more(void)
{
	struct {
		struct idlegate_state state;
		unsigned char beyond[64];
	} s;
	struct {
		struct idlegate_info info;
		unsigned char beyond[64];
	} i;
	int fd = gcl_host_open(0);

	memset(&s, 0x5a, sizeof(s));
	memset(&i, 0x5a, sizeof(i));
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_STATE, &s.state), 0);
	CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_INFO, &i.info), 0);
	for (size_t n = 0; n < 64; n++)
		CHECK(s.beyond[n] == 0x5a && i.beyond[n] == 0x5a, "byte %zu beyond is written", n);
	for (size_t n = 0; n < ARRAY_LEN(s.state.reserved); n++)
		CHECK(!s.state.reserved[n], "reserved[%zu] of the state is not zero", n);
	for (size_t n = IDLEGATE_HOLD_COUNT; n < IDLEGATE_HOLD_ROOM; n++)
		CHECK(!s.state.since_ns[n], "since_ns[%zu] is told of a hold that is not", n);
	CHECK_RET(i.info.hosted, 1);
}

/* The page */

static void refused_map(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *p = mmap(NULL, size, prot, flags, fd, offset);

	CHECK(p == MAP_FAILED, "mmap(%zu bytes, prot %d, flags %d, offset %#lx) works", size, prot,
	      flags, (long)offset);
	CHECK(errno == EINVAL || errno == EACCES || errno == EPERM || errno == EOVERFLOW,
	      "mmap(%zu bytes, prot %d, flags %d, offset %#lx): %s", size, prot, flags,
	      (long)offset, strerror(errno));
}

static void a_map_that_is_not_one_readable_page_is_refused(void)
{
	static const off_t offsets[] = {4096,     8192,     1 << 20,
					1l << 32, 1l << 44, 0x7ffffffffffff000};
	static const size_t sizes[] = {4097, 8192, 65536, 1 << 21};

	for (int mode = 0; mode < 2; mode++) {
		int fd = gcl_open(mode ? O_RDWR : O_RDONLY);
		for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
			refused_map(fd, 4096, PROT_READ | PROT_WRITE, flags, 0);
			refused_map(fd, 4096, PROT_WRITE, flags, 0);
			refused_map(fd, 4096, PROT_READ | PROT_EXEC, flags, 0);
			refused_map(fd, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, 0);
			for (size_t i = 0; i < ARRAY_LEN(offsets); i++)
				refused_map(fd, 4096, PROT_READ, flags, offsets[i]);
			for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
				refused_map(fd, sizes[i], PROT_READ, flags, 0);
		}
		close(fd);
	}
}

static void a_mapped_page_never_becomes_writable(void)
{
	int fd = gcl_open(O_RDWR);
	void *page = (void *)gcl_map(fd);

	for (int prot = PROT_WRITE; prot <= (PROT_WRITE | PROT_EXEC | PROT_READ); prot++) {
		if (prot == PROT_READ)
			continue;
		CHECK(mprotect(page, 4096, prot) < 0, "mprotect to %d works", prot);
		CHECK(errno == EACCES, "mprotect to %d: %s", prot, strerror(errno));
	}
	CHECK(mremap(page, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED,
	      "the mapping can be made to grow");
}

/* A debugger's way into another's memory is closed as well. */
static void a_mapped_page_cannot_be_forced(void)
{
	static const char bad[8] = "forced!";

	for (int flags = MAP_SHARED; flags <= MAP_PRIVATE; flags++) {
		int fd = gcl_open(O_RDWR), mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
		void *page = mmap(NULL, 4096, PROT_READ, flags, fd, 0);

		if (page == MAP_FAILED && flags == MAP_PRIVATE)
			continue;
		CHECK(page != MAP_FAILED, "mmap: %s", strerror(errno));
		CHECK(mem >= 0, "/proc/self/mem: %s", strerror(errno));
		ssize_t n = pwrite(mem, bad, sizeof(bad), (off_t)(uintptr_t)page);
		CHECK(n < 0, "/proc/self/mem wrote %zd bytes to the page", n);
		CHECK(((struct idlegate_page *)page)->magic == IDLEGATE_PAGE_MAGIC,
		      "the page was changed");
	}
}

static void check_page_form(const volatile struct idlegate_page *map)
{
	struct idlegate_page page = gcl_page(map);
	const volatile unsigned char *rest = (const volatile unsigned char *)map;

	CHECK_RET(page.magic, IDLEGATE_PAGE_MAGIC);
	CHECK_RET(page.version, IDLEGATE_PAGE_VERSION);
	for (size_t i = 0; i < ARRAY_LEN(page.reserved); i++)
		CHECK(!page.reserved[i], "reserved[%zu] of the page is not zero", i);
	for (size_t i = sizeof(page); i < IDLEGATE_PAGE_SIZE; i++)
		CHECK(!rest[i], "byte %zu of the page is %#x: something leaks there", i, rest[i]);
}

static void the_page_lives_and_tells_the_truth(void)
{
	const uint32_t gone = IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE);
	int fd = gcl_open(O_RDONLY);
	const volatile struct idlegate_page *map = gcl_map(fd);

	close(fd); /* the mapping outlives it */
	check_page_form(map);
	CHECK_RET(gcl_holds(map), gone);
	int owner = gcl_host_open(0);
	check_page_form(map);
	CHECK_RET(gcl_holds(map), 0);
	struct idlegate_page before = gcl_page(map);
	uint64_t t = suite_now_ns();
	gcl_pause(owner, true);
	struct idlegate_page after = gcl_page(map);
	CHECK_RET(after.holds, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED));
	CHECK_RET((long)(after.closes - before.closes), 1);
	CHECK_RET((long)(after.facts - before.facts), 1);
	CHECK(after.seq != before.seq && !(after.seq & 1), "the sequence went from %u to %u",
	      before.seq, after.seq);
	CHECK(after.changed_ns >= t && after.changed_ns <= suite_now_ns(),
	      "changed_ns is %llu, the change was between %llu and now",
	      (unsigned long long)after.changed_ns, (unsigned long long)t);
	gcl_pause(owner, false);
	CHECK_RET(gcl_holds(map), 0);
	close(owner);
	CHECK_RET(gcl_holds(map), gone);
	check_page_form(map);
}

static void the_page_and_the_state_agree(void)
{
	int owner = gcl_host_open(0);
	struct idlegate_page page;
	struct idlegate_state state;

	for (int i = 0; i < 20; i++) {
		gcl_pause(owner, i & 1);
		page = gcl_page(gcl_map(owner));
		state = gcl_state();
		CHECK_RET(state.holds, page.holds);
		CHECK_RET((long)state.changed_ns, (long)page.changed_ns);
		CHECK_RET((long)state.closes, (long)page.closes);
		CHECK_RET((long)state.opens, (long)page.opens);
		CHECK_RET((long)state.facts, (long)page.facts);
		CHECK(state.now_ns <= suite_now_ns(), "the state is of the future");
		CHECK(!state.since_ns[IDLEGATE_HOLD_PAUSED] == !(i & 1), "paused %d, since %llu",
		      i & 1, (unsigned long long)state.since_ns[IDLEGATE_HOLD_PAUSED]);
	}
}

static void it_cannot_be_written_to(void)
{
	struct idlegate_fact fact = {.kind = IDLEGATE_FACT_PAUSE};
	int fd = gcl_open(O_RDWR);

	CHECK(write(fd, &fact, sizeof(fact)) < 0, "write() works");
	CHECK(errno == EINVAL || errno == EBADF, "write(): %s", strerror(errno));
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(the_node_is_for_the_group_broker),
		SUITE_CASE(info_of_a_gate_at_rest),
		SUITE_CASE(state_is_zero_but_for_broker_gone),
		SUITE_CASE(unknown_requests_are_enotty),
		SUITE_CASE(requests_of_another_size_are_enotty),
		SUITE_CASE(bad_pointers_are_efault),
		SUITE_CASE(a_struct_at_the_end_of_memory_works),
		SUITE_CASE(answers_fill_their_struct_and_no_more),
		SUITE_CASE(a_map_that_is_not_one_readable_page_is_refused),
		SUITE_CASE(a_mapped_page_never_becomes_writable),
		SUITE_CASE(a_mapped_page_cannot_be_forced),
		SUITE_CASE(the_page_lives_and_tells_the_truth),
		SUITE_CASE(the_page_and_the_state_agree),
		SUITE_CASE(it_cannot_be_written_to),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
