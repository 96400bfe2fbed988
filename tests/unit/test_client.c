/* SPDX-License-Identifier: MIT */
/*
 * The client library against a scripted peer: a child process on the other end of a socket that
 * expects calls word for word and answers with prepared bytes. What a real broker answers is
 * the integration tests' business; here are the answers that no broker should give, too.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "libbroker/client.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define JOB_WITH(state, done)                                                          \
	"{\"id\":7,\"uid\":1000,\"name\":\"a\",\"state\":\"" state                     \
	"\",\"phase\":\"running\",\"priority\":-3,\"submitted_s\":5,\"device_ns\":1,"  \
	"\"dispatches_done\":" done ",\"dispatches_total\":9,\"memory\":4,\"runs\":1," \
	"\"checkpoint\":true,\"waits_for\":null}"
#define CALL(method, parameters) \
	"{\"method\":\"io.idlebroker." method "\",\"parameters\":" parameters ",\"more\":false}"
#define MORE(method, parameters) \
	"{\"method\":\"io.idlebroker." method "\",\"parameters\":" parameters ",\"more\":true}"
#define ERROR(name, parameters) \
	"{\"error\":\"io.idlebroker." name "\",\"parameters\":" parameters "}"
#define GATE                                                                                       \
	"{\"gate\":{\"open\":false,\"opens\":1,\"closes\":2,\"holds\":[{\"name\":\"paused\","      \
	"\"why\":\"w\",\"clears\":\"c\",\"age_ns\":3},{\"name\":\"user-active\",\"why\":\"w\","    \
	"\"clears\":\"c\",\"age_ns\":3,\"clear_in_ns\":4}],\"history\":[{\"at_s\":1,\"ago_ns\":2," \
	"\"set\":[\"paused\"],\"cleared\":[],\"holds\":[\"paused\",\"user-active\"]}]}}"

/* A step names only what it needs. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
struct step {
	const char *expect; /* NULL: nothing more is read */
	const char *replies[4]; /* each gets its NUL */
	unsigned int fds_expected;
	const char *file; /* a memory file with this text goes with the first reply */
	bool hang_up;
};

static void receive_exactly(int sock, const struct step *s)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(8 * sizeof(int))];
	} control;
	char got[8192];
	struct iovec iov = {.iov_base = got, .iov_len = sizeof(got)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	ssize_t n = recvmsg(sock, &msg, 0);
	struct cmsghdr *m = CMSG_FIRSTHDR(&msg);
	size_t fds = m ? (m->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;

	if (n != (ssize_t)strlen(s->expect) + 1 || strcmp(got, s->expect) != 0) {
		dprintf(2, "expected %s\ngot      %.*s\n", s->expect, (int)n, got);
		_exit(1);
	}
	if (fds != s->fds_expected)
		_exit(2);
}

static void play(int sock, const struct step *steps, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct step *s = &steps[i];
		int fd = -1;

		if (s->expect)
			receive_exactly(sock, s);
		if (s->file) {
			fd = io_memfd("reply", s->file, strlen(s->file));
			lseek(fd, 0, SEEK_SET);
		}
		for (int k = 0; k < 4 && s->replies[k]; k++)
			if (io_send_fds(sock, s->replies[k], strlen(s->replies[k]) + 1, &fd,
					fd >= 0 && k == 0) < 0)
				_exit(3);
		if (s->hang_up)
			break;
	}
	_exit(0);
}

struct peer {
	struct idlebroker *c;
	pid_t pid;
};

