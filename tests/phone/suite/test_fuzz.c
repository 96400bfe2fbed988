/* SPDX-License-Identifier: MIT */
/*
 * A million random calls of everything that the module offers, by root and by a user of the group
 * `broker` at the same time: every ioctl, read, poll, mmap and what may be done to a mapping, and
 * the netlink commands.
 *
 * The calls are mostly right, with something wrong in them, so that they get deep; each worker
 * plays with a handful of files, so that roles are taken and lost all the time, also below
 * another's feet. What must hold for each call: what has a reserved field set does not succeed, and
 * what needs a right does not succeed without it. What must hold at the end: every kind of call
 * succeeded at least once for root (so it was tried in earnest), the kernel's log is clean, the
 * gate works.
 *
 *   SUITE_CALLS   how many calls (1000000)
 *   SUITE_SEED    a number that a failed run printed, to have the same calls again
 *
 * A worker that holds a lease is stopped or killed by the module at times, as it should be; it is
 * continued or replaced.
 */
#include "tests/phone/suite/fuzz_structs.h"
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/genl_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS     4 /* the even ones are root */
#define FILES       6
#define SHARED      2 /* of these, by the workers that are root */
#define CALLS       1000000ul
#define SECONDS     600
#define MAPS        4
#define CALL_IOCTLS 11

static const struct {
	const char *name;
	unsigned long request; /* or 0 */
	bool privileged;
} calls[] = {
	{"INFO", IDLEGATE_IOC_INFO, false},
	{"STATE", IDLEGATE_IOC_STATE, false},
	{"HOST", IDLEGATE_IOC_HOST, true},
	{"POLICY", IDLEGATE_IOC_POLICY, true},
	{"ZONES", IDLEGATE_IOC_ZONES, true},
	{"FACT", IDLEGATE_IOC_FACT, true},
	{"LOOK", IDLEGATE_IOC_LOOK, true},
	{"JOIN", IDLEGATE_IOC_JOIN, true},
	{"PARK", IDLEGATE_IOC_PARK, true},
	{"UNPARK", IDLEGATE_IOC_UNPARK, true},
	{"RELEASE", IDLEGATE_IOC_RELEASE, true},
#define CALL_GARBAGE CALL_IOCTLS
	{"garbage", 0, false},
	{"read", 0, false},
	{"poll", 0, false},
	{"mmap", 0, false},
	{"mprotect", 0, false},
	{"open", 0, false},
	{"close", 0, false},
	{"GET", 0, false},
	{"SET", 0, true},
	{"netlink", 0, false},
};

enum {
	CALL_READ = CALL_GARBAGE + 1,
	CALL_POLL,
	CALL_MMAP,
	CALL_MPROTECT,
	CALL_OPEN,
	CALL_CLOSE,
	CALL_GET,
	CALL_SET,
	CALL_NETLINK
};

struct tally {
	volatile unsigned long done, tried[ARRAY_LEN(calls)], worked[ARRAY_LEN(calls)];
	volatile bool joined;
};

struct worker {
	struct tally *tally;
	uint64_t random;
	bool root;
	int files[FILES], netlink;
	struct gnl_family family;
	void *maps[MAPS];
	char *guarded; /* a page, and one that is not there */
	unsigned long quota;
};

static struct tally *tallies;
static int shared_files[SHARED];
static uint64_t seed;

static void on_alarm(int signal)
{
}

/* Where an answer or a question is: mostly a good place. */
static void *place(struct worker *w, size_t size)
{
	switch (fuzz_pick(&w->random, 24)) {
	case 0:
		return NULL;
	case 1:
		return w->guarded + 4096 - fuzz_pick(&w->random, (uint32_t)size + 1);
	case 2:
		return (void *)(0xffff888000000000ul | suite_random(&w->random) >> 24);
	case 3:
		return (void *)suite_random(&w->random);
	default:
		return w->guarded + 4096 - size;
	}
}

static bool good_place(const struct worker *w, const void *p, size_t size)
{
	return (const char *)p >= w->guarded && (const char *)p + size <= w->guarded + 4096;
}

static int random_file(struct worker *w)
{
	if (w->root && fuzz_pick(&w->random, 4) == 0)
		return shared_files[fuzz_pick(&w->random, SHARED)];
	return w->files[fuzz_pick(&w->random, FILES)];
}

