/* SPDX-License-Identifier: MIT */
/* The store with real SQLite and real files, through a real loop, in an empty directory each. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "tests/unit/store_env.h"

static struct env env;
static const char *const kernel[] = {"spir-v of a kernel"};
static const char *const two[] = {"spir-v of a kernel", "pictures"};

static void set_up(void)
{
	env_dir(&env);
	cr_assert_eq(env_open(&env), 0, "%s: %s", env.err.where, env.err.what);
}

static void tear_down(void)
{
	env_close(&env);
	env_remove_dir(env.dir);
}

TestSuite(store, .init = set_up, .fini = tear_down);

static uint64_t submit_one(void)
{
	cr_assert_eq(env_submit(&env, "one", "{\"a\":1}", two, 2, true), 0, "%s", env.err.what);
	return env.id;
}

static const struct store_job *look(uint64_t id)
{
	cr_assert_eq(env_list(&env, id - 1, STORE_ANY_UID, ~0u, 1), 0);
	cr_assert(env.n_jobs == 1 && env.jobs[0].id == id);
	return &env.jobs[0];
}

static unsigned int count_files(const char *sub)
{
	char command[256];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "find %s/%s -type f | wc -l", env.dir, sub);
	f = popen(command, "r");
	cr_assert(f && fscanf(f, "%d", &n) == 1);
	pclose(f);
	return (unsigned int)n;
}

Test(store, a_submission_is_kept_as_it_was_given)
{
	uint64_t id = submit_one();
	const struct store_job *j = look(id);

	cr_assert_str_eq(j->name, "one");
	cr_assert_eq(j->uid, 1000);
	cr_assert_eq(j->priority, 3);
	cr_assert_eq(j->state, STORE_QUEUED);
	cr_assert_eq(j->memory, 4096);
	cr_assert_eq(j->device_limit_ns, 77);
	cr_assert_eq(j->dispatches_total, 1000);
	cr_assert_gt(j->submitted_s, 1700000000);
	cr_assert_eq(j->started_s, 0);
	cr_assert_not(j->has_checkpoint);
	cr_assert_eq(env_reopen(&env), 0);
	cr_assert_str_eq(look(id)->name, "one");
}

Test(store, a_run_gets_json_and_blobs_in_order)
{
	uint64_t id = submit_one();

	cr_assert_eq(env_open_run(&env, id), 0);
	cr_assert_str_eq(env.run.json, "{\"a\":1}");
	cr_assert_eq(env.run.json_len, 7);
	cr_assert_eq(env.run.n_blobs, 2);
	cr_assert_str_eq(env_text(env.run.blob_fds[0]), two[0]);
	cr_assert_str_eq(env_text(env.run.blob_fds[1]), two[1]);
	cr_assert_eq(env.run.checkpoint_fd, -1);
	cr_assert_eq(fcntl(env.run.blob_fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	store_run_deinit(&env.run);
	cr_assert_eq(env_open_run(&env, id + 1), -ENOENT);
}

Test(store, blobs_are_sent_once)
{
	uint8_t hashes[2][SHA256_SIZE];
	bool missing[2];

	env_hash(two[0], hashes[0]);
	env_hash(two[1], hashes[1]);
	cr_assert_eq(env_submit(&env, "a", "{}", kernel, 1, true), 0);
	store_missing(env.store, (const uint8_t(*)[SHA256_SIZE])hashes, 2, missing);
	cr_assert(!missing[0] && missing[1]);
	cr_assert_eq(env_submit(&env, "b", "{}", kernel, 1, false), 0);
	cr_assert_eq(env_submit(&env, "c", "{}", two, 2, false), -ENOENT);
	cr_assert(strstr(env.err.what, "neither sent nor in the spool"), "%s", env.err.what);
	cr_assert_eq(count_files("blobs"), 1);
	cr_assert_eq(count_files("tmp"), 0);
}

Test(store, a_wrong_hash_names_both_and_leaves_nothing)
{
	struct store_submission sub = env_submission("x", "{}", two, 2, true);
	char want[SHA256_HEX + 1], got[SHA256_HEX + 1];

	hex_encode(got, sub.blobs[1].sha256, SHA256_SIZE);
	sub.blobs[1].sha256[0] ^= 1;
	hex_encode(want, sub.blobs[1].sha256, SHA256_SIZE);
	store_submit(env.store, &sub, env_submitted, &env);
	loop_run(env.loop);
	cr_assert_eq(env.result, -EBADMSG);
	cr_assert(strstr(env.err.what, want) && strstr(env.err.what, got), "%s", env.err.what);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 10), 0);
	cr_assert_eq(env.n_jobs, 0);
	cr_assert_eq(count_files("blobs"), 0, "the good blob of the refused job was left behind");
	cr_assert(store_healthy(env.store, NULL));
}

Test(store, a_descriptor_that_is_no_file_is_refused)
{
	struct store_submission sub = env_submission("x", "{}", kernel, 1, false);
	int pair[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	sub.blobs[0].fd = pair[0];
	store_submit(env.store, &sub, env_submitted, &env);
	loop_run(env.loop);
	cr_assert_eq(env.result, -EBADMSG);
	cr_assert_eq(fcntl(pair[0], F_GETFD), -1, "the descriptor was not closed");
	close(pair[1]);
}

Test(store, many_submissions_end_in_order_and_share_the_manifest)
{
	enum {
		N = 64
	};
	uint64_t first = 0;

	for (int i = 0; i < N; i++) {
		struct store_submission sub = env_submission("m", "{\"same\":1}", NULL, 0, false);

		store_submit(env.store, &sub, env_submitted, &env);
	}
	while (env.id < N) {
		loop_run(env.loop);
		cr_assert_eq(env.result, 0, "%s", env.err.what);
		cr_assert_gt(env.id, first);
		first = env.id;
	}
	cr_assert_eq(env.id, N);
}

Test(store, states_go_forward_only)
{
	uint64_t id = submit_one();
	struct store_update u = {.id = id,
				 .state = STORE_RUNNING,
				 .device_ns = 5,
				 .dispatches_done = 6,
				 .runs = 1,
				 .uid = 1000,
				 .day = 20000,
				 .charge_ns = 5};

	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(look(id)->state, STORE_RUNNING);
	cr_assert_gt(env.jobs[0].started_s, 0);
	cr_assert_eq(env.jobs[0].ended_s, 0);
	u.state = STORE_FAILED;
	u.reason = "a slice took 900 ms";
	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(look(id)->state, STORE_FAILED);
	cr_assert_str_eq(env.jobs[0].reason, "a slice took 900 ms");
	cr_assert_gt(env.jobs[0].ended_s, 0);
	cr_assert_eq(env.jobs[0].device_ns, 5);
	u.state = STORE_QUEUED;
	cr_assert_eq(env_put(&env, &u), -EALREADY);
	cr_assert(strstr(env.err.what, "failed"), "%s", env.err.what);
	cr_assert_eq(look(id)->state, STORE_FAILED);
	u.id = 999;
	cr_assert_eq(env_put(&env, &u), -ENOENT);
}

static int add_usage(void *data, uint32_t uid, uint64_t ns)
{
	uint64_t *sum = data;

	cr_assert_eq(uid, 1000);
	*sum += ns;
	return 0;
}

Test(store, the_ledger_adds_up_by_day_and_is_charged_after_the_end_too)
{
	uint64_t id = submit_one(), today = 0, tomorrow = 0;
	struct store_update u = {
		.id = id, .state = STORE_CANCELLED, .uid = 1000, .day = 7, .charge_ns = 10};

	cr_assert_eq(env_put(&env, &u), 0);
	u.charge_ns = 5;
	cr_assert_eq(env_put(&env, &u), -EALREADY);
	u.day = 8;
	u.charge_ns = 1;
	cr_assert_eq(env_put(&env, &u), -EALREADY);
	cr_assert_eq(env_reopen(&env), 0);
	cr_assert_eq(store_load_usage(env.store, 7, add_usage, &today), 0);
	cr_assert_eq(store_load_usage(env.store, 8, add_usage, &tomorrow), 0);
	cr_assert_eq(today, 15);
	cr_assert_eq(tomorrow, 1);
}

struct loaded {
	uint32_t n;
	struct store_job jobs[8];
};

static int load_one(void *data, const struct store_job *job)
{
	struct loaded *l = data;

	l->jobs[l->n++] = *job;
	return 0;
}

Test(store, the_start_brings_back_what_has_not_ended_and_running_as_queued)
{
	uint64_t a = submit_one(), b = submit_one(), c = submit_one();
	struct store_update u = {.id = a, .state = STORE_RUNNING, .device_ns = 9, .runs = 2};
	struct loaded l = {.n = 0};

	cr_assert_eq(env_put(&env, &u), 0);
	u = (struct store_update){.id = b, .state = STORE_CANCELLED};
	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(env_reopen(&env), 0);
	cr_assert_eq(store_load(env.store, load_one, &l, NULL), 0);
	cr_assert_eq(l.n, 2);
	cr_assert(l.jobs[0].id == a && l.jobs[1].id == c);
	cr_assert_eq(l.jobs[0].state, STORE_QUEUED);
	cr_assert_eq(l.jobs[0].device_ns, 9);
	cr_assert_eq(l.jobs[0].runs, 2);
	cr_assert_eq(look(a)->state, STORE_QUEUED);
}

Test(store, a_checkpoint_replaces_the_last_one)
{
	uint64_t id = submit_one();
	struct store_update u = {.id = id, .state = STORE_RUNNING, .dispatches_done = 10};

	cr_assert_eq(env_checkpoint(&env, &u, "at ten"), 0, "%s", env.err.what);
	u.dispatches_done = 20;
	cr_assert_eq(env_checkpoint(&env, &u, "at twenty"), 0);
	cr_assert_eq(env_reopen(&env), 0);
	cr_assert(look(id)->has_checkpoint);
	cr_assert_eq(env.jobs[0].dispatches_done, 20);
	cr_assert_eq(env_open_run(&env, id), 0);
	cr_assert_str_eq(env_text(env.run.checkpoint_fd), "at twenty");
	store_run_deinit(&env.run);
	cr_assert_eq(count_files("checkpoints"), 1);
	cr_assert_eq(count_files("tmp"), 0);
}

Test(store, an_empty_or_missing_checkpoint_keeps_the_last_one)
{
	uint64_t id = submit_one();
	struct store_update u = {.id = id, .state = STORE_RUNNING, .dispatches_done = 10};

	store_checkpoint_commit(env.store, &u, env_done, &env);
	loop_run(env.loop);
	cr_assert_eq(env.result, -ENOENT);
	cr_assert_eq(env_checkpoint(&env, &u, "good"), 0);
	u.dispatches_done = 11;
	cr_assert_eq(env_checkpoint(&env, &u, ""), -ENODATA);
	cr_assert_eq(look(id)->dispatches_done, 10);
	cr_assert_eq(env_open_run(&env, id), 0);
	cr_assert_str_eq(env_text(env.run.checkpoint_fd), "good");
	store_run_deinit(&env.run);
}

Test(store, the_next_checkpoint_may_be_asked_for_while_one_is_committed)
{
	uint64_t id = submit_one();
	struct store_update u = {.id = id, .state = STORE_RUNNING};
	int first = store_checkpoint_file(env.store, id), second;

	cr_assert_eq(io_write_all(first, "first", 5), 0);
	store_checkpoint_commit(env.store, &u, env_done, &env);
	second = store_checkpoint_file(env.store, id);
	cr_assert_geq(second, 0);
	cr_assert_eq(io_write_all(second, "sec", 3), 0);
	loop_run(env.loop);
	cr_assert_eq(env.result, 0);
	cr_assert_eq(env_open_run(&env, id), 0);
	cr_assert_str_eq(env_text(env.run.checkpoint_fd), "first");
	store_run_deinit(&env.run);
	store_checkpoint_commit(env.store, &u, env_done, &env);
	loop_run(env.loop);
	cr_assert_eq(env_open_run(&env, id), 0);
	cr_assert_str_eq(env_text(env.run.checkpoint_fd), "sec");
	store_run_deinit(&env.run);
	close(first);
	close(second);
}

Test(store, the_end_keeps_outputs_and_deletes_the_checkpoint)
{
	static const char *const out[] = {"wwww", "0.31"};
	uint64_t id = submit_one();
	struct store_update u = {.id = id, .state = STORE_RUNNING};
	int fd;

	cr_assert_eq(env_checkpoint(&env, &u, "half"), 0);
	cr_assert_eq(env_finish(&env, id, out, 2), 0, "%s", env.err.what);
	cr_assert_eq(look(id)->state, STORE_DONE);
	cr_assert_not(env.jobs[0].has_checkpoint);
	cr_assert_eq(env_reopen(&env), 0);
	cr_assert_eq(env_outputs(&env, id), 0);
	cr_assert_eq(env.n_outputs, 2);
	cr_assert_str_eq(env.outputs[0].name, "weights");
	cr_assert_eq(env.outputs[1].size, 4);
	fd = store_open_blob(env.store, env.outputs[1].sha256);
	cr_assert_geq(fd, 0);
	cr_assert_str_eq(env_text(fd), "0.31");
	close(fd);
	cr_assert_eq(count_files("checkpoints"), 0);
	cr_assert_eq(count_files("tmp"), 0);
	cr_assert_eq(env_outputs(&env, id + 9), -ENOENT);
}

Test(store, an_end_without_a_written_output_changes_nothing_and_can_be_repeated)
{
	static const char *const names[] = {"a", "b"}, *const out[] = {"one", "two"};
	uint64_t id = submit_one();
	struct store_update u = {.id = id, .state = STORE_RUNNING};

	cr_assert_eq(env_checkpoint(&env, &u, "half"), 0);
	close(store_output_file(env.store, id, 0));
	store_finish(env.store, &u, 2, names, env_done, &env);
	loop_run(env.loop);
	cr_assert_eq(env.result, -ENOENT);
	cr_assert_eq(look(id)->state, STORE_RUNNING);
	cr_assert(env.jobs[0].has_checkpoint);
	cr_assert_eq(count_files("blobs"), 2);
	cr_assert_eq(env_finish(&env, id, out, 2), 0);
	cr_assert_eq(env_finish(&env, id, NULL, 0), -EALREADY);
	cr_assert_eq(env_outputs(&env, id), 0);
	cr_assert_eq(env.n_outputs, 2);
}

Test(store, a_worker_that_writes_on_cannot_change_an_output)
{
	static const char *const names[] = {"a"};
	uint64_t id = submit_one();
	struct store_update u = {.id = id};
	int held = store_output_file(env.store, id, 0), fd;

	cr_assert_eq(io_write_all(held, "honest", 6), 0);
	store_finish(env.store, &u, 1, names, env_done, &env);
	loop_run(env.loop);
	cr_assert_eq(env.result, 0);
	cr_assert_eq(pwrite(held, "FORGED", 6, 0), 6);
	cr_assert_eq(env_outputs(&env, id), 0);
	fd = store_open_blob(env.store, env.outputs[0].sha256);
	cr_assert_str_eq(env_text(fd), "honest");
	close(fd);
	close(held);
}

Test(store, lists_go_page_by_page_with_filters)
{
	struct store_update u = {.state = STORE_CANCELLED};
	uint64_t ids[6];

	for (int i = 0; i < 6; i++) {
		struct store_submission sub = env_submission("p", "{}", NULL, 0, false);

		sub.job.uid = i % 2 ? 2000 : 1000;
		store_submit(env.store, &sub, env_submitted, &env);
		loop_run(env.loop);
		ids[i] = env.id;
	}
	u.id = ids[2];
	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 4), 0);
	cr_assert(env.n_jobs == 4 && env.jobs[0].id == ids[0] && env.jobs[3].id == ids[3]);
	cr_assert_eq(env_list(&env, ids[3], STORE_ANY_UID, ~0u, 4), 0);
	cr_assert(env.n_jobs == 2 && env.jobs[1].id == ids[5]);
	cr_assert_eq(env_list(&env, 0, 2000, ~0u, 10), 0);
	cr_assert(env.n_jobs == 3 && env.jobs[0].id == ids[1]);
	cr_assert_eq(env_list(&env, 0, 1000, 1u << STORE_QUEUED, 10), 0);
	cr_assert(env.n_jobs == 2 && env.jobs[1].id == ids[4]);
	cr_assert_eq(env_list(&env, 0, 1000, 1u << STORE_CANCELLED, 10), 0);
	cr_assert(env.n_jobs == 1 && env.jobs[0].id == ids[2]);
	cr_assert_eq(env_list(&env, UINT64_MAX, STORE_ANY_UID, ~0u, 10), 0);
	cr_assert_eq(env.n_jobs, 0);
}

Test(store, a_log_keeps_its_last_lines)
{
	uint64_t id = submit_one();
	char line[700];

	for (int i = 0; i < 210; i++) {
		snprintf(line, sizeof(line), "line %d", i);
		store_log(env.store, id, line);
	}
	cr_assert_eq(env_read_log(&env, id), 0);
	cr_assert_eq(strncmp(env.log, "line 10\nline 11\n", 16), 0, "%.20s", env.log);
	cr_assert(strstr(env.log, "line 209\n"));
	/* a line too long is cut before the character that does not fit whole */
	memset(line, 'x', sizeof(line));
	memcpy(line + 511, "\xc3\xa4", 2);
	line[699] = '\0';
	store_log(env.store, id, line);
	store_log(env.store, 12345, "of no job");
	cr_assert_eq(env_read_log(&env, id), 0);
	cr_assert_eq(strlen(strrchr(env.log, ' ')), strlen(" 209\n") + 511 + 1);
	cr_assert_eq(env_read_log(&env, 12345), -ENOENT);
}