#define peer_start(p, ...)                              \
	peer_run(p, (const struct step[]){__VA_ARGS__}, \
		 sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

/* Connects by the public way: a socket in a directory of its own. */
static void peer_run(struct peer *p, const struct step *steps, unsigned int n)
{
	char dir[] = "/tmp/idlebroker-test-XXXXXX", path[64];
	struct sockaddr_un {
		sa_family_t family;
		char path[108];
	} addr = {.family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_not_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	strcpy(addr.path, path);
	cr_assert_eq(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(sock, 1), 0);
	p->pid = fork();
	if (p->pid == 0)
		play(accept(sock, NULL, NULL), steps, n);
	cr_assert_eq(idlebroker_connect(&p->c, path), 0, "%s", idlebroker_error(p->c));
	idlebroker_set_timeout(p->c, 20000);
	close(sock);
	unlink(path);
	rmdir(dir);
}

static void peer_end(struct peer *p)
{
	int status;

	idlebroker_close(p->c);
	cr_assert_eq(waitpid(p->pid, &status, 0), p->pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the peer ended with %d", status);
}

Test(client, no_broker_is_said_so)
{
	struct idlebroker *c;

	cr_assert_eq(idlebroker_connect(&c, "/nonexistent/socket"), -ENOENT);
	cr_assert_not_null(strstr(idlebroker_error(c), "is brokerd running?"));
	cr_assert_eq(idlebroker_resume(c), -ECONNRESET);
	cr_assert_eq(idlebroker_get_fd(c), -EBADF);
	idlebroker_close(c);
	idlebroker_close(NULL);
	idlebroker_free(NULL);
}

Test(client, a_job_becomes_a_struct)
{
	const struct idlebroker_job *job;
	struct peer p;

	peer_start(&p, {CALL("Show", "{\"id\":7}"),
			{"{\"parameters\":{\"job\":" JOB_WITH("running", "4") "}}"}});
	cr_assert_eq(idlebroker_show(p.c, 7, &job), 0, "%s", idlebroker_error(p.c));
	cr_assert_eq(job->id, 7);
	cr_assert_eq(job->priority, -3);
	cr_assert_eq(job->state, IDLEBROKER_JOB_RUNNING);
	cr_assert_eq(job->phase, IDLEBROKER_PHASE_RUNNING);
	cr_assert_str_eq(job->name, "a");
	cr_assert_null(job->waits_for);
	cr_assert_null(job->device);
	cr_assert_eq(job->ended_s, 0);
	cr_assert_eq(job->checkpoint, 1);
	idlebroker_free(job);
	peer_end(&p);
}

Test(client, a_list_comes_in_pages)
{
	const struct idlebroker_job *const *jobs;
	struct peer p;

	peer_start(&p,
		   {MORE("List", "{\"states\":[\"queued\",\"done\"]}"),
		    {"{\"parameters\":{\"jobs\":[" JOB_WITH("done", "9") "]},\"continues\":true}",
		     "{\"parameters\":{\"jobs\":[" JOB_WITH("done", "9") "," JOB_WITH("queued",
										      "0") "]}}"}});
	cr_assert_eq(idlebroker_list(p.c,
				     IDLEBROKER_STATE_BIT(IDLEBROKER_JOB_QUEUED) |
					     IDLEBROKER_STATE_BIT(IDLEBROKER_JOB_DONE),
				     &jobs),
		     3);
	cr_assert_eq(jobs[2]->state, IDLEBROKER_JOB_QUEUED);
	cr_assert_null(jobs[3]);
	idlebroker_free(jobs);
	peer_end(&p);
}

Test(client, errors_have_a_code_and_words)
{
	static const struct {
		const char *reply;
		int code;
		const char *words;
	} cases[] = {
		{ERROR("NotFound", "{\"what\":\"job 7\"}"), -ENOENT, "job 7 not found"},
		{ERROR("AlreadyEnded", "{\"id\":7,\"state\":\"done\"}"), -EALREADY,
		 "job 7 has ended already: done"},
		{ERROR("PermissionDenied", "{\"what\":\"be root\"}"), -EACCES,
		 "not permitted: be root"},
		{ERROR("InvalidJob", "{\"path\":\"buffers[0]\",\"message\":\"m\"}"), -EINVAL,
		 "job.json: buffers[0]: m"},
		{ERROR("InvalidJob", "{\"path\":\"\",\"message\":\"m\"}"), -EINVAL, "job.json: m"},
		{ERROR("LimitExceeded", "{\"message\":\"full\"}"), -EDQUOT, "full"},
		{ERROR("Unheard", "{}"), -EPROTO, "the broker answers io.idlebroker.Unheard"},
		{ERROR("NotFound", "{}"), -ENOENT, " not found"},
		{"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
		 "\"x\"}}",
		 -ENOSYS, "the broker has no method x"},
	};
	struct peer p;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		peer_start(&p, {CALL("Cancel", "{\"id\":7}"), {cases[i].reply}},
			   {CALL("Resume", "{}"), {"{}"}});
		cr_assert_eq(idlebroker_cancel(p.c, 7), cases[i].code, "%s", cases[i].reply);
		cr_assert_str_eq(idlebroker_error(p.c), cases[i].words);
		cr_assert_eq(idlebroker_resume(p.c), 0, "an error leaves the connection usable");
		peer_end(&p);
	}
}

Test(client, answers_that_make_no_sense_end_the_call)
{
	static const struct {
		const char *reply;
		int code;
	} cases[] = {
		{"nonsense", -EPROTO},
		{"[]", -EPROTO},
		{"{\"error\":1}", -EPROTO},
		{"{\"parameters\":{}}", -EPROTO},
		{"{\"parameters\":{\"job\":3}}", -EPROTO},
		{"{\"parameters\":{\"job\":" JOB_WITH("sleeping", "4") "}}", -EPROTO},
		{"{\"parameters\":{\"job\":" JOB_WITH("running", "-4") "}}", -EPROTO},
		{"{\"parameters\":{\"job\":" JOB_WITH("running", "\"4\"") "}}", -EPROTO},
		{"{\"continues\":true}", -EPROTO},
		{NULL, -ECONNRESET},
	};
	struct peer p;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct idlebroker_job *job;

		peer_start(&p, {CALL("Show", "{\"id\":7}"), {cases[i].reply}, .hang_up = true});
		cr_assert_eq(idlebroker_show(p.c, 7, &job), cases[i].code, "%s",
			     cases[i].reply ? cases[i].reply : "nothing");
		cr_assert(idlebroker_error(p.c)[0]);
		peer_end(&p);
	}
}

Test(client, the_words_of_a_broker_that_hangs_up_are_read)
{
	siginfo_t gone;
	struct peer p;

	peer_start(&p, {NULL,
			{ERROR("LimitExceeded", "{\"message\":\"too many clients\"}")},
			.hang_up = true});
	cr_assert_eq(waitid(P_PID, (id_t)p.pid, &gone, WEXITED | WNOWAIT), 0);
	cr_assert_eq(idlebroker_resume(p.c), -EDQUOT);
	cr_assert_str_eq(idlebroker_error(p.c), "too many clients");
	peer_end(&p);
}

Test(client, a_silent_broker_is_not_waited_for)
{
	struct peer p;

	peer_start(&p, {CALL("Resume", "{}"), {NULL}},
		   {"never", {NULL}}); /* stays silent until the other end hangs up */
	idlebroker_set_timeout(p.c, 30);
	cr_assert_eq(idlebroker_resume(p.c), -ETIMEDOUT);
	cr_assert_eq(idlebroker_resume(p.c), -ECONNRESET);
	idlebroker_close(p.c);
	waitpid(p.pid, NULL, 0);
}

Test(client, the_gate)
{
	const struct idlebroker_gate *gate;
	struct peer p;

	peer_start(&p, {CALL("GetGate", "{}"), {"{\"parameters\":" GATE "}"}});
	cr_assert_eq(idlebroker_get_gate(p.c, &gate), 0, "%s", idlebroker_error(p.c));
	cr_assert_eq(gate->open, 0);
	cr_assert_str_eq(gate->holds[0]->name, "paused");
	cr_assert_eq(gate->holds[0]->clear_in_ns, UINT64_MAX);
	cr_assert_eq(gate->holds[1]->clear_in_ns, 4);
	cr_assert_null(gate->holds[2]);
	cr_assert_str_eq(gate->history[0]->set[0], "paused");
	cr_assert_null(gate->history[0]->cleared[0]);
	cr_assert_str_eq(gate->history[0]->holds[1], "user-active");
	cr_assert_null(gate->history[1]);
	idlebroker_free(gate);
	peer_end(&p);
}

Test(client, an_output_comes_as_a_descriptor)
{
	char text[16] = "", hash[65];
	uint64_t size;
	struct peer p;
	int fd;

	peer_start(&p,
		   {CALL("Fetch", "{\"id\":7,\"output\":\"w\"}"),
		    {"{\"parameters\":{\"size\":5,\"sha256\":\"ab\",\"fd\":0}}"},
		    .file = "hello"},
		   {CALL("Fetch", "{\"id\":7,\"output\":\"w\"}"),
		    {"{\"parameters\":{\"size\":5,\"sha256\":\"ab\",\"fd\":0}}"}});
	fd = idlebroker_fetch(p.c, 7, "w", &size, hash);
	cr_assert_geq(fd, 0);
	cr_assert_eq(read(fd, text, sizeof(text)), 5);
	cr_assert_str_eq(text, "hello");
	cr_assert_eq(size, 5);
	cr_assert_str_eq(hash, "ab");
	close(fd);
	cr_assert_eq(idlebroker_fetch(p.c, 7, "w", NULL, NULL), -EPROTO, "no descriptor came");
	peer_end(&p);
}

struct seen {
	int jobs, gates;
	uint64_t done;
};

static void see(void *data, const struct idlebroker_job *job, const struct idlebroker_gate *gate)
{
	struct seen *seen = data;

	seen->jobs += job != NULL;
	seen->gates += gate != NULL;
	if (job)
		seen->done = job->dispatches_done;
}

Test(client, a_watch_ends_and_frees_the_connection)
{
	struct seen seen = {};
	struct peer p;
	int r;

	peer_start(&p,
		   {MORE("Watch", "{\"id\":7}"),
		    {"{\"parameters\":{\"kind\":\"job\",\"job\":" JOB_WITH(
			     "running", "1") "},\"continues\":true}",
		     "{\"parameters\":{\"kind\":\"job\",\"job\":" JOB_WITH("done", "9") "}}"}},
		   {CALL("Resume", "{}"), {"{}"}});
	cr_assert_eq(idlebroker_watch(p.c, 7, see, &seen), 0);
	cr_assert_eq(idlebroker_resume(p.c), -EBUSY);
	while ((r = idlebroker_dispatch(p.c, -1)) >= 0)
		;
	cr_assert_eq(r, -ENODATA);
	cr_assert_eq(seen.jobs, 2);
	cr_assert_eq(seen.done, 9);
	cr_assert_eq(idlebroker_resume(p.c), 0);
	peer_end(&p);
}

Test(client, a_watch_without_events_stays_alive)
{
	struct seen seen = {};
	struct peer p;

	peer_start(&p, {MORE("Watch", "{}"), {"{\"parameters\":" GATE ",\"continues\":true}"}},
		   {"never", {NULL}});
	cr_assert_eq(idlebroker_watch(p.c, 0, see, &seen), 0);
	while (!seen.gates)
		cr_assert_geq(idlebroker_dispatch(p.c, 1000), 0);
	cr_assert_eq(idlebroker_dispatch(p.c, 0), 0);
	cr_assert_geq(idlebroker_get_fd(p.c), 0);
	idlebroker_close(p.c);
	waitpid(p.pid, NULL, 0);
}

Test(client, any_method_as_text)
{
	const char *reply;
	struct peer p;

	peer_start(&p, {CALL("Status", "{\"a\":1}"), {"{\"parameters\":{\"b\":[2]}}"}});
	cr_assert_eq(idlebroker_call(p.c, "Status", "[1]", &reply), -EINVAL);
	cr_assert_eq(idlebroker_call(p.c, "Status", "{\"a\":1}", &reply), 0);
	cr_assert_str_eq(reply, "{\"b\":[2]}");
	idlebroker_free(reply);
	peer_end(&p);
}
