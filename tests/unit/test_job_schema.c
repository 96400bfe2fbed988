/* SPDX-License-Identifier: MIT */
/*
 * The published schema, the reader and the manual page say the same. The examples are the fuzzer's
 * seeds: good-* pass both, refused-* neither, semantic-* the schema alone, which cannot know.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "libbroker/job/job.h"
#include "libbroker/util/cleanup.h"

#define SEEDS    "tests/fuzz/corpus/job/"
#define TEXT_MAX (512u << 10)

static int read_and_parse(const char *path, struct error *err)
{
	_cleanup_free_ char *text = NULL;
	struct job *job = NULL;
	ssize_t len = io_read_file(AT_FDCWD, path, TEXT_MAX, &text);
	int r;

	cr_assert_geq(len, 0, "%s", path);
	r = job_parse(&job, text, (size_t)len, err);
	job_free(job);
	return r;
}

Test(job_schema, the_reader_knows_good_seeds_from_bad)
{
	glob_t g;

	cr_assert_eq(glob(SEEDS "*.json", 0, NULL, &g), 0);
	cr_assert_gt(g.gl_pathc, 40u);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct error err = {};
		int r = read_and_parse(g.gl_pathv[i], &err);

		if (!strncmp(g.gl_pathv[i] + strlen(SEEDS), "good-", 5))
			cr_expect_eq(r, 0, "%s: %s: %s", g.gl_pathv[i], err.where, err.what);
		else
			cr_expect_lt(r, 0, "%s", g.gl_pathv[i]);
	}
	globfree(&g);
}

Test(job_schema, the_schema_agrees)
{
	FILE *p = popen("python3 tests/unit/job_schema.py libbroker/job/job.schema.json " SEEDS
			"*.json tests/jobs/*/job.json",
			"r");
	char line[512];
	int n = 0, status;

	cr_assert(p);
	while (fgets(line, sizeof(line), p)) {
		bool refused = !strncmp(line, "refused ", 8);

		n++;
		cr_expect_eq(refused, !!strstr(line, "/refused-"), "%s", line);
	}
	status = pclose(p);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		cr_skip_test("python3-jsonschema is not installed");
	cr_assert_eq(status, 0);
	cr_expect_gt(n, 40);
}

/* The page's example is the one in the tree, line by line, so that it is known to run. */
Test(job_schema, the_manual_page_shows_the_example_as_it_is)
{
	_cleanup_free_ char *page = NULL;
	_cleanup_free_ char *example = NULL;
	char *at, *save = NULL;
	int lines = 0;

	cr_assert_gt(io_read_file(AT_FDCWD, "packaging/man/idlebroker-job.5", TEXT_MAX, &page), 0);
	cr_assert_gt(io_read_file(AT_FDCWD, "tests/jobs/vecadd/job.json", TEXT_MAX, &example), 0);
	at = strstr(page, ".Bd -literal");
	for (char *l = strtok_r(example, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save), lines++) {
		char *found = at ? strstr(at, l) : NULL;

		cr_assert(found, "the page lacks, or has elsewhere: %s", l);
		at = found + strlen(l);
	}
	cr_expect_gt(lines, 20);
}
