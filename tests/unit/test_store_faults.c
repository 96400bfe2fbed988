/* SPDX-License-Identifier: MIT */
/*
 * The store when things go wrong: killed at any moment, a damaged database, a full disk, a
 * read-only directory. What was acknowledged must be there, what is there must be whole.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/store_env.h"

#define ROUNDS 30
#define LANES  4 /* jobs on their way at a time */
#define BULK   40000

static struct env env;

static void set_up(void)
{
	env_dir(&env);
}

static void tear_down(void)
{
	if (env.store)
		env_close(&env);
	umount2(env.dir, MNT_DETACH);
	env_remove_dir(env.dir);
}

TestSuite(store_faults, .init = set_up, .fini = tear_down, .timeout = 120);

/* Every content follows from the job's name, so that it can be checked without notes. */
static char *content(const char *kind, const char *name, uint64_t n, size_t size)
{
	char *text = calloc(1, size + 1);
	size_t len = 0;

	while (len < size)
		len += (size_t)snprintf(text + len, size + 1 - len, "%s of %s at %llu\n", kind,
					name, (unsigned long long)n);
	return text;
}

enum stage {
	SUBMITTED = 1,
	CHECKPOINTED,
	FINISHED
};

struct ack {
	uint32_t stage;
	uint32_t n; /* of the checkpoint */
	uint64_t id;
};

struct walker { /* one job's way, in the process that is killed */
	int acks;
	uint32_t lane, serial, step;
	uint64_t id;
	char name[32];
};

static unsigned int round_number;

static void walk_on(struct walker *w);

static void walk_ack(struct walker *w, enum stage stage, uint32_t n)
{
	struct ack ack = {.stage = stage, .n = n, .id = w->id};

	if (write(w->acks, &ack, sizeof(ack)) != sizeof(ack))
		_exit(3);
}

static void walk_submitted(void *data, int result, uint64_t id, const struct error *err)
{
	struct walker *w = data;

	if (result < 0)
		_exit(4);
	w->id = id;
	walk_ack(w, SUBMITTED, 0);
	walk_on(w);
}

static void walk_done(void *data, int result, const struct error *err)
{
	struct walker *w = data;

	if (result < 0)
		_exit(5);
	walk_ack(w, w->step == 4 ? FINISHED : CHECKPOINTED, w->step - 1);
	walk_on(w);
}

static void walk_submit(struct walker *w)
{
	char *blob;

	snprintf(w->name, sizeof(w->name), "r%u-l%u-s%u", round_number, w->lane, ++w->serial);
	blob = content("blob", w->name, 0, BULK);
	{
		const char *const blobs[] = {"shared by all", blob};
		struct store_submission sub = env_submission(w->name, w->name, blobs, 2, true);

		store_submit(env.store, &sub, walk_submitted, w);
	}
	free(blob);
}

static void walk_write(int fd, char *text)
{
	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		_exit(6);
	close(fd);
	free(text);
}

/* submit, three checkpoints, the end, and again */
static void walk_on(struct walker *w)
{
	static const char *const names[] = {"weights"};
	struct store_update u = {
		.id = w->id, .state = STORE_RUNNING, .uid = 1000, .day = 1, .charge_ns = 1};

	if (w->step == 4)
		w->step = 0;
	w->step++;
	u.dispatches_done = w->step - 1;
	if (w->step == 1) {
		walk_submit(w);
	} else if (w->step < 4) {
		walk_write(store_checkpoint_file(env.store, w->id),
			   content("checkpoint", w->name, w->step - 1, BULK));
		store_checkpoint_commit(env.store, &u, walk_done, w);
	} else {
		walk_write(store_output_file(env.store, w->id, 0),
			   content("output", w->name, 0, BULK));
		store_finish(env.store, &u, 1, names, walk_done, w);
	}
}

static void run_until_killed(int acks)
{
	struct walker w[LANES] = {0};

	if (env_open(&env) < 0)
		_exit(2);
	for (uint32_t i = 0; i < LANES; i++) {
		w[i].acks = acks;
		w[i].lane = i;
		walk_on(&w[i]);
	}
	loop_run(env.loop);
	_exit(7);
}

