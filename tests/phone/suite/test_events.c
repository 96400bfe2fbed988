/* SPDX-License-Identifier: MIT */
/* read() and poll() of /dev/idlegate: every change once, in order, and what was lost is counted. */
#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define HOLD(h) IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_##h)
#define SIZE    sizeof(struct idlegate_event)

static short revents(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP};

	CHECK(poll(&p, 1, 0) >= 0, "poll: %s", strerror(errno));
	return p.revents;
}

static void toggle(int owner, unsigned int changes)
{
	for (unsigned int i = 0; i < changes; i++)
		gcl_pause(owner, !(i & 1));
}

static void check_chain(const struct idlegate_event *e, unsigned int n, uint32_t before)
{
	uint64_t last = 0;

	for (unsigned int i = 0; i < n; i++) {
		CHECK(e[i].before == before, "event %u: before %#x, must be %#x", i, e[i].before,
		      before);
		CHECK(e[i].holds != before, "event %u changes nothing", i);
		CHECK(e[i].at_ns >= last && e[i].at_ns <= suite_now_ns(), "event %u: time", i);
		CHECK(!e[i].reserved, "event %u: reserved is %#x", i, e[i].reserved);
		before = e[i].holds;
		last = e[i].at_ns;
	}
}

static void a_file_sees_what_came_since_it_was_opened(void)
{
	struct idlegate_event e[IDLEGATE_EVENTS];
	int owner = gcl_host_open(0), early = gcl_open(O_RDONLY);

	toggle(owner, 6);
	int late = gcl_open(O_RDONLY);
	CHECK_RET(revents(early) & POLLIN, POLLIN);
	CHECK_RET(revents(late), 0);
	toggle(owner, 4);
	CHECK_RET(gcl_read_events(early, e, ARRAY_LEN(e)), 10);
	check_chain(e, 10, 0);
	CHECK_RET(e[0].lost, 0);
	CHECK_RET(gcl_read_events(late, e, ARRAY_LEN(e)), 4);
	check_chain(e, 4, 0);
	CHECK_RET(revents(early), 0);
}

static void read_gives_whole_events(void)
{
	char buffer[4 * SIZE];
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY | O_NONBLOCK);

	CHECK(read(fd, buffer, sizeof(buffer)) < 0 && errno == EAGAIN, "read() of nothing: %s",
	      strerror(errno));
	toggle(owner, 5);
	for (size_t room = 0; room < SIZE; room++)
		CHECK(read(fd, buffer, room) < 0 && errno == EINVAL, "read() of %zu bytes: %s",
		      room, strerror(errno));
	CHECK_RET(read(fd, buffer, SIZE), SIZE);
	CHECK_RET(read(fd, buffer, 2 * SIZE + SIZE / 2), 2 * SIZE);
	CHECK_RET(read(fd, buffer, sizeof(buffer)), 2 * SIZE);
	CHECK(read(fd, buffer, sizeof(buffer)) < 0 && errno == EAGAIN, "read() of nothing: %s",
	      strerror(errno));
	/* Too small is too small with an empty queue as well. */
	CHECK(read(fd, buffer, SIZE - 1) < 0 && errno == EINVAL, "read(): %s", strerror(errno));
}

static void a_bad_buffer_is_efault(void)
{
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY | O_NONBLOCK);
	void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	toggle(owner, 2);
	CHECK(read(fd, nowhere, 4 * SIZE) < 0 && errno == EFAULT, "read() to nowhere: %s",
	      strerror(errno));
}

static void a_full_queue_loses_the_oldest_and_says_so(void)
{
	struct idlegate_event e[2 * IDLEGATE_EVENTS];
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY);
	const unsigned int changes = 2 * IDLEGATE_EVENTS + 73;

	toggle(owner, changes);
	CHECK_RET(gcl_read_events(fd, e, ARRAY_LEN(e)), IDLEGATE_EVENTS);
	CHECK_RET(e[0].lost, changes - IDLEGATE_EVENTS);
	check_chain(e, IDLEGATE_EVENTS, e[0].before);
	for (unsigned int i = 1; i < IDLEGATE_EVENTS; i++)
		CHECK(!e[i].lost, "event %u says that %u were lost", i, e[i].lost);
	CHECK_RET(e[IDLEGATE_EVENTS - 1].holds, gcl_state().holds);
	gcl_pause(owner, false);
	CHECK_RET(gcl_read_events(fd, e, ARRAY_LEN(e)), 1);
	CHECK_RET(e[0].lost, 0);
}