static long call_ioctl(struct worker *w, unsigned int call)
{
	unsigned long request = calls[call].request;
	size_t size = _IOC_SIZE(request);
	union fuzz_struct s;
	void *p = place(w, size);
	bool must_fail = false;

	if (_IOC_DIR(request) & _IOC_WRITE && good_place(w, p, size)) {
		fuzz_make(&s, request, &w->random);
		memcpy(p, &s, size);
		must_fail = fuzz_must_fail(&s, request);
	}
	/* Before the call: the answer may not be lived to. */
	if (call == 7 && w->root)
		w->tally->joined = true;
	/* A shared file is never closed: its owner would never go. */
	int fd = request == IDLEGATE_IOC_HOST ? w->files[fuzz_pick(&w->random, FILES)]
					      : random_file(w);
	long ret = gcl_ioctl(fd, request, p);
	CHECK(ret < 0 || !must_fail, "%s with a reserved field that is not zero returned %ld",
	      calls[call].name, ret);
	return ret;
}

static long call_garbage(struct worker *w)
{
	unsigned long request = suite_random(&w->random) & 0xffffffff;

	if (fuzz_pick(&w->random, 4))
		request = (request & ~0xff00ul) | IDLEGATE_IOC_MAGIC << 8;
	for (size_t i = 0; i < CALL_IOCTLS; i++)
		if (request == calls[i].request)
			return -ENOTTY;
	/* What the file system answers for any file (FIONBIO and the like) has other types. */
	long ret = gcl_ioctl(random_file(w), request, place(w, 64));
	CHECK(ret < 0 || _IOC_TYPE(request) != IDLEGATE_IOC_MAGIC, "request %#lx returned %ld",
	      request, ret);
	return 0;
}

static long call_mmap(struct worker *w)
{
	static const size_t sizes[] = {4096, 4096, 4096, 1, 4097, 8192, 1 << 21, 0};
	void **slot = &w->maps[fuzz_pick(&w->random, MAPS)];
	int prot = fuzz_pick(&w->random, 2) ? PROT_READ : (int)fuzz_pick(&w->random, 8);
	int flags = 1 + (int)fuzz_pick(&w->random, 3);
	off_t offset = fuzz_pick(&w->random, 4) ? 0 : (off_t)fuzz_value(&w->random) & ~0xfff;
	size_t size = sizes[fuzz_pick(&w->random, ARRAY_LEN(sizes))];

	if (fuzz_pick(&w->random, 4) == 0)
		flags |= MAP_POPULATE;
	if (*slot)
		munmap(*slot, 4096);
	*slot = NULL;
	void *p = mmap(NULL, size, prot, flags, random_file(w), offset);
	if (p == MAP_FAILED)
		return -errno;
	CHECK(!(prot & PROT_WRITE) && size <= 4096 && offset == 0,
	      "mmap(%zu bytes, prot %d, flags %d, offset %#lx) works", size, prot, flags,
	      (long)offset);
	*slot = p;
	if (prot & PROT_READ)
		CHECK(((volatile struct idlegate_page *)p)->magic == IDLEGATE_PAGE_MAGIC,
		      "a page without its mark");
	return 0;
}

static long call_mprotect(struct worker *w)
{
	void *p = w->maps[fuzz_pick(&w->random, MAPS)];
	int prot = (int)fuzz_pick(&w->random, 8);

	if (!p)
		return -ENOENT;
	switch (fuzz_pick(&w->random, 4)) {
	case 0:
		return madvise(p, 4096, (int)fuzz_pick(&w->random, 26)) ? -errno : 0;
	case 1:
		return msync(p, 4096, MS_ASYNC) ? -errno : 0;
	default:
		if (mprotect(p, 4096, prot))
			return -errno;
		CHECK(!(prot & PROT_WRITE), "mprotect() made the page writable");
		return mprotect(p, 4096, PROT_READ) ? -errno : 0;
	}
}