Test(store, trimming_removes_the_oldest_ends_and_what_only_they_had)
{
	static const char *const out[] = {"result one"}, *const out2[] = {"result two"};
	uint64_t a = submit_one(), b, c;
	struct store_update u = {.state = STORE_CANCELLED};

	cr_assert_eq(env_finish(&env, a, out, 1), 0);
	cr_assert_eq(env_submit(&env, "b", "{\"b\":2}", kernel, 1, false), 0);
	b = env.id;
	cr_assert_eq(env_finish(&env, b, out2, 1), 0);
	cr_assert_eq(env_submit(&env, "c", "{\"c\":3}", kernel, 1, false), 0);
	c = env.id;
	cr_assert_eq(count_files("blobs"), 4);
	cr_assert_eq(env_trim(&env, 5), 0);
	cr_assert_eq(count_files("blobs"), 4);
	cr_assert_eq(env_trim(&env, 1), 0);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 9), 0);
	cr_assert(env.n_jobs == 2 && env.jobs[0].id == b && env.jobs[1].id == c);
	cr_assert_eq(count_files("blobs"), 2, "kernel and the result of b stay");
	cr_assert_eq(env_open_run(&env, c), 0);
	store_run_deinit(&env.run);
	u.id = c;
	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(env_trim(&env, 0), 0);
	cr_assert_eq(count_files("blobs"), 0);
	/* Ids are never used twice, even when no row is left. */
	cr_assert_gt(submit_one(), c);
}