static char *read_all(int fd)
{
	char *text = calloc(1, 2 * BULK);

	for (size_t len = 0;;) {
		ssize_t n = pread(fd, text + len, 2 * BULK - 1 - len, (off_t)len);

		if (n <= 0)
			return text;
		len += (size_t)n;
	}
}

static void check_content(int fd, const char *kind, const char *name, uint64_t n)
{
	char *want = content(kind, name, n, BULK), *got = read_all(fd);

	cr_assert_str_eq(got, want, "%s of %s is not whole", kind, name);
	free(want);
	free(got);
}

static uint32_t checkpoint_number(int fd, const char *name)
{
	char line[128], *got = read_all(fd);
	unsigned int n = 0;

	snprintf(line, sizeof(line), "checkpoint of %s at %%u\n", name);
	cr_assert_eq(sscanf(got, line, &n), 1, "checkpoint of %s: %.40s", name, got);
	free(got);
	check_content(fd, "checkpoint", name, n);
	return n;
}

/* Whatever has a row must be whole, acknowledged or not. Returns the checkpoint's number. */
static uint32_t check_job(const struct store_job *j)
{
	uint32_t n = 0;

	cr_assert_eq(env_open_run(&env, j->id), 0, "%s", env.err.what);
	cr_assert_str_eq(env.run.json, j->name);
	cr_assert_eq(env.run.n_blobs, 2);
	check_content(env.run.blob_fds[1], "blob", j->name, 0);
	cr_assert_eq(env.run.checkpoint_fd >= 0, j->has_checkpoint);
	if (j->has_checkpoint)
		n = checkpoint_number(env.run.checkpoint_fd, j->name);
	store_run_deinit(&env.run);
	cr_assert_eq(env_outputs(&env, j->id), 0);
	cr_assert_eq(env.n_outputs, j->state == STORE_DONE ? 1 : 0);
	if (j->state == STORE_DONE) {
		int fd = store_open_blob(env.store, env.outputs[0].sha256);

		check_content(fd, "output", j->name, 0);
		close(fd);
	}
	return n;
}

static unsigned int check_acks(const struct ack *acks, unsigned int n_acks, uint64_t *last)
{
	unsigned int jobs = 0;

	for (unsigned int i = 0; i < n_acks; i++) {
		struct store_job j;
		uint32_t n;

		cr_assert_eq(env_list(&env, acks[i].id - 1, STORE_ANY_UID, ~0u, 1), 0);
		cr_assert(env.n_jobs == 1 && env.jobs[0].id == acks[i].id,
			  "acknowledged job %llu is lost", (unsigned long long)acks[i].id);
		j = env.jobs[0];
		n = check_job(&j);
		if (acks[i].stage == FINISHED)
			cr_assert_eq(j.state, STORE_DONE, "an acknowledged end is lost");
		if (acks[i].stage == CHECKPOINTED && j.state != STORE_DONE)
			cr_assert_geq(n, acks[i].n, "an acknowledged checkpoint is lost");
		jobs += acks[i].stage == SUBMITTED;
	}
	while (!env_list(&env, *last, STORE_ANY_UID, ~0u, 1) && env.n_jobs) {
		struct store_job j = env.jobs[0];

		check_job(&j);
		*last = j.id;
	}
	return jobs;
}

/* Kills the child after a random number of acknowledgements and a random bit of time. */
static unsigned int one_kill(struct ack *acks, unsigned int max)
{
	unsigned int n = 0, until = 1 + (unsigned int)rand() % (max / 2);
	int pipefd[2], status;
	pid_t pid;

	cr_assert_eq(pipe(pipefd), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (!pid) {
		close(pipefd[0]);
		run_until_killed(pipefd[1]);
	}
	close(pipefd[1]);
	while (n < until && read(pipefd[0], &acks[n], sizeof(*acks)) == sizeof(*acks))
		n++;
	for (uint64_t end = clock_now_ns() + (uint64_t)(rand() % 3000) * 1000;
	     clock_now_ns() < end;)
		sched_yield();
	kill(pid, SIGKILL);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status), "the child ended by itself: %d", WEXITSTATUS(status));
	while (n < max && read(pipefd[0], &acks[n], sizeof(*acks)) == sizeof(*acks))
		n++;
	close(pipefd[0]);
	return n;
}

