/* SPDX-License-Identifier: MIT */
/* Many at once, and each on its way out while another comes in: for the locks of the module. */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS  1000
#define TAKEN   100
#define THREADS 8
#define SHARED  16
#define LIVES   600
#define GONE    IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_BROKER_GONE)

/* Descriptors that any thread uses, and any other may have just closed. */
static volatile int shared_fds[SHARED];
static volatile unsigned int rounds, good;
static volatile bool stop;

static void use_and_close(int fd, uint64_t *random)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct idlegate_event e[4];
	struct idlegate_state state;

	switch (suite_random(random) % 5) {
	case 0:
		poll(&p, 1, (int)(suite_random(random) % 3));
		break;
	case 1:
		if (read(fd, e, sizeof(e)) > 0)
			__atomic_add_fetch(&good, 1, __ATOMIC_RELAXED);
		break;
	case 2:
		gcl_ioctl(fd, IDLEGATE_IOC_STATE, &state);
		break;
	case 3:
		void *m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
		if (m != MAP_FAILED) {
			uint32_t magic = ((volatile struct idlegate_page *)m)->magic;
			CHECK(magic == IDLEGATE_PAGE_MAGIC, "a page begins with %#x", magic);
			munmap(m, 4096);
			__atomic_add_fetch(&good, 1, __ATOMIC_RELAXED);
		}
		break;
	default:
		close(fd);
	}
}

static void *race(void *arg)
{
	uint64_t random = (uintptr_t)arg * 7919 + 1;

	while (__atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED) <= ROUNDS * THREADS) {
		volatile int *slot = &shared_fds[suite_random(&random) % SHARED];
		int fd = open(IDLEGATE_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

		CHECK(fd > 2, "open: %s", strerror(errno));
		int old = __atomic_exchange_n(slot, fd, __ATOMIC_RELAXED);
		for (int i = 0; i < 4; i++) {
			int other = shared_fds[suite_random(&random) % SHARED];
			if (other > 2)
				use_and_close(other, &random);
		}
		if (old > 2)
			close(old);
	}
	return NULL;
}

static void a_thousand_races_of_open_close_mmap_poll(void)
{
	pthread_t threads[THREADS];
	int host = gcl_host_open(0), owner = fcntl(host, F_DUPFD_CLOEXEC, 900);

	close(host); /* low numbers are closed by anyone below */
	CHECK(owner >= 900, "the owner's descriptor: %s", strerror(errno));
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(!pthread_create(&threads[i], NULL, race, (void *)i), "a thread");
	while (rounds < ROUNDS * THREADS) {
		gcl_fact(owner, IDLEGATE_FACT_GPU, 1);
		gcl_fact(owner, IDLEGATE_FACT_GPU, 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(good > ROUNDS / 4, "only %u maps and reads of %u rounds worked", good, rounds);
	CHECK_RET(gcl_info().hosted, 1);
}

static void become_owner(void *arg)
{
	volatile int *owners = arg;
	struct idlegate_policy calm = gcl_policy_calm();
	struct idlegate_host host = {.sensors = gcl_info().sensors};
	uint64_t random = (uint64_t)getpid();

	/* Most find it taken, the more of them the slower the machine is. */
	for (int i = 0; i < ROUNDS / 2 || __atomic_load_n(&owners[1], __ATOMIC_SEQ_CST) < TAKEN;
	     i++) {
		int fd = gcl_open(O_RDWR), ret = gcl_ioctl(fd, IDLEGATE_IOC_HOST, &host);

		CHECK(ret == 0 || ret == -EBUSY, "HOST: %s", strerror(-ret));
		if (!ret) {
			int n = __atomic_add_fetch(&owners[0], 1, __ATOMIC_SEQ_CST);
			CHECK(n == 1, "%d owners at once", n);
			__atomic_add_fetch(&owners[1], 1, __ATOMIC_SEQ_CST);
			gcl_ioctl(fd, IDLEGATE_IOC_POLICY, &calm);
			if (suite_random(&random) & 1)
				gcl_pause(fd, true);
			__atomic_sub_fetch(&owners[0], 1, __ATOMIC_SEQ_CST);
		}
		close(fd);
		host.sensors = (uint32_t)suite_random(&random) & gcl_info().sensors;
	}
}

static void owners_race_for_the_gate(void)
{
	volatile int *owners =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[4];

	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = suite_fork(become_owner, (void *)owners);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		suite_join(pids[i]);
	suite_say("the gate was taken %d times", owners[1]);
	CHECK_RET(gcl_info().hosted, 0);
	CHECK_RET(gcl_info().watched, 0);
	CHECK_RET(gcl_state().holds, GONE);
}

/* A life that ends at any moment: before, while and after the module means to stop or kill it. */
static void join_and_die(void *arg)
{
	uint64_t random = (uint64_t)getpid() * 31 + 7;
	int fd = gcl_open(O_RDWR);

	if (gcl_join(fd, 1 + (uint32_t)(suite_random(&random) % 3),
		     4 + (uint32_t)(suite_random(&random) % 8)))
		return;
	gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL);
	uint64_t end = suite_now_ns() + suite_random(&random) % (8 * MS_NS);
	while (suite_now_ns() < end)
		;
	switch (suite_random(&random) % 4) {
	case 0:
		gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL);
		break;
	case 1:
		close(fd);
		break;
	case 2:
		execl("/bin/true", "true", NULL);
		break;
	default:
		raise(SIGKILL);
	}
}

static void *toggle(void *arg)
{
	int owner = *(int *)arg;
	uint64_t random = 99;

	while (!stop) {
		gcl_pause(owner, true);
		usleep((useconds_t)(suite_random(&random) % 6000));
		gcl_pause(owner, false);
		usleep((useconds_t)(suite_random(&random) % 2000));
	}
	return NULL;
}