Test(store, trimming_many_goes_on_until_all_are_gone)
{
	for (int i = 0; i < 100; i++) {
		struct store_submission sub = env_submission("t", "{}", NULL, 0, false);
		struct store_update u = {.state = STORE_CANCELLED};

		store_submit(env.store, &sub, env_submitted, &env);
		loop_run(env.loop);
		u.id = env.id;
		cr_assert_eq(env_put(&env, &u), 0);
	}
	cr_assert_eq(env_trim(&env, 3), 0);
	cr_assert_eq(env_list(&env, 0, STORE_ANY_UID, ~0u, 60), 0);
	cr_assert(env.n_jobs == 3 && env.jobs[2].id == 100);
}

static void count_end(void *data, int result, const struct error *err)
{
	cr_assert_eq(result, 0, "%s", err->what);
	++*(int *)data;
}

Test(store, a_blob_on_its_way_survives_the_trimming_of_its_last_job)
{
	for (int by_hash = 0; by_hash < 2; by_hash++) {
		struct store_update u = {.state = STORE_CANCELLED};
		struct store_submission sub;
		int trimmed = 0;

		cr_assert_eq(env_submit(&env, "old", "{}", kernel, 1, true), 0);
		u.id = env.id;
		cr_assert_eq(env_put(&env, &u), 0);
		sub = env_submission("new", "{}", kernel, 1, !by_hash);
		store_trim(env.store, 0, count_end, &trimmed);
		store_submit(env.store, &sub, env_submitted, &env);
		loop_run(env.loop);
		cr_assert(env.result == 0 && trimmed == 1, "%s", env.err.what);
		cr_assert_eq(env_open_run(&env, env.id), 0, "%s", env.err.what);
		cr_assert_str_eq(env_text(env.run.blob_fds[0]), kernel[0]);
		store_run_deinit(&env.run);
	}
}