Test(store_faults, killed_anywhere_it_keeps_what_it_acknowledged)
{
	static struct ack acks[4096];
	unsigned int jobs = 0;
	uint64_t last = 0;

	srand((unsigned int)getpid());
	for (round_number = 0; round_number < ROUNDS; round_number++) {
		unsigned int n = one_kill(acks, 40);

		cr_assert_eq(env_open(&env), 0, "%s: %s", env.err.where, env.err.what);
		jobs += check_acks(acks, n, &last);
		env_close(&env);
	}
	cr_assert_gt(jobs, ROUNDS / 2);
}

/* A database with @n jobs, each with a json of @size bytes. */
static void fill(int n, size_t size)
{
	static const char *const blob[] = {"a kernel"};

	cr_assert_eq(env_open(&env), 0, "%s", env.err.what);
	for (int i = 0; i < n; i++) {
		char name[32], *json;

		snprintf(name, sizeof(name), "job-%d", i);
		json = content("json", name, 0, size);
		cr_assert_eq(env_submit(&env, name, json, blob, 1, true), 0);
		free(json);
	}
	env_close(&env);
}

static void overwrite(off_t at, size_t len)
{
	char path[256];
	char *garbage = malloc(len);
	int fd;

	memset(garbage, 0xa5, len);
	snprintf(path, sizeof(path), "%s/jobs.db", env.dir);
	fd = open(path, O_RDWR);
	if (at < 0)
		at = lseek(fd, 0, SEEK_END) / 2 / 4096 * 4096;
	cr_assert_eq(pwrite(fd, garbage, len, at), (ssize_t)len);
	close(fd);
	free(garbage);
}

static void cut(off_t size)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/jobs.db", env.dir);
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(truncate(path, size < 0 ? st.st_size / 2 : size), 0);
}

static void hash_of_database(uint8_t sha256[SHA256_SIZE])
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/jobs.db", env.dir);
	fd = open(path, O_RDONLY);
	memset(sha256, 0, SHA256_SIZE);
	if (fd >= 0)
		cr_assert_eq(sha256_fd(fd, sha256), 0);
	close(fd);
}

static void expect_damage(const char *how)
{
	uint8_t before[SHA256_SIZE], after[SHA256_SIZE], blob[SHA256_SIZE];
	char path[256], hex[SHA256_HEX + 1];

	hash_of_database(before);
	cr_assert_eq(env_open(&env), -EUCLEAN, "%s: %s", how, env.err.what);
	cr_assert(strstr(env.err.where, "jobs.db"), "%s: %s", how, env.err.where);
	cr_assert(strstr(env.err.what, "damaged") && strstr(env.err.what, "restore"), "%s: %s", how,
		  env.err.what);
	cr_assert(strstr(env.err.what, "begin anew") && !strchr(env.err.what, '\n'), "%s: %s", how,
		  env.err.what);
	hash_of_database(after);
	cr_assert(!memcmp(before, after, sizeof(before)), "%s: the file was changed", how);
	env_hash("a kernel", blob);
	hex_encode(hex, blob, SHA256_SIZE);
	snprintf(path, sizeof(path), "%s/blobs/%.2s/%s", env.dir, hex, hex);
	cr_assert_eq(access(path, R_OK), 0, "%s: the blob is gone", how);
}

Test(store_faults, a_header_of_garbage_is_damage)
{
	fill(50, 1000);
	overwrite(0, 512);
	expect_damage("header");
}

Test(store_faults, garbage_in_the_middle_is_damage)
{
	fill(200, 1000);
	overwrite(-1, 8 * 4096);
	expect_damage("middle");
}