static long call_netlink(struct worker *w, unsigned int call)
{
	static const uint8_t commands[] = {IDLEGATE_CMD_GET, IDLEGATE_CMD_SET, IDLEGATE_CMD_EVENT};
	struct gnl_message m, answer;
	uint32_t group = w->family.group;
	uint8_t cmd = call == CALL_GET ? IDLEGATE_CMD_GET : IDLEGATE_CMD_SET;

	if (call == CALL_NETLINK)
		cmd = fuzz_pick(&w->random, 4) ? commands[fuzz_pick(&w->random, 3)]
					       : (uint8_t)fuzz_value(&w->random);
	gnl_begin(&m, w->family.id, cmd,
		  call == CALL_NETLINK && fuzz_pick(&w->random, 4) == 0 ? NLM_F_DUMP : 0);
	if (call == CALL_SET) {
		gnl_put_u8(&m, IDLEGATE_A_PAUSE, (uint8_t)fuzz_pick(&w->random, 2));
		if (fuzz_pick(&w->random, 4) == 0)
			gnl_put_u64(&m, IDLEGATE_A_UNTIL_NS, fuzz_value(&w->random));
	}
	for (uint32_t n = fuzz_pick(&w->random, 4); call == CALL_NETLINK && n--;) {
		uint64_t value = fuzz_value(&w->random);
		gnl_put(&m, (uint16_t)fuzz_pick(&w->random, 16), &value, fuzz_pick(&w->random, 9));
	}
	if (call == CALL_NETLINK && fuzz_pick(&w->random, 2)) {
		/* Past the header of netlink itself, which is the kernel's and not the module's. */
		fuzz_spoil(m.bytes + NLMSG_HDRLEN, m.head.nlmsg_len - NLMSG_HDRLEN, &w->random);
		setsockopt(w->netlink, SOL_NETLINK,
			   fuzz_pick(&w->random, 2) ? NETLINK_ADD_MEMBERSHIP
						    : NETLINK_DROP_MEMBERSHIP,
			   &group, sizeof(group));
	}
	m.head.nlmsg_flags |= NLM_F_ACK;
	m.head.nlmsg_seq = 1 + fuzz_pick(&w->random, 1 << 30);
	if (send(w->netlink, &m, m.head.nlmsg_len, MSG_DONTWAIT) < 0)
		return -errno;
	long result = -ENODATA;
	while (recv(w->netlink, &answer, sizeof(answer), MSG_DONTWAIT) > 0)
		if (answer.head.nlmsg_type == NLMSG_ERROR &&
		    answer.head.nlmsg_seq == m.head.nlmsg_seq)
			result = ((struct nlmsgerr *)NLMSG_DATA(&answer.head))->error;
	return result;
}

