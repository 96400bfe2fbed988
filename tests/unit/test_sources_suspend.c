/* SPDX-License-Identifier: MIT */
/*
 * Suspend: the clocks by table, and the inhibitor against a message bus of our own on which a
 * child process plays logind, with the real D-Bus protocol in between.
 */
#include "sources_fixture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "broker/sources/logind.h"
#include "broker/sources/resume.h"

Test(resume, a_sleep_is_when_the_clocks_part)
{
	static const struct {
		int64_t before, now;
		bool slept;
	} cases[] = {
		{0, 0, false},
		{0, 1000, false}, /* the time between two readings */
		{0, 20 * (int64_t)NS_PER_MS, true},
		{5 * (int64_t)NS_PER_S, 3605 * (int64_t)NS_PER_S, true},
		{5 * (int64_t)NS_PER_S, 5 * (int64_t)NS_PER_S - 1000, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(resume_slept(cases[i].before, cases[i].now), cases[i].slept, "%zu", i);
}

Test(suspend, without_a_bus_the_sensor_is_absent)
{
	struct fixture *f = fixture_new();

	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
	fixture_open(f, &source_suspend);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 2000);
	fixture_want_detail(f, "no logind");
	cr_assert_eq(fixture_count(f, GATE_FACT_SUSPEND), 0);
	fixture_free(f);
}

#if WITH_LOGIND
#include <systemd/sd-bus.h>

/* What the child tells, one letter each: R ready, I inhibited, L let go. */
struct bus {
	pid_t daemon, logind;
	int orders, answers; /* S sleep, W wake */
};

struct fake_logind {
	sd_bus *bus;
	int orders, answers;
	int delay; /* our end of the inhibitor */
};

static int fake_inhibit(sd_bus_message *m, void *data, sd_bus_error *error)
{
	struct fake_logind *l = data;
	const char *what, *who, *why, *mode;
	int pipefd[2], r;

	r = sd_bus_message_read(m, "ssss", &what, &who, &why, &mode);
	if (r < 0 || strcmp(what, "sleep") || strcmp(mode, "delay") || pipe(pipefd) < 0)
		return -EINVAL;
	l->delay = pipefd[0];
	r = sd_bus_reply_method_return(m, "h", pipefd[1]);
	sd_bus_flush(l->bus);
	close(pipefd[1]);
	cr_assert_eq(write(l->answers, "I", 1), 1);
	return r;
}

static const sd_bus_vtable fake_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Inhibit", "ssss", "h", fake_inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("PrepareForSleep", "b", 0),
	SD_BUS_VTABLE_END,
};

static void fake_order(struct fake_logind *l)
{
	char order;

	if (read(l->orders, &order, 1) != 1)
		_exit(0);
	sd_bus_emit_signal(l->bus, "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
			   "PrepareForSleep", "b", order == 'S');
	sd_bus_flush(l->bus);
}

static void fake_logind_run(int orders, int answers)
{
	struct fake_logind l = {.orders = orders, .answers = answers, .delay = -1};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_bus_open_system(&l.bus) < 0 ||
	    sd_bus_add_object_vtable(l.bus, NULL, "/org/freedesktop/login1",
				     "org.freedesktop.login1.Manager", fake_vtable, &l) < 0 ||
	    sd_bus_request_name(l.bus, "org.freedesktop.login1", 0) < 0 ||
	    write(answers, "R", 1) != 1)
		_exit(1);
	for (;;) {
		struct pollfd p[3] = {};

		while (sd_bus_process(l.bus, NULL) > 0)
			;
		p[0].fd = sd_bus_get_fd(l.bus);
		p[0].events = (short)sd_bus_get_events(l.bus);
		p[1].fd = orders;
		p[1].events = POLLIN;
		p[2].fd = l.delay;
		if (poll(p, 3, -1) < 0)
			_exit(1);
		if (p[1].revents)
			fake_order(&l);
		if (p[2].revents) {
			close(steal_fd(&l.delay));
			if (write(answers, "L", 1) != 1)
				_exit(1);
		}
	}
}

static char answer(const struct bus *b)
{
	struct pollfd p = {.fd = b->answers, .events = POLLIN};
	char c = 0;

	if (poll(&p, 1, 3000) == 1 && read(b->answers, &c, 1) == 1)
		return c;
	return 0;
}

