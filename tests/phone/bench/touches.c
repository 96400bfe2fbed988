/* SPDX-License-Identifier: MIT */
/*
 * A finger with a stopwatch: a touchscreen by uinput, and what the gate's page says to a touch.
 *
 * Commands come line by line from standard input, answers go to standard output:
 *   page PATH                   map the gate's page: /dev/idlegate, or a memory file
 *   work PATH                   map a worker's report page: touches wait until it is at work
 *   touch                       touch once the gate is open
 *   tap                         touch now, whatever the gate is; no page is needed
 *   storm COUNT MIN MAX WATCH   as many touches, each MIN ... MAX microseconds after the
 *                               worker has found its pace in an open gate;
 *                               WATCH 1: a second processor spins on the page meanwhile
 *   swipe HZ MS                 a finger that moves, told so often a second, for so long; it is
 *                               answered by "swipe FIRST LAST COUNT": when it was told first and
 *                               last, and how often
 * Each touch is answered by "touch BEFORE AFTER CHANGED SEEN HOLDS": the clock just before
 * and just after the write of the touch, the page's changed_ns soon after, when the spinning
 * processor saw a hold (0: it did not spin), the holds. Then "done". All times are CLOCK_MONOTONIC ns,
 * as those of the trace with trace_clock=mono.
 *
 * A touch of a real screen comes by an interrupt: no program keeps it waiting. So the finger, and
 * who spins, go before all other programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <linux/uinput.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "libbroker/proto/grant.h"

#define US            1000ull
#define MS            (1000 * US)
#define NS_PER_S      (1000 * MS)
#define OPEN_WAIT_NS  (60000 * MS) /* a gate that stays closed longer ends the run */
#define CLOSE_WAIT_NS (1000 * MS)
#define SPIN_NS       (300 * MS)
#define HELD_NS       (20 * MS) /* from the touch to the finger's rise */
#define PACE_SLICES   8
#define LOOK_NS       (2 * MS)
#define FINGER_RT     3
#define SPIN_RT       2
#define HZ_MAX        1000
#define SCREEN        4096
#define SLOTS         5

static const struct idlegate_page *page;
static const struct report_page *work;
static int screen;
static struct {
	sem_t go, over;
	bool ready;
	uint64_t seen_ns;
} watcher;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static void pause_ns(uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	nanosleep(&ts, NULL);
}

static void fail(const char *what)
{
	fprintf(stderr, "touches: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint32_t holds(void)
{
	return __atomic_load_n(&page->holds, __ATOMIC_ACQUIRE);
}

static void look(uint32_t *held, uint64_t *changed_ns)
{
	uint32_t seq;

	do {
		seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);
		*held = page->holds;
		*changed_ns = *(const volatile __u64 *)&page->changed_ns;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (seq & 1 || seq != __atomic_load_n(&page->seq, __ATOMIC_RELAXED));
}

static const void *map(const char *path, const void *before)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *at;

	if (fd < 0)
		fail(path);
	at = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		fail("mmap of a page");
	close(fd);
	if (before)
		munmap((void *)(uintptr_t)before, IDLEGATE_PAGE_SIZE);
	return at;
}

static void map_page(const char *path)
{
	page = map(path, page);
	if (page->magic != IDLEGATE_PAGE_MAGIC || page->version != IDLEGATE_PAGE_VERSION) {
		fprintf(stderr, "touches: %s is no page of the gate\n", path);
		exit(1);
	}
}

static void map_work(const char *path)
{
	work = map(path, work);
	if (work->magic != REPORT_MAGIC || work->version != GRANT_VERSION) {
		fprintf(stderr, "touches: %s is no report of a worker\n", path);
		exit(1);
	}
}

static void go_before_others(int priority)
{
	struct sched_param p = {.sched_priority = priority};

	if (sched_setscheduler(0, SCHED_FIFO, &p) < 0)
		fail("sched_setscheduler");
}

static void stay_on(long cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned long)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fail("sched_setaffinity");
}

