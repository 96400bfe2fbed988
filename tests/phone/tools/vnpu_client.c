/* SPDX-License-Identifier: MIT */
/*
 * A program that uses the virtual NPU: it queues jobs, waits for them and says what they took.
 *
 *   vnpu_client [-d NODE] [-n JOBS] [-t NS] [-e] [-g MS] [-x MS] [-b BYTES]
 *   vnpu_client [-d NODE] [-t NS] [-b BYTES] -i
 *
 *     -d   the device's node; else the first whose driver is vnpu
 *     -n   how many jobs (1), and -t of how many ns of device time each (10000000)
 *     -e   wait for each job before the next; else all are queued at once
 *     -g   wait so long between two jobs, as a program that redraws now and then
 *     -x   cancel all after so long
 *     -b   each job uses a buffer of so many bytes, and so waits for the one before
 *     -i   jobs as lines of standard input ask for them: "JOBS MS" queues so many, waits for each,
 *          and rests so long after each but the last; "ready" goes out first, "done" for each line
 *
 * "queued" goes out when all is queued (with -e: the first job), and at the end one line of JSON:
 * the node, the client's number, jobs done and dropped, device time by fdinfo and how
 * much of it was late interrupts, time on the wall.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sync_file.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "tests/phone/modules/vnpu/vnpu_drm.h"

#define NS_PER_S  1000000000ull
#define NS_PER_MS 1000000ull
#define JOBS_MAX  100000

struct client {
	int fd;
	char node[64];
	uint32_t buffer;
	uint32_t *syncs; /* of each job */
	uint32_t jobs, queued, done, dropped;
	uint64_t duration_ns, gap_ns, cancel_ns, buffer_size;
	bool each, asked;
};

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "vnpu_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR)
		;
}

static bool open_node(struct client *c, const char *node)
{
	drmVersionPtr version;
	bool ours;

	c->fd = open(node, O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		return false;
	version = drmGetVersion(c->fd);
	ours = version && !strcmp(version->name, "vnpu");
	drmFreeVersion(version);
	if (!ours) {
		close(c->fd);
		return false;
	}
	snprintf(c->node, sizeof(c->node), "%s", node);
	return true;
}

static bool find_node(struct client *c, const char *folder, const char *prefix)
{
	DIR *dir = opendir(folder);
	bool found = false;
	struct dirent *e;

	while (dir && !found && (e = readdir(dir))) {
		char node[512];

		if (strncmp(e->d_name, prefix, strlen(prefix)))
			continue;
		snprintf(node, sizeof(node), "%s/%s", folder, e->d_name);
		found = open_node(c, node);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The buffer's first word is written and read back: its pages are there and are ours. */
static void make_buffer(struct client *c)
{
	struct drm_vnpu_create_bo bo = {.size = c->buffer_size};
	volatile uint32_t *words;

	if (drmIoctl(c->fd, DRM_IOCTL_VNPU_CREATE_BO, &bo))
		die("no buffer");
	c->buffer = bo.handle;
	words = mmap(NULL, bo.size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, (off_t)bo.offset);
	if (words == MAP_FAILED)
		die("no mapping of the buffer");
	words[0] = 0x76706e75;
	if (words[0] != 0x76706e75)
		die("the buffer forgets");
	munmap((void *)words, bo.size);
}

static void submit(struct client *c)
{
	struct drm_vnpu_submit job = {.duration_ns = c->duration_ns};

	if (drmSyncobjCreate(c->fd, 0, &c->syncs[c->queued]))
		die("no syncobj");
	job.out_sync = c->syncs[c->queued];
	job.bo_handles = (uintptr_t)&c->buffer;
	job.bo_count = c->buffer != 0;
	if (drmIoctl(c->fd, DRM_IOCTL_VNPU_SUBMIT, &job))
		die("the job was refused");
	if (job.job != ++c->queued) {
		fprintf(stderr, "vnpu_client: job %u has the number %llu\n", c->queued,
			(unsigned long long)job.job);
		exit(1);
	}
}

static void wait_for(struct client *c, uint32_t first, uint32_t count)
{
	if (drmSyncobjWait(c->fd, c->syncs + first, count, INT64_MAX,
			   DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL))
		die("waiting for jobs failed");
}

/* A syncobj does not tell the fence's error; a sync_file does. */
static void count_end(struct client *c, uint32_t i)
{
	struct sync_file_info info = {0};
	int fd;

	if (drmSyncobjExportSyncFile(c->fd, c->syncs[i], &fd))
		die("no sync_file of a job's fence");
	if (ioctl(fd, SYNC_IOC_FILE_INFO, &info))
		die("a fence cannot be looked at");
	close(fd);
	if (info.status == 1)
		c->done++;
	else if (info.status == -ECANCELED)
		c->dropped++;
	else
		fprintf(stderr, "vnpu_client: job %u ended with %d\n", i + 1, info.status);
	drmSyncobjDestroy(c->fd, c->syncs[i]);
}

static uint64_t fdinfo_number(const struct client *c, const char *key)
{
	char path[64], line[256];
	uint64_t value = UINT64_MAX;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", c->fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtoull(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	if (value == UINT64_MAX) {
		fprintf(stderr, "vnpu_client: no %s in %s\n", key, path);
		exit(1);
	}
	return value;
}

static void say_queued(void)
{
	puts("queued");
	fflush(stdout);
}

static void run(struct client *c)
{
	struct drm_vnpu_cancel cancel = {0};

	while (c->queued < c->jobs) {
		submit(c);
		if (c->each)
			wait_for(c, c->queued - 1, 1);
		if (c->each && c->queued == 1)
			say_queued();
		if (c->gap_ns && c->queued < c->jobs)
			sleep_ns(c->gap_ns);
	}
	if (!c->each)
		say_queued();
	if (c->cancel_ns) {
		sleep_ns(c->cancel_ns);
		if (drmIoctl(c->fd, DRM_IOCTL_VNPU_CANCEL, &cancel))
			die("the jobs cannot be cancelled");
	}
	wait_for(c, 0, c->jobs);
}

/* As asked for, until standard input ends. */
static void serve(struct client *c)
{
	unsigned int jobs, gap_ms;
	char line[64];

	puts("ready");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "%u %u", &jobs, &gap_ms) != 2 || jobs > c->jobs - c->queued) {
			fprintf(stderr, "vnpu_client: cannot do: %s", line);
			exit(2);
		}
		while (jobs--) {
			submit(c);
			wait_for(c, c->queued - 1, 1);
			count_end(c, c->queued - 1);
			if (jobs)
				sleep_ns(gap_ms * NS_PER_MS);
		}
		puts("done");
		fflush(stdout);
	}
}

