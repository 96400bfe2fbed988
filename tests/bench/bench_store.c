/* SPDX-License-Identifier: MIT */
/*
 * The store alone: durably accepted submissions a second with 64 in flight, and how long it
 * takes to open with 10,000 queued jobs. The directory is the first argument, else $TMPDIR or
 * /tmp; it should be on the disk that the state would be on.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/db.h"
#include "tests/unit/store_env.h"

#define JOBS       10000
#define IN_FLIGHT  64
#define JSON_BYTES 1500

struct bench {
	struct env env;
	uint32_t sent, ended, failed;
	uint8_t kernel[SHA256_SIZE];
	uint32_t loaded;
};

/* Jobs of one kernel and their own parameters, as a parameter search would send them. */
static struct store_submission next_job(struct bench *b)
{
	struct store_submission sub = {.job = {.uid = 1000 + b->sent % 7, .memory = 1 << 20}};

	snprintf(sub.job.name, sizeof(sub.job.name), "search-%" PRIu32, b->sent);
	sub.json = malloc(JSON_BYTES);
	memset(sub.json, ' ', JSON_BYTES);
	sub.json_len = JSON_BYTES;
	snprintf(sub.json, JSON_BYTES, "{\"n\":%" PRIu32 "}", b->sent);
	sub.n_blobs = 1;
	sub.blobs = calloc(1, sizeof(*sub.blobs));
	memcpy(sub.blobs[0].sha256, b->kernel, SHA256_SIZE);
	sub.blobs[0].fd = -1;
	return sub;
}

static void submitted(void *data, int result, uint64_t id, const struct error *err)
{
	struct bench *b = data;

	if (result < 0 && !b->failed++)
		fprintf(stderr, "%s: %s\n", err->where, err->what);
	if (++b->ended == JOBS) {
		loop_stop(b->env.loop);
	} else if (b->sent < JOBS) {
		struct store_submission sub = next_job(b);

		b->sent++;
		store_submit(b->env.store, &sub, submitted, b);
	}
}

static double submit_all(struct bench *b)
{
	uint64_t start = clock_now_ns();

	for (; b->sent < IN_FLIGHT; b->sent++) {
		struct store_submission sub = next_job(b);

		store_submit(b->env.store, &sub, submitted, b);
	}
	loop_run(b->env.loop);
	return JOBS / ((double)(clock_now_ns() - start) / 1e9);
}

static int count_job(void *data, const struct store_job *job)
{
	((struct bench *)data)->loaded++;
	return 0;
}

static double ms_since(uint64_t start)
{
	return (double)(clock_now_ns() - start) / 1e6;
}

/* From the call to all jobs seen, as the daemon's start does it. */
static int open_and_load(struct bench *b, double *ms)
{
	uint64_t start = clock_now_ns();
	int r = env_open(&b->env);

	if (!r)
		r = store_load(b->env.store, count_job, b, &b->env.err);
	*ms = ms_since(start);
	return r;
}

static long resident_kb(void)
{
	long pages = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static int run(struct bench *b)
{
	static const char *const kernel[] = {"the one kernel of all jobs"};
	double open_empty, open_full, check, per_s;
	long rss;
	char path[256];
	struct stat st;
	uint64_t start;
	int r = open_and_load(b, &open_empty);

	if (r < 0)
		return r;
	env_hash(kernel[0], b->kernel);
	r = env_submit(&b->env, "first", "{}", kernel, 1, true);
	if (r < 0)
		return r;
	per_s = submit_all(b);
	env_close(&b->env);
	r = open_and_load(b, &open_full);
	if (r < 0)
		return r;
	rss = resident_kb();
	snprintf(path, sizeof(path), "%s/jobs.db", b->env.dir);
	start = clock_now_ns();
	r = db_check(path, NULL, &b->env.err);
	check = ms_since(start);
	if (r < 0 || stat(path, &st) < 0)
		return r < 0 ? r : -1;
	env_close(&b->env);
	if (b->failed || b->loaded != JOBS + 1)
		return error_set(&b->env.err, -1, "bench_store",
				 "%" PRIu32 " failed, %" PRIu32 " loaded", b->failed, b->loaded);
	printf("{\"store_submit_per_s\": %.0f, \"store_open_ms_empty\": %.2f, "
	       "\"store_open_ms_10k\": %.2f, \"store_check_ms_10k\": %.2f, "
	       "\"store_db_kb_10k\": %lld, \"store_rss_kb_10k\": %ld}\n",
	       per_s, open_empty, open_full, check, (long long)st.st_size / 1024, rss);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench b;
	int r;

	if (argc > 1)
		setenv("TMPDIR", argv[1], 1);
	env_dir(&b.env);
	r = run(&b);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", b.env.err.where, b.env.err.what);
	env_remove_dir(b.env.dir);
	return r < 0;
}