static void *watch(void *data)
{
	go_before_others(SPIN_RT);
	stay_on(sysconf(_SC_NPROCESSORS_ONLN) - 1);
	for (;;) {
		uint64_t end;

		while (sem_wait(&watcher.go) < 0)
			;
		end = now_ns() + SPIN_NS;
		watcher.seen_ns = 0;
		__atomic_store_n(&watcher.ready, true, __ATOMIC_RELEASE);
		while (!holds() && now_ns() < end)
			;
		if (holds())
			watcher.seen_ns = now_ns();
		sem_post(&watcher.over);
	}
	return NULL;
}

static void start_watcher(void)
{
	pthread_t thread;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		fprintf(stderr, "touches: to watch needs two processors\n");
		exit(1);
	}
	if (sem_init(&watcher.go, 0, 0) < 0 || sem_init(&watcher.over, 0, 0) < 0)
		fail("sem_init");
	if (pthread_create(&thread, NULL, watch, NULL))
		fail("pthread_create");
	stay_on(0);
}

static void make_screen(void)
{
	static const uint16_t axes[] = {ABS_X,
					ABS_Y,
					ABS_MT_SLOT,
					ABS_MT_POSITION_X,
					ABS_MT_POSITION_Y,
					ABS_MT_TRACKING_ID};
	struct uinput_setup setup = {.id = {.bustype = BUS_VIRTUAL}, .name = "bench touchscreen"};

	screen = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
	if (screen < 0)
		fail("/dev/uinput");
	ioctl(screen, UI_SET_EVBIT, EV_KEY);
	ioctl(screen, UI_SET_KEYBIT, BTN_TOUCH);
	ioctl(screen, UI_SET_EVBIT, EV_ABS);
	ioctl(screen, UI_SET_PROPBIT, INPUT_PROP_DIRECT);
	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++) {
		struct uinput_abs_setup a = {.code = axes[i], .absinfo = {.maximum = SCREEN}};

		if (axes[i] == ABS_MT_SLOT)
			a.absinfo.maximum = SLOTS - 1;
		if (ioctl(screen, UI_ABS_SETUP, &a) < 0)
			fail("UI_ABS_SETUP");
	}
	if (ioctl(screen, UI_DEV_SETUP, &setup) < 0 || ioctl(screen, UI_DEV_CREATE) < 0)
		fail("UI_DEV_CREATE");
}

static void say(const struct input_event *e, size_t size)
{
	if (write(screen, e, size) != (ssize_t)size)
		fail("write to /dev/uinput");
}

static void finger_down(uint64_t *before, uint64_t *after)
{
	static int32_t id;
	const struct input_event e[] = {
		{.type = EV_ABS, .code = ABS_MT_TRACKING_ID, .value = id = (id + 1) % SCREEN},
		{.type = EV_ABS, .code = ABS_MT_POSITION_X, .value = rand() % SCREEN},
		{.type = EV_ABS, .code = ABS_MT_POSITION_Y, .value = rand() % SCREEN},
		{.type = EV_KEY, .code = BTN_TOUCH, .value = 1},
		{.type = EV_SYN, .code = SYN_REPORT},
	};

	*before = now_ns();
	say(e, sizeof(e));
	*after = now_ns();
}

static void finger_up(void)
{
	const struct input_event e[] = {
		{.type = EV_ABS, .code = ABS_MT_TRACKING_ID, .value = -1},
		{.type = EV_KEY, .code = BTN_TOUCH, .value = 0},
		{.type = EV_SYN, .code = SYN_REPORT},
	};

	say(e, sizeof(e));
}

static void move_finger(int32_t at)
{
	const struct input_event e[] = {
		{.type = EV_ABS, .code = ABS_MT_POSITION_X, .value = at % SCREEN},
		{.type = EV_ABS, .code = ABS_MT_POSITION_Y, .value = (at / 2) % SCREEN},
		{.type = EV_SYN, .code = SYN_REPORT},
	};

	say(e, sizeof(e));
}