Test(store, a_large_blob_does_not_delay_the_database)
{
	const size_t size = 64 << 20;
	uint64_t id = submit_one();
	struct store_submission sub = env_submission("large", "{}", kernel, 1, false);
	struct store_update u = {.id = id, .state = STORE_RUNNING};

	sub.blobs[0].fd = io_memfd("large", NULL, size);
	cr_assert_eq(sha256_fd(sub.blobs[0].fd, sub.blobs[0].sha256), 0);
	env.id = 0;
	store_submit(env.store, &sub, env_submitted, &env);
	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(env.id, 0, "the row waited for the blob");
	loop_run(env.loop);
	cr_assert(env.result == 0 && env.id > id, "%s", env.err.what);
}

Test(store, the_spool_has_a_limit)
{
	struct store *small;
	char dir[sizeof(env.dir) + 8];
	static const char *const big[] = {"0123456789012345678901234567890123456789"};
	struct store_update u = {.state = STORE_CANCELLED};
	struct store *first = env.store;

	snprintf(dir, sizeof(dir), "%s/small", env.dir);
	cr_assert_eq(store_open(&small, env.loop, dir, 50, NULL), 0);
	env.store = small;
	cr_assert_eq(env_submit(&env, "fits", "{}", big, 1, true), 0, "%s", env.err.what);
	u.id = env.id;
	cr_assert_eq(env_submit(&env, "fits too", "{}", big, 1, true), 0);
	cr_assert_eq(env_submit(&env, "not", "{\"0123456789\":1}", big, 1, true), -EDQUOT);
	cr_assert(strstr(env.err.what, "max_spool_bytes"), "%s", env.err.what);
	cr_assert_eq(env_submit(&env, "nor", "{}", kernel, 1, true), -EDQUOT);
	cr_assert(store_healthy(small, NULL), "a limit is no failure of the disk");
	/* What is deleted makes room. */
	cr_assert_eq(env_put(&env, &u), 0);
	u.id++;
	cr_assert_eq(env_put(&env, &u), 0);
	cr_assert_eq(env_trim(&env, 0), 0);
	cr_assert_eq(env_submit(&env, "fits again", "{\"0123456789\":1}", kernel, 1, true), 0);
	store_close(small);
	env.store = first;
}