Test(store_faults, a_cut_or_missing_database_is_damage)
{
	char path[256];

	fill(50, 1000);
	cut(-1);
	expect_damage("half");
	cut(0);
	expect_damage("empty");
	snprintf(path, sizeof(path), "%s/jobs.db", env.dir);
	cr_assert_eq(unlink(path), 0);
	expect_damage("missing");
}

Test(store_faults, damage_in_a_large_database_is_found_after_the_start)
{
	static const char *const blob[] = {"other"}, *const blob2[] = {"third"};
	struct error why;

	fill(250, 30000);
	overwrite(-1, 32 * 4096);
	cr_assert_eq(env_open(&env), 0, "%s", env.err.what);
	/* The file thread works in order: when this ends, the check has ended. */
	env_submit(&env, "late", "{}", blob, 1, true);
	cr_assert_not(store_healthy(env.store, &why));
	cr_assert(strstr(why.what, "damaged"), "%s", why.what);
	/* Nothing is written any more, and no later success makes it sound again. */
	cr_assert_eq(env_submit(&env, "later", "{}", NULL, 0, false), -EUCLEAN);
	cr_assert_eq(env_submit(&env, "latest", "{}", blob2, 1, true), -EUCLEAN);
	cr_assert(strstr(env.err.what, "damaged"), "%s", env.err.what);
	cr_assert_not(store_healthy(env.store, NULL));
}

Test(store_faults, a_lock_of_another_program_fails_writes_and_not_reads)
{
	char path[256];
	sqlite3 *other;

	fill(2, 100);
	snprintf(path, sizeof(path), "%s/jobs.db", env.dir);
	cr_assert_eq(env_open(&env), 0);
	cr_assert_eq(sqlite3_open(path, &other), SQLITE_OK);
	cr_assert_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	cr_assert_eq(env_submit(&env, "third", "{}", NULL, 0, false), -EAGAIN);
	cr_assert(strstr(env.err.what, "another program"), "%s", env.err.what);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 9), 0);
	cr_assert_eq(env.n_jobs, 2);
	cr_assert(store_healthy(env.store, NULL));
	sqlite3_close(other);
	cr_assert_eq(env_submit(&env, "third", "{}", NULL, 0, false), 0);
}

Test(store_faults, a_newer_schema_is_refused)
{
	fill(1, 10);
	overwrite(61, 1); /* user_version: a large number */
	cr_assert_eq(env_open(&env), -ENOTSUP, "%s", env.err.what);
	cr_assert(strstr(env.err.what, "newer version"), "%s", env.err.what);
	overwrite(60, 1); /* a negative one */
	cr_assert_eq(env_open(&env), -ENOTSUP, "%s", env.err.what);
	cr_assert(strstr(env.err.what, "newer version"), "%s", env.err.what);
}

static void mount_tmpfs(const char *size)
{
	if (unshare(CLONE_NEWNS) < 0)
		cr_skip_test("mounting needs root");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("none", env.dir, "tmpfs", 0, size), 0);
}