/* By a clock of its own, as a digitizer: one that comes late does not delay the next. */
static void swipe(unsigned int hz, uint64_t ms)
{
	uint64_t period = NS_PER_S / hz, first, last, next, told = 0;

	finger_down(&first, &last);
	for (next = first + period; next < first + ms * MS; next += period) {
		struct timespec t = {.tv_sec = (time_t)(next / NS_PER_S),
				     .tv_nsec = (long)(next % NS_PER_S)};

		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
			;
		last = now_ns();
		move_finger((int32_t)(++told % INT32_MAX));
	}
	finger_up();
	printf("swipe %llu %llu %llu\n", (unsigned long long)first, (unsigned long long)last,
	       (unsigned long long)told);
}

/* The gate is open and, if asked for, the worker at work in it; then @ns more. */
static void wait_work(uint64_t ns, bool at_work)
{
	uint64_t end = now_ns() + OPEN_WAIT_NS, slices = 0;

	do {
		bool closed = holds();

		if (now_ns() > end) {
			fprintf(stderr, "touches: no work in vain waited for, holds %#x\n",
				holds());
			exit(1);
		}
		if (closed) {
			pause_ns(LOOK_NS);
			slices = 0;
		} else if (at_work && !slices) {
			slices = page_load(&work->slices) + PACE_SLICES;
		} else if (at_work && page_load(&work->slices) < slices) {
			pause_ns(LOOK_NS);
		} else {
			pause_ns(ns);
			if (!holds())
				return;
		}
	} while (true);
}

static uint64_t between(uint64_t min, uint64_t max)
{
	return min + (uint64_t)((double)(max - min) * rand() / RAND_MAX);
}

static void touch(uint64_t wait_ns, bool at_work, bool watched)
{
	uint64_t before, after, changed, end;
	uint32_t held;

	wait_work(wait_ns, at_work);
	if (watched) {
		__atomic_store_n(&watcher.ready, false, __ATOMIC_RELEASE);
		sem_post(&watcher.go);
		while (!__atomic_load_n(&watcher.ready, __ATOMIC_ACQUIRE))
			pause_ns(50 * US);
		pause_ns(between(0, 3 * MS));
	}
	finger_down(&before, &after);
	if (watched)
		while (sem_wait(&watcher.over) < 0)
			;
	pause_ns(HELD_NS);
	finger_up();
	for (end = before + CLOSE_WAIT_NS; !holds() && now_ns() < end;)
		pause_ns(LOOK_NS);
	look(&held, &changed);
	printf("touch %llu %llu %llu %llu %u\n", (unsigned long long)before,
	       (unsigned long long)after, (unsigned long long)changed,
	       (unsigned long long)(watched ? watcher.seen_ns : 0), held);
}

static void tap(void)
{
	uint64_t before, after;

	finger_down(&before, &after);
	pause_ns(HELD_NS);
	finger_up();
	printf("touch %llu %llu 0 0 0\n", (unsigned long long)before, (unsigned long long)after);
}

int main(void)
{
	char line[512], path[256];
	unsigned int count, watched, hz;
	uint64_t min, max, ms;
	bool started = false;

	make_screen();
	srand((unsigned int)now_ns());
	go_before_others(FINGER_RT);
	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "page %255s", path) == 1) {
			map_page(path);
		} else if (sscanf(line, "work %255s", path) == 1) {
			map_work(path);
		} else if (sscanf(line, "storm %u %lu %lu %u", &count, &min, &max, &watched) == 4 &&
			   page && work) {
			if (watched && !started)
				start_watcher();
			started = started || watched;
			while (count--)
				touch(between(min, max) * US, true, watched);
		} else if (!strcmp(line, "touch\n") && page) {
			touch(0, false, false);
		} else if (!strcmp(line, "tap\n")) {
			tap();
		} else if (sscanf(line, "swipe %u %lu", &hz, &ms) == 2 && hz && hz <= HZ_MAX) {
			swipe(hz, ms);
		} else {
			fprintf(stderr, "touches: cannot do: %s", line);
			return 2;
		}
		puts("done");
		fflush(stdout);
	}
	return 0;
}