static long call_open(struct worker *w)
{
	static const int flags[] = {O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK};
	int *slot = &w->files[fuzz_pick(&w->random, FILES)];
	int fd;

	if (fuzz_pick(&w->random, 4) == 0)
		fd = fcntl(random_file(w), F_DUPFD_CLOEXEC, 0);
	else
		fd = open(IDLEGATE_DEVICE,
			  flags[fuzz_pick(&w->random, 4)] | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(*slot);
	*slot = fd;
	if (fuzz_pick(&w->random, 16) == 0)
		fcntl(fd, F_SETFL, 0); /* reads of it wait, until the timer interrupts them */
	return 0;
}

static long one_call(struct worker *w, unsigned int call)
{
	size_t size = fuzz_pick(&w->random, 8) ? 24 * fuzz_pick(&w->random, 100)
					       : fuzz_pick(&w->random, 4096);
	struct pollfd p = {.fd = random_file(w), .events = (short)fuzz_value(&w->random)};
	int *slot = &w->files[fuzz_pick(&w->random, FILES)];
	long n;

	switch (call) {
	case CALL_GARBAGE:
		return call_garbage(w);
	case CALL_READ:
		n = read(random_file(w), place(w, size), size);
		CHECK(n < 0 || (n % 24 == 0 && (size_t)n <= size), "read() of %zu bytes gave %ld",
		      size, n);
		return n < 0 ? -errno : n;
	case CALL_POLL:
		return poll(&p, 1, fuzz_pick(&w->random, 100) ? 0 : 1) < 0 ? -errno : 0;
	case CALL_MMAP:
		return call_mmap(w);
	case CALL_MPROTECT:
		return call_mprotect(w);
	case CALL_OPEN:
		return call_open(w);
	case CALL_CLOSE:
		n = close(*slot) ? -errno : 0;
		*slot = open(IDLEGATE_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		return n;
	case CALL_GET:
	case CALL_SET:
	case CALL_NETLINK:
		return call_netlink(w, call);
	default:
		return call_ioctl(w, call);
	}
}

static unsigned int choose(struct worker *w)
{
	unsigned int call = fuzz_pick(&w->random, ARRAY_LEN(calls));

	/* Roles are lost by these: seldom enough that something happens between. */
	if ((call == CALL_OPEN || call == CALL_CLOSE) && fuzz_pick(&w->random, 4))
		return 5; /* FACT */
	/* Netlink costs more than the rest together. */
	if (call >= CALL_GET && fuzz_pick(&w->random, 4))
		return fuzz_pick(&w->random, CALL_IOCTLS);
	return call;
}

static void play(void *arg)
{
	struct worker *w = arg;
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval often = {{.tv_usec = 50000}, {.tv_usec = 50000}};
	struct tally *t = w->tally;

	if (!w->root)
		suite_drop(true, false);
	sigaction(SIGALRM, &action, NULL);
	w->netlink = gnl_open();
	w->family = gnl_family(w->netlink);
	w->guarded = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(w->guarded + 4096, 4096, PROT_NONE);
	for (size_t i = 0; i < FILES; i++)
		w->files[i] = gcl_open(O_RDWR | O_NONBLOCK);
	setitimer(ITIMER_REAL, &often, NULL);
	while (t->done < w->quota) {
		unsigned int call = choose(w);
		t->done++;
		t->tried[call]++;
		if (one_call(w, call) >= 0) {
			t->worked[call]++;
			CHECK(w->root || !calls[call].privileged, "%s works without any right",
			      calls[call].name);
		}
	}
}

static pid_t start(unsigned int i, unsigned int life, unsigned long quota)
{
	static struct worker w;

	w = (struct worker){.tally = &tallies[i],
			    .root = !(i & 1),
			    .random = seed * 1000003 + i * 257 + life * 65537 + 1,
			    .quota = quota};
	w.tally->joined = false;
	return suite_fork(play, &w);
}

/* Until all workers are through; Return: how many were stopped and killed by the module. */
static void supervise(unsigned long quota, unsigned int *stops, unsigned int *kills)
{
	pid_t pids[WORKERS];
	unsigned int left = WORKERS, lives[WORKERS] = {};
	int status;

	for (unsigned int i = 0; i < WORKERS; i++)
		pids[i] = start(i, 0, quota);
	while (left) {
		pid_t pid = waitpid(-1, &status, WUNTRACED);
		unsigned int i = 0;

		CHECK(pid > 0, "waitpid: %s", strerror(errno));
		while (i < WORKERS && pids[i] != pid)
			i++;
		CHECK(i < WORKERS, "a process that nobody started");
		if (WIFSTOPPED(status) || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
			CHECK(tallies[i].joined, "worker %u was %s and had no lease", i,
			      WIFSTOPPED(status) ? "stopped" : "killed");
			*(WIFSTOPPED(status) ? stops : kills) += 1;
			if (WIFSTOPPED(status))
				kill(pid, SIGCONT);
			else
				pids[i] = start(i, ++lives[i], quota);
			continue;
		}
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "worker %u ended with status %#x after %lu calls; SUITE_SEED=%lu repeats it",
		      i, (unsigned int)status, tallies[i].done, (unsigned long)seed);
		left--;
	}
}

static void check_depth(void)
{
	for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
		unsigned long tried[2] = {}, worked[2] = {};

		for (unsigned int i = 0; i < WORKERS; i++) {
			tried[i & 1] += tallies[i].tried[c];
			worked[i & 1] += tallies[i].worked[c];
		}
		suite_say("%-8s root %7lu, %7lu of them worked; user %7lu, %7lu worked",
			  calls[c].name, tried[0], worked[0], tried[1], worked[1]);
		CHECK(worked[0], "%s never worked, even for root: it was not tested in depth",
		      calls[c].name);
	}
}

static void random_calls_of_everything(void)
{
	unsigned long total = suite_count("SUITE_CALLS", CALLS), done = 0;
	unsigned int stops = 0, kills = 0;
	uint64_t began = suite_now_ns();

	seed = suite_count("SUITE_SEED", suite_now_ns() % 1000000 + 1);
	suite_say("seed %lu", (unsigned long)seed);
	tallies = mmap(NULL, sizeof(*tallies) * WORKERS, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(tallies != MAP_FAILED, "mmap: %s", strerror(errno));
	for (size_t i = 0; i < SHARED; i++)
		shared_files[i] = gcl_open(O_RDWR | O_NONBLOCK);
	supervise((total + WORKERS - 1) / WORKERS, &stops, &kills);
	for (unsigned int i = 0; i < WORKERS; i++)
		done += tallies[i].done;
	suite_say("%lu calls in %.1f s; the module stopped %u times and killed %u times", done,
		  (double)(suite_now_ns() - began) / 1e9, stops, kills);
	CHECK(done >= total, "only %lu calls were made", done);
	for (size_t i = 0; i < SHARED; i++)
		close(shared_files[i]);
	check_depth();
	gcl_wait_idle();
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY);
	struct idlegate_event e;
	gcl_pause(owner, true);
	CHECK_RET(gcl_read_events(fd, &e, 1), 1);
	CHECK_RET(gcl_holds(gcl_map(fd)), IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED));
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		{"random_calls_of_everything", random_calls_of_everything, SECONDS},
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