/* Exactly full is not yet lost. */
static void a_queue_holds_what_it_says(void)
{
	struct idlegate_event e[2 * IDLEGATE_EVENTS];
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY);

	toggle(owner, IDLEGATE_EVENTS);
	CHECK_RET(gcl_read_events(fd, e, ARRAY_LEN(e)), IDLEGATE_EVENTS);
	CHECK_RET(e[0].lost, 0);
	check_chain(e, IDLEGATE_EVENTS, 0);
}

static void pause_later(void *arg)
{
	suite_sleep_ms(100);
	gcl_pause(*(int *)arg, true);
}

static void a_reader_waits_and_is_woken(void)
{
	struct idlegate_event e;
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY);
	uint64_t began = suite_now_ns();

	pid_t pid = suite_fork(pause_later, &owner);
	CHECK_RET(read(fd, &e, sizeof(e)), SIZE);
	CHECK_RET(e.holds, HOLD(PAUSED));
	CHECK(suite_now_ns() - began >= 90 * MS_NS, "it did not wait");
	suite_join(pid);
}

static void a_poller_waits_and_is_woken(void)
{
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY);
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event interest = {.events = EPOLLIN | EPOLLET}, got;
	struct idlegate_event e;

	CHECK(ep >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, fd, &interest), "epoll: %s",
	      strerror(errno));
	CHECK_RET(epoll_wait(ep, &got, 1, 0), 0);
	pid_t pid = suite_fork(pause_later, &owner);
	CHECK_RET(epoll_wait(ep, &got, 1, 10000), 1);
	CHECK_RET(got.events, EPOLLIN);
	suite_join(pid);
	CHECK_RET(gcl_read_events(fd, &e, 1), 1);
	CHECK_RET(epoll_wait(ep, &got, 1, 0), 0);
	close(fd); /* while epoll knows it */
	gcl_pause(owner, false);
	CHECK_RET(epoll_wait(ep, &got, 1, 0), 0);
}

static void on_alarm(int signal)
{
}

static void a_signal_ends_the_wait(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval soon = {.it_value = {.tv_usec = 50000}};
	struct idlegate_event e;
	int fd = gcl_open(O_RDONLY);

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	CHECK(read(fd, &e, sizeof(e)) < 0 && errno == EINTR, "read(): %s", strerror(errno));
}

static void the_owners_end_is_an_event(void)
{
	struct idlegate_event e[4];
	int fd = gcl_open(O_RDONLY), owner = gcl_host_open(0);

	gcl_read_events(fd, e, 4);
	close(owner);
	CHECK_RET(gcl_read_events(fd, e, 4), 1);
	CHECK_RET(e[0].before, 0);
	CHECK_RET(e[0].holds, HOLD(BROKER_GONE));
}

/* Each change is told once, by whichever process of the file reads it. */
static void copies_of_a_file_share_its_queue(void)
{
	struct idlegate_event e[8];
	int owner = gcl_host_open(0), fd = gcl_open(O_RDONLY), copy = dup(fd);

	toggle(owner, 5);
	CHECK_RET(gcl_read_events(fd, e, 2), 2);
	CHECK_RET(gcl_read_events(copy, e, 8), 3);
	CHECK_RET(revents(fd), 0);
}

int main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
		SUITE_CASE(a_file_sees_what_came_since_it_was_opened),
		SUITE_CASE(read_gives_whole_events),
		SUITE_CASE(a_bad_buffer_is_efault),
		SUITE_CASE(a_full_queue_loses_the_oldest_and_says_so),
		SUITE_CASE(a_queue_holds_what_it_says),
		SUITE_CASE(a_reader_waits_and_is_woken),
		SUITE_CASE(a_poller_waits_and_is_woken),
		SUITE_CASE(a_signal_ends_the_wait),
		SUITE_CASE(the_owners_end_is_an_event),
		SUITE_CASE(copies_of_a_file_share_its_queue),
	};

	return suite_run(argc, argv, cases, ARRAY_LEN(cases));
}