static void start_logind(struct bus *b)
{
	int orders[2], answers[2];

	cr_assert_eq(pipe2(orders, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(answers, O_CLOEXEC), 0);
	b->logind = fork();
	cr_assert_geq(b->logind, 0);
	if (b->logind == 0) {
		close(orders[1]);
		close(answers[0]);
		fake_logind_run(orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	b->orders = orders[1];
	b->answers = answers[0];
	cr_assert_eq(answer(b), 'R');
}

static void end_child(pid_t *pid)
{
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

/* Returns false if there is no dbus-daemon here. */
static bool start_bus(struct bus *b, const struct fixture *f)
{
	char address[128], config[128], line[16];
	int ready[2];

	fake_file(
		f, "bus.conf",
		"<busconfig><type>custom</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth><policy context='default'>"
		"<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/>"
		"<allow own='*'/></policy></busconfig>");
	snprintf(address, sizeof(address), "--address=unix:path=%s/bus", f->root);
	snprintf(config, sizeof(config), "--config-file=%s/bus.conf", f->root);
	cr_assert_eq(pipe(ready), 0);
	b->daemon = fork();
	cr_assert_geq(b->daemon, 0);
	if (b->daemon == 0) {
		char print[32];

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(print, sizeof(print), "--print-address=%d", ready[1]);
		execlp("dbus-daemon", "dbus-daemon", config, address, print, "--nofork",
		       "--nosyslog", "--nopidfile", NULL);
		_exit(127);
	}
	close(ready[1]);
	if (read(ready[0], line, sizeof(line)) <= 0) {
		end_child(&b->daemon);
		return false;
	}
	close(ready[0]);
	setenv("DBUS_SYSTEM_BUS_ADDRESS", strchr(address, '=') + 1, 1);
	return true;
}

static void need_bus(struct bus *b, struct fixture *f)
{
	if (start_bus(b, f))
		return;
	fixture_free(f);
	cr_skip_test("no dbus-daemon here to talk to");
}

Test(suspend, logind_waits_until_the_jobs_have_stopped)
{
	struct fixture *f = fixture_new();
	struct bus b;

	need_bus(&b, f);
	start_logind(&b);
	f->config.grace_ns = 50 * NS_PER_MS;
	fixture_open(f, &source_suspend);
	fixture_want_state(f, GATE_SENSOR_OK, 3000);
	cr_assert_eq(answer(&b), 'I');

	cr_assert_eq(write(b.orders, "S", 1), 1);
	cr_assert_eq(fixture_run(f, 1, 3000), 1);
	cr_assert(fixture_last(f, GATE_FACT_SUSPEND)->on);
	fixture_run(f, 0, 100);
	cr_assert_eq(answer(&b), 'L');

	cr_assert_eq(write(b.orders, "W", 1), 1);
	cr_assert_eq(fixture_run(f, 1, 3000), 1);
	cr_assert_not(fixture_last(f, GATE_FACT_SUSPEND)->on);
	fixture_run(f, 0, 50);
	cr_assert_eq(answer(&b), 'I', "the inhibitor is taken again");
	end_child(&b.logind);
	end_child(&b.daemon);
	fixture_free(f);
}

Test(suspend, a_logind_that_goes_is_lost_and_may_come_back)
{
	struct fixture *f = fixture_new();
	struct bus b;

	need_bus(&b, f);
	start_logind(&b);
	fixture_open(f, &source_suspend);
	fixture_want_state(f, GATE_SENSOR_OK, 3000);
	cr_assert_eq(write(b.orders, "S", 1), 1);
	cr_assert_eq(fixture_run(f, 1, 3000), 1);
	end_child(&b.logind);
	fixture_want_state(f, GATE_SENSOR_LOST, 3000);
	cr_assert_not(fixture_last(f, GATE_FACT_SUSPEND)->on, "no stale hold");
	start_logind(&b);
	fixture_want_state(f, GATE_SENSOR_OK, 3000);
	end_child(&b.daemon);
	fixture_want_state(f, GATE_SENSOR_LOST, 3000);
	end_child(&b.logind);
	fixture_free(f);
}

Test(suspend, a_bus_without_logind_is_no_loss)
{
	struct fixture *f = fixture_new();
	struct bus b;

	need_bus(&b, f);
	fixture_open(f, &source_suspend);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 3000);
	end_child(&b.daemon);
	fixture_free(f);
}
#else
Test(suspend, logind_waits_until_the_jobs_have_stopped)
{
	cr_skip_test("built without libsystemd");
}
#endif
