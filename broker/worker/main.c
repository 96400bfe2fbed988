/* SPDX-License-Identifier: MIT */
/*
 * broker-worker: the process that runs one job on one device for brokerd, and nothing else.
 *
 *   broker-worker --probe [--user NAME]          what devices are there: JSON on standard output
 *   broker-worker --check [--user NAME]          fd 0 job.json, fds 3 … its blobs: JSON
 *   broker-worker --device-uuid HEX --node PATH [--user NAME] [--lease]
 *                                                a job, by libbroker/proto/worker_proto.h
 *
 * The order is the point of this file: first the lockdown of what a single thread can give up,
 * then the driver, then the rest of the lockdown, and only then the first byte of a stranger's.
 * It leaves by _exit(): nothing of the driver's is worth running after the job.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/worker/check.h"
#include "broker/worker/lockdown.h"
#include "broker/worker/probe.h"
#include "broker/worker/run.h"
#include "broker/worker/watchdog.h"
#include "libbroker/util/log.h"

#define PROBE_SECONDS    30
#define CHECK_SECONDS    30
#define CHECK_FIRST_BLOB 3
#define EXIT_USAGE       2

enum mode {
	MODE_JOB,
	MODE_PROBE,
	MODE_CHECK
};

struct options {
	enum mode mode;
	const char *uuid, *node, *user;
	bool lease;
};

static int usage(FILE *out)
{
	fputs("usage: broker-worker --probe [--user NAME]\n"
	      "       broker-worker --check [--user NAME]   (fd 0: job.json, fds 3 ...: blobs)\n"
	      "       broker-worker --device-uuid HEX [--node PATH] [--user NAME] [--lease]   (by "
	      "brokerd)\n",
	      out);
	return EXIT_USAGE;
}

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option table[] = {{"probe", no_argument, NULL, 'p'},
					      {"check", no_argument, NULL, 'c'},
					      {"device-uuid", required_argument, NULL, 'd'},
					      {"node", required_argument, NULL, 'n'},
					      {"user", required_argument, NULL, 'u'},
					      {"lease", no_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {"version", no_argument, NULL, 'V'},
					      {NULL, 0, NULL, 0}};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		switch (c) {
		case 'p':
			o->mode = MODE_PROBE;
			break;
		case 'c':
			o->mode = MODE_CHECK;
			break;
		case 'd':
			o->uuid = optarg;
			break;
		case 'n':
			o->node = optarg;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'l':
			o->lease = true;
			break;
		case 'h':
			usage(stdout);
			exit(EXIT_SUCCESS);
		case 'V':
			puts("broker-worker " IDLEBROKER_VERSION);
			exit(EXIT_SUCCESS);
		default:
			return -EINVAL;
		}
	}
	return optind < argc || (o->mode == MODE_JOB && !o->uuid) ? -EINVAL : 0;
}

static int complain(const char *msg, const struct error *err)
{
	log_error(msg, LOG_STR("where", err->where), LOG_STR("what", err->what));
	return EXIT_FAILURE;
}

static int do_probe(const struct options *o)
{
	struct lockdown l = {.user = o->user, .node = NULL, .files = true};
	struct error err = {.where = ""};

	alarm(PROBE_SECONDS); /* a driver that hangs is no device */
	vk_environment();
	if (lockdown_begin(&l, &err) < 0 || probe_print(&err) < 0)
		return complain("probe failed", &err);
	return EXIT_SUCCESS;
}

