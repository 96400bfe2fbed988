/* SPDX-License-Identifier: MIT */
/*
 * A user of the installed client library: hands in a bundle, follows it in an event loop of its
 * own, and prints what it saw and the bytes that came out. usage: lib_program SOCKET BUNDLE OUTPUT
 */
#include <idlebroker.h>

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

struct seen {
	int jobs, gates, ended;
	uint64_t done;
};

static void see(void *data, const struct idlebroker_job *job, const struct idlebroker_gate *gate)
{
	struct seen *seen = data;

	seen->gates += gate != NULL;
	if (!job)
		return;
	seen->jobs++;
	seen->ended = job->state >= IDLEBROKER_JOB_DONE;
	seen->done = job->dispatches_done;
}

static int follow(struct idlebroker *c, uint64_t id, struct seen *seen)
{
	struct pollfd p = {.events = POLLIN};
	int r = idlebroker_watch(c, id, see, seen);

	p.fd = idlebroker_get_fd(c);
	while (r >= 0 && !seen->ended) {
		poll(&p, 1, -1);
		r = idlebroker_dispatch(c, 0);
	}
	return r;
}

static int fail(const struct idlebroker *c, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, idlebroker_error(c));
	return 1;
}

int main(int argc, char **argv)
{
	const struct idlebroker_device *const *devices;
	const struct idlebroker_output *const *outputs;
	const struct idlebroker_gate *gate;
	const struct idlebroker_job *job;
	struct idlebroker *c;
	struct seen seen = {0};
	char sha256[65];
	uint64_t id, size;
	int n, fd;

	if (argc != 4)
		return 2;
	if (idlebroker_connect(&c, argv[1]) < 0)
		return fail(c, "connect");
	if (idlebroker_get_gate(c, &gate) < 0)
		return fail(c, "gate");
	n = idlebroker_devices(c, &devices);
	if (n < 1)
		return fail(c, "devices");
	if (idlebroker_submit(c, argv[2], &id) < 0)
		return fail(c, "submit");
	if (follow(c, id, &seen) < 0)
		return fail(c, "watch");
	if (idlebroker_wait(c, id, &job) < 0)
		return fail(c, "wait");
	if (idlebroker_outputs(c, id, &outputs) < 1)
		return fail(c, "outputs");
	fd = idlebroker_fetch(c, id, argv[3], &size, sha256);
	if (fd < 0)
		return fail(c, "fetch");
	printf("open=%d device=%s state=%d seen=%d done=%d of=%d output=%s sha256=%s same=%d size=%d\n",
	       gate->open, devices[0]->id, job->state, seen.jobs > 0, (int)seen.done,
	       (int)job->dispatches_total, outputs[0]->name, sha256, outputs[0]->size == size,
	       (int)lseek(fd, 0, SEEK_END));
	close(fd);
	idlebroker_free(outputs);
	idlebroker_free(job);
	idlebroker_free(devices);
	idlebroker_free(gate);
	idlebroker_close(c);
	return 0;
}