/* Takes all that is left, to the last page. */
static void fill_disk(const char *path)
{
	static char page[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	cr_assert_geq(fd, 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
	cr_assert_eq(errno, ENOSPC);
	close(fd);
}

Test(store_faults, a_full_disk_refuses_new_work_and_keeps_the_old)
{
	static const char *const a[] = {"first"}, *const out[] = {"the result"};
	struct store_update u = {.state = STORE_RUNNING, .dispatches_done = 5};
	char path[256], *big = content("blob", "big", 0, 300000);
	const char *const b[] = {big};
	struct error why;
	uint64_t id;
	int r;

	mount_tmpfs("size=1536k");
	snprintf(path, sizeof(path), "%s/filler", env.dir);
	cr_assert_eq(env_open(&env), 0, "%s", env.err.what);
	cr_assert_eq(env_submit(&env, "a", "{}", a, 1, true), 0);
	id = u.id = env.id;
	cr_assert_eq(env_checkpoint(&env, &u, "good"), 0);
	fill_disk(path);
	cr_assert_eq(env_submit(&env, "b", "{}", b, 1, true), -ENOSPC);
	cr_assert(strstr(env.err.where, env.dir) && strstr(env.err.what, "full"), "%s",
		  env.err.what);
	cr_assert_not(store_healthy(env.store, &why));
	cr_assert(strstr(why.what, "free some space"), "%s", why.what);
	/* Until the log of the database is full, small rows may still fit. */
	for (r = 0; !r;) {
		char *json = content("json", "c", env.id, 60000);

		r = env_submit(&env, "c", json, NULL, 0, false);
		free(json);
	}
	cr_assert_eq(r, -ENOSPC, "%s", env.err.what);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 1), 0);
	cr_assert(env.n_jobs == 1 && env.jobs[0].has_checkpoint);
	cr_assert_eq(env_open_run(&env, id), 0);
	cr_assert_str_eq(env_text(env.run.checkpoint_fd), "good");
	store_run_deinit(&env.run);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(env_submit(&env, "b", "{}", b, 1, true), 0, "%s", env.err.what);
	cr_assert(store_healthy(env.store, NULL));
	cr_assert_eq(env_finish(&env, id, out, 1), 0);
	free(big);
}

Test(store_faults, a_start_on_a_full_disk_works_or_says_why)
{
	char path[256];
	int r;

	mount_tmpfs("size=1536k");
	fill(20, 1000);
	snprintf(path, sizeof(path), "%s/filler", env.dir);
	fill_disk(path);
	r = env_open(&env);
	cr_assert(r == 0 || r == -ENOSPC, "%d: %s", r, env.err.what);
	if (r == 0)
		env_close(&env);
	else
		cr_assert(strstr(env.err.what, "free some space"), "%s", env.err.what);
	cr_assert_eq(unlink(path), 0);
	cr_assert_eq(env_open(&env), 0, "%s", env.err.what);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 50), 0);
	cr_assert_eq(env.n_jobs, 20);
}

Test(store_faults, a_file_too_large_fails_alone)
{
	char *big = content("blob", "big", 0, 1 << 20);
	const char *const blobs[] = {big}, *const small[] = {"small"};
	struct rlimit limit = {.rlim_cur = 512 << 10, .rlim_max = RLIM_INFINITY};
	struct store_submission sub;

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(env_open(&env), 0);
	sub = env_submission("big", "{}", blobs, 1, true);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	store_submit(env.store, &sub, env_submitted, &env);
	loop_run(env.loop);
	cr_assert_eq(env.result, -EFBIG, "%s", env.err.what);
	cr_assert(strstr(env.err.what, "ulimit -f"), "%s", env.err.what);
	cr_assert_eq(env_submit(&env, "small", "{}", small, 1, true), 0, "%s", env.err.what);
	cr_assert(store_healthy(env.store, NULL));
	free(big);
}

Test(store_faults, a_read_only_directory_is_said_plainly)
{
	fill(3, 100);
	if (unshare(CLONE_NEWNS) < 0)
		cr_skip_test("mounting needs root");
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount(env.dir, env.dir, NULL, MS_BIND, NULL), 0);
	cr_assert_eq(mount(NULL, env.dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
	cr_assert_eq(env_open(&env), -EROFS);
	cr_assert(strstr(env.err.what, "read-only") && strstr(env.err.what, "state_dir"), "%s",
		  env.err.what);
	cr_assert_eq(umount2(env.dir, 0), 0);
	cr_assert_eq(env_open(&env), 0);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 9), 0);
	cr_assert_eq(env.n_jobs, 3);
}

Test(store_faults, a_database_of_another_program_is_left_alone)
{
	char path[256];
	FILE *f;

	fill(1, 10);
	snprintf(path, sizeof(path), "%s/jobs.db", env.dir);
	f = fopen(path, "w");
	cr_assert(f && fputs("these are notes, no database\n", f) >= 0 && !fclose(f));
	expect_damage("notes");
}