struct life {
	pid_t pid;
	uint64_t stopped_ns; /* 0: it runs */
};

/* A lease that ended while its SIGSTOP was on the way leaves a stopped process: it has no owner. */
static unsigned int continue_orphans(struct life *lives, size_t n)
{
	uint64_t now = suite_now_ns();
	unsigned int found = 0;

	for (size_t i = 0; i < n; i++) {
		if (!lives[i].pid || !lives[i].stopped_ns ||
		    now - lives[i].stopped_ns < 100 * MS_NS)
			continue;
		kill(lives[i].pid, SIGCONT);
		lives[i].stopped_ns = 0;
		found++;
	}
	return found;
}

/* Return: whether a process changed its state; its slot is free then if it ended. */
static bool see_one(struct life *lives, size_t n)
{
	int status;
	pid_t pid = waitpid(-1, &status, WUNTRACED | WCONTINUED | WNOHANG);

	CHECK(pid >= 0 || errno == ECHILD, "waitpid: %s", strerror(errno));
	for (size_t i = 0; pid > 0 && i < n; i++) {
		if (lives[i].pid != pid)
			continue;
		lives[i].stopped_ns = WIFSTOPPED(status) ? suite_now_ns() : 0;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			lives[i].pid = 0;
	}
	if (pid > 0 && WIFSIGNALED(status))
		CHECK(WTERMSIG(status) == SIGKILL, "one ended by signal %d", WTERMSIG(status));
	if (pid > 0 && WIFEXITED(status))
		CHECK(!WEXITSTATUS(status), "one ended with status %d", WEXITSTATUS(status));
	return pid > 0;
}

static void leases_join_and_die_at_any_moment(void)
{
	struct life lives[12] = {};
	int owner = gcl_host_open(0);
	struct idlegate_info before = gcl_info();
	unsigned int born = 0, orphans = 0;
	pthread_t toggler;
	bool alive;

	CHECK(!pthread_create(&toggler, NULL, toggle, &owner), "a thread");
	do {
		alive = false;
		for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
			if (!lives[i].pid && born < LIVES) {
				lives[i] = (struct life){.pid = suite_fork(join_and_die, NULL)};
				born++;
			}
			alive |= lives[i].pid != 0;
		}
		orphans += continue_orphans(lives, ARRAY_LEN(lives));
		if (!see_one(lives, ARRAY_LEN(lives)))
			usleep(500);
	} while (alive);
	stop = true;
	pthread_join(toggler, NULL);
	struct idlegate_info after = gcl_info();
	suite_say(
		"%u lives, %llu stops and %llu kills by the module, %u stopped as their lease ended",
		born, (unsigned long long)(after.stops - before.stops),
		(unsigned long long)(after.kills - before.kills), orphans);
	CHECK(after.stops > before.stops, "no lease was stopped: nothing raced");
	CHECK_RET(after.leases, 0);
}

static void *wait_for_event(void *arg)
{
	struct idlegate_event e;

	/* Its descriptor is closed below it; the wait goes on by the file, and an event ends it. */
	return (void *)read(*(int *)arg, &e, sizeof(e));
}

static void a_file_that_is_closed_below_a_reader_lives_on(void)
{
	int owner = gcl_host_open(0);

	for (int i = 0; i < 100; i++) {
		int fd = gcl_open(O_RDONLY), kept = fd;
		pthread_t reader;
		void *got;

		CHECK(!pthread_create(&reader, NULL, wait_for_event, &kept), "a thread");
		suite_sleep_ms(i % 4);
		if (i % 4)
			close(fd);
		gcl_pause(owner, !(i & 1));
		if (i % 4 == 0) {
			gcl_pause(owner, i & 1);
			gcl_pause(owner, !(i & 1));
		}
		pthread_join(reader, &got);
		CHECK((long)got == sizeof(struct idlegate_event) || (long)got == -1,
		      "the reader got %ld", (long)got);
		if (i % 4 == 0)
			close(fd);
	}
}

/* A lease's file in two hands: one releases while the other parks, unparks and dies. */
static void park_for_ever(void *arg)
{
	int fd = *(int *)arg;

	CHECK_RET(gcl_join(fd, 1000, 2000), 0);
	for (;;) {
		int ret = gcl_ioctl(fd, IDLEGATE_IOC_UNPARK, NULL);
		CHECK(ret == 0 || ret == -EPERM || ret == -EAGAIN, "UNPARK: %s", strerror(-ret));
		ret = gcl_ioctl(fd, IDLEGATE_IOC_PARK, NULL);
		if (ret == -EPERM)
			return;
		CHECK_RET(ret, 0);
	}
}

static void release_races_park(void)
{
	int owner = gcl_host_open(0);

	for (int i = 0; i < 100; i++) {
		int fd = gcl_open(O_RDWR);
		pid_t pid = suite_fork(park_for_ever, &fd);

		while (!gcl_info().leases)
			usleep(100);
		usleep((useconds_t)(i * 37 % 1000));
		CHECK_RET(gcl_ioctl(fd, IDLEGATE_IOC_RELEASE, NULL), 0);
		suite_join(pid);
		CHECK_RET(gcl_info().leases, 0);
		close(fd);
	}
	close(owner);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		{"a_thousand_races_of_open_close_mmap_poll",
		 a_thousand_races_of_open_close_mmap_poll, 120},
		{"owners_race_for_the_gate", owners_race_for_the_gate, 180},
		{"leases_join_and_die_at_any_moment", leases_join_and_die_at_any_moment, 120},
		SUITE_CASE(a_file_that_is_closed_below_a_reader_lives_on),
		SUITE_CASE(release_races_park),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
