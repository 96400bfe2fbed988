/* SPDX-License-Identifier: MIT */
/* `broker-worker --check`: one JSON line about a job, from the real program, locked down. */
#include "tests/unit/worker_host.h"

#define JOB(binding, push)                                                                  \
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"one\","                         \
	" \"buffers\": {\"state\": {\"size\": 64, \"use\": \"output\"}},"                   \
	" \"kernels\": {\"one\": {\"spirv\": \"x\", \"bindings\": {\"" binding              \
	"\": \"state\"}," push                                                              \
	"}}, \"program\": [{\"dispatch\": \"one\", \"groups\": [1], \"push\": [1, 2, 3]}]," \
	" \"outputs\": [\"state\"]}"
#define THREE "\"push\": [\"u32\", \"u32\", \"u32\"]"

static int check(const char *json, const char *shader, char *text, size_t size)
{
	int in = io_memfd("job", json, strlen(json)), blob = host_spirv(shader);
	int out = io_memfd("out", NULL, 0), status;
	pid_t pid = fork();

	if (pid == 0) {
		char path[PATH_MAX];
		int high = fcntl(blob, F_DUPFD, 32);

		host_path(path, "broker-worker");
		if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(high, 3) < 0)
			_exit(126);
		execl(path, path, "--check", NULL);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	memset(text, 0, size);
	cr_assert_gt(pread(out, text, size - 1, 0), 0, "status %x", (unsigned int)status);
	close(in);
	close(out);
	close(blob);
	return status;
}

Test(worker_check, it_tells_what_is_wrong_and_where)
{
	char text[2048];

	cr_assert_eq(check(JOB("0", THREE), "mix", text, sizeof(text)), 0);
	cr_assert(strstr(text, "\"ok\":true") || strstr(text, "\"ok\": true"), "%s", text);
	cr_assert_neq(check(JOB("1", THREE), "mix", text, sizeof(text)), 0);
	cr_assert(strstr(text, "binding 0 is not bound") && strstr(text, "kernel one"), "%s", text);
	cr_assert_neq(check("{", "mix", text, sizeof(text)), 0);
	cr_assert(strstr(text, "\"ok\":false") || strstr(text, "\"ok\": false"), "%s", text);
}

/* A kernel that writes what a checkpoint leaves out: at its own binding, and at a dispatch's. */
#define INPUTS(kernel, bind)                                                      \
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"in\", \"buffers\": {" \
	" \"given\": {\"size\": 16384, \"blob\": \"x\", \"use\": \"input\"},"     \
	" \"made\": {\"size\": 16384, \"use\": \"output\"}}," kernel bind "}], "  \
	"\"outputs\": [\"made\"]}"
#define SUM(from, to)                                                             \
	"\"kernels\": {\"one\": {\"spirv\": \"x\", \"bindings\": {\"0\": \"" from \
	"\", \"1\": \"" to "\"}}}, \"program\": [{\"dispatch\": \"one\", \"groups\": [1]"

Test(worker_check, a_kernel_may_not_write_an_input)
{
	char text[2048];

	cr_assert_eq(check(INPUTS(SUM("given", "made"), ""), "sum", text, sizeof(text)), 0, "%s",
		     text);
	cr_assert_neq(check(INPUTS(SUM("made", "given"), ""), "sum", text, sizeof(text)), 0);
	cr_assert(strstr(text, "kernel one") && strstr(text, "binding 1") &&
			  strstr(text, "buffer given") && strstr(text, "declare it readonly"),
		  "%s", text);
	cr_assert_neq(check(INPUTS(SUM("given", "made"), ", \"bind\": {\"1\": \"given\"}"), "sum",
			    text, sizeof(text)),
		      0);
	cr_assert(strstr(text, "buffer given that a dispatch binds"), "%s", text);
	cr_assert_eq(check(INPUTS(SUM("made", "made"), ", \"bind\": {\"0\": \"given\"}"), "sum",
			   text, sizeof(text)),
		     0, "%s", text);
}