static uint64_t number(const char *text, uint64_t max)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || n > max) {
		fprintf(stderr, "vnpu_client: %s must be a number of 0 to %" PRIu64 "\n", text,
			max);
		exit(2);
	}
	return n;
}

static const char *options(struct client *c, int argc, char **argv)
{
	const char *node = NULL;
	int o;

	while ((o = getopt(argc, argv, "d:n:t:eg:x:b:i")) != -1) {
		if (o == 'd')
			node = optarg;
		else if (o == 'n')
			c->jobs = (uint32_t)number(optarg, JOBS_MAX);
		else if (o == 't')
			c->duration_ns = number(optarg, UINT64_MAX);
		else if (o == 'e')
			c->each = true;
		else if (o == 'g')
			c->gap_ns = number(optarg, 3600000) * NS_PER_MS;
		else if (o == 'x')
			c->cancel_ns = number(optarg, 3600000) * NS_PER_MS;
		else if (o == 'b')
			c->buffer_size = number(optarg, UINT64_MAX);
		else if (o == 'i')
			c->asked = true;
		else
			exit(2);
	}
	if (optind < argc || !c->jobs) {
		fprintf(stderr, "usage: vnpu_client [-d NODE] [-n JOBS] [-t NS] [-e] [-g MS] "
				"[-x MS] [-b BYTES] | -i\n");
		exit(2);
	}
	if (c->asked)
		c->jobs = JOBS_MAX;
	return node;
}

int main(int argc, char **argv)
{
	struct client c = {.jobs = 1, .duration_ns = 10 * NS_PER_MS};
	const char *node = options(&c, argc, argv);
	uint64_t began;

	if (node ? !open_node(&c, node)
		 : !find_node(&c, "/dev/accel", "accel") && !find_node(&c, "/dev/dri", "render")) {
		fprintf(stderr, "vnpu_client: %s is no vnpu\n", node ? node : "what is here");
		return 1;
	}
	c.syncs = calloc(c.jobs, sizeof(*c.syncs));
	if (!c.syncs)
		die("no memory");
	if (c.buffer_size)
		make_buffer(&c);
	began = now_ns();
	if (c.asked)
		serve(&c);
	else
		run(&c);
	began = now_ns() - began;
	for (uint32_t i = 0; !c.asked && i < c.jobs; i++)
		count_end(&c, i);
	printf("{\"node\": \"%s\", \"client\": %" PRIu64 ", \"done\": %u, \"dropped\": %u, "
	       "\"device_ns\": %" PRIu64 ", \"late_ns\": %" PRIu64 ", \"wall_ns\": %" PRIu64 "}\n",
	       c.node, fdinfo_number(&c, "drm-client-id:"), c.done, c.dropped,
	       fdinfo_number(&c, "drm-engine-npu:"), fdinfo_number(&c, "vnpu-late:"), began);
	free(c.syncs);
	return c.done + c.dropped != c.queued;
}