Test(store, closing_commits_what_is_queued)
{
	struct store_submission sub = env_submission("last", "{\"l\":1}", two, 2, true);

	env.result = -1;
	store_submit(env.store, &sub, env_submitted, &env);
	env_close(&env);
	cr_assert_eq(env.result, 0);
	cr_assert_eq(env_open(&env), 0);
	cr_assert_str_eq(look(env.id)->name, "last");
}

static void make_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", env.dir, name);
	f = fopen(path, "w");
	cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
}

Test(store, the_next_start_removes_what_nobody_refers_to)
{
	uint64_t id = submit_one();
	struct store_update u = {.id = id, .state = STORE_RUNNING};
	char path[256];

	cr_assert_eq(env_checkpoint(&env, &u, "kept"), 0);
	env_close(&env);
	make_file("tmp/00000000-b1.0", "half");
	make_file("checkpoints/99", "of no job");
	snprintf(path, sizeof(path), "%s/blobs/ab", env.dir);
	mkdir(path, 0700);
	make_file("blobs/ab/abababababababababababababababababababababababababababababababab", "x");
	cr_assert_eq(env_open(&env), 0);
	for (int i = 0; i < 200 && (count_files("blobs") > 2 || count_files("tmp")); i++)
		env_list(&env, 0, STORE_ANY_UID, ~0u, 1);
	cr_assert_eq(count_files("blobs"), 2);
	cr_assert_eq(count_files("tmp"), 0);
	cr_assert_eq(count_files("checkpoints"), 1);
}

Test(store, a_second_one_is_refused_and_told_the_pid)
{
	struct store *second;
	struct error err;
	char pid[16];

	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	cr_assert_eq(store_open(&second, env.loop, env.dir, ENV_SPOOL_MAX, &err), -EBUSY);
	cr_assert(strstr(err.what, pid), "%s", err.what);
	cr_assert_str_eq(err.where, env.dir);
}

Test(store, nothing_is_readable_to_others)
{
	static const char *const names[] = {"jobs.db", "jobs.db-wal", "lock",
					    "blobs",   "checkpoints", "tmp"};

	submit_one();
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[256];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", env.dir, names[i]);
		cr_assert_eq(stat(path, &st), 0, "%s", path);
		cr_assert_eq(st.st_mode & 077, 0, "%s", path);
	}
}

Test(store, states_have_names)
{
	cr_assert_str_eq(store_state_name(STORE_QUEUED), "queued");
	cr_assert_str_eq(store_state_name(STORE_CANCELLED), "cancelled");
	cr_assert_str_eq(store_state_name((enum store_state)77), "unknown");
}