static int do_check(const struct options *o)
{
	struct lockdown l = {.user = o->user, .node = "", .files = false};
	struct error err = {.where = ""};
	bool landlock;
	int r;

	alarm(CHECK_SECONDS);
	if (lockdown_begin(&l, &err) < 0 || lockdown_finish(&l, &landlock, &err) < 0)
		return complain("lockdown failed", &err);
	r = check_job(0, CHECK_FIRST_BLOB, &err);
	if (check_print(r, &err) < 0)
		return EXIT_FAILURE;
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void *map_page(int fd, int prot, struct error *err)
{
	void *p = mmap(NULL, GRANT_PAGE_SIZE, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		error_set(err, -errno, NULL, "mapping the page in descriptor %d: %s", fd,
			  strerror(errno));
		return NULL;
	}
	close(fd);
	return p;
}

static int map_pages(struct run_pages *pages, struct error *err)
{
	pages->gate = map_page(WORKER_FD_GATE, PROT_READ, err);
	if (pages->gate)
		pages->grant = map_page(WORKER_FD_GRANT, PROT_READ, err);
	if (pages->grant)
		pages->report = map_page(WORKER_FD_REPORT, PROT_READ | PROT_WRITE, err);
	if (!pages->report)
		return -EINVAL;
	if (pages->gate->magic != IDLEGATE_PAGE_MAGIC || pages->grant->magic != GRANT_MAGIC)
		return error_set(err, -EINVAL, NULL,
				 "the pages are not the gate's and the grant's");
	pages->report->version = GRANT_VERSION;
	page_store(&pages->report->magic, REPORT_MAGIC);
	return 0;
}

static int say(int control, uint32_t type, const char *text)
{
	struct worker_msg msg = {.type = type};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	return control_send(control, &msg);
}

static int fail_early(const struct error *err)
{
	char text[WORKER_TEXT_MAX];

	snprintf(text, sizeof(text), "%.100s%s%.270s", err->where, *err->where ? ": " : "",
		 err->what);
	say(WORKER_FD_CONTROL, WORKER_MSG_FAILED, text);
	return complain("worker failed", err);
}

/* Up to READY: everything that needs rights. */
static int get_ready(const struct options *o, struct run_pages *pages, struct vk_device *dev,
		     struct fence_ring **ring, struct error *err)
{
	struct lockdown l = {.user = o->user, .node = o->node ? o->node : "", .files = true};
	uint8_t uuid[VK_UUID_SIZE];
	bool landlock = false;
	int r;

	if (strlen(o->uuid) != 2 * sizeof(uuid) || hex_decode(uuid, o->uuid, sizeof(uuid)) < 0)
		return error_set(err, -EINVAL, "--device-uuid", "32 lower-case hex digits");
	r = map_pages(pages, err);
	vk_environment();
	if (r == 0)
		r = lockdown_begin(&l, err);
	if (r == 0)
		r = vk_device_open(dev, uuid, err);
	if (r < 0)
		return r;
	l.jit = dev->caps.type == VK_PHYSICAL_DEVICE_TYPE_CPU;
	if (dev->caps.sync_fd && fence_ring_new(ring) < 0)
		*ring = NULL; /* then by poll(2) */
	r = watchdog_start(WORKER_FD_CONTROL, dev->caps.software);
	if (r < 0)
		return error_set(err, r, "watchdog", "%s", strerror(-r));
	r = lockdown_finish(&l, &landlock, err);
	if (r == 0 && !landlock)
		say(WORKER_FD_CONTROL, WORKER_MSG_NOTE,
		    "this kernel has no Landlock: user and seccomp filter stand alone");
	return r;
}

static int do_job(const struct options *o)
{
	static struct run run = {.control = WORKER_FD_CONTROL, .lease = {.fd = -1, .parked = true}};
	static struct vk_device dev;
	struct fence_ring *ring = NULL;
	struct control_fds fds = {.n = 0};
	struct worker_msg msg;
	struct error err = {.where = ""};
	int r = get_ready(o, &run.pages, &dev, &ring, &err);

	if (r < 0)
		return fail_early(&err);
	if (o->lease)
		run.lease.fd = WORKER_FD_LEASE;
	page_store(&run.pages.report->state, REPORT_READY);
	if (say(WORKER_FD_CONTROL, WORKER_MSG_READY, dev.caps.name) < 0)
		return EXIT_FAILURE;
	do {
		control_fds_close(&fds);
		r = control_receive(WORKER_FD_CONTROL, &msg, &fds);
		if (r == 0 && page_load(&run.pages.grant->state) == GRANT_STOP)
			return EXIT_SUCCESS;
	} while (r == 0 && msg.type == WORKER_MSG_WAKE);
	if (r == -EPIPE)
		return EXIT_SUCCESS;
	if (r < 0 || msg.type != WORKER_MSG_JOB)
		return EXIT_FAILURE;
	return run_job(&run, &dev, ring, &msg, &fds);
}

int main(int argc, char **argv)
{
	struct options o = {.mode = MODE_JOB};
	int status;

	if (parse(&o, argc, argv) < 0)
		return usage(stderr);
	signal(SIGXFSZ, SIG_IGN); /* a full limit is an error of write(2) */
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	switch (o.mode) {
	case MODE_PROBE:
		status = do_probe(&o);
		break;
	case MODE_CHECK:
		status = do_check(&o);
		break;
	default:
		status = do_job(&o);
	}
	_exit(status);
}
