/* SPDX-License-Identifier: MIT */
/*
 * The cursor against a plain model: random programs are written as JSON and, beside it, walked by
 * a recursive nest of loops that keeps the list of all dispatches with their counters.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/job/program.h"
#include "libbroker/util/cleanup.h"

#define WALK_MAX 20000

struct model_step {
	uint64_t count; /* 0: a dispatch */
	int id; /* dispatch: the value of its second push constant */
	int n;
	struct model_step *body[4];
};

struct record {
	int id;
	uint32_t sum; /* of the counters, each with a weight of its own */
};

struct walk {
	int n;
	struct record at[WALK_MAX];
};

static unsigned int seed;

static int pick(int n)
{
	return (int)((unsigned int)rand_r(&seed) % (unsigned int)n);
}

static struct model_step *model_new(int depth, int *next_id)
{
	struct model_step *s = calloc(1, sizeof(*s));

	if (depth == JOB_LOOP_DEPTH || pick(2)) {
		s->id = (*next_id)++;
		return s;
	}
	s->count = (uint64_t)pick(3) + 1;
	s->n = pick(3) + 1;
	for (int i = 0; i < s->n; i++)
		s->body[i] = model_new(depth + 1, next_id);
	return s;
}

static void model_free(struct model_step *s)
{
	for (int i = 0; i < s->n; i++)
		model_free(s->body[i]);
	free(s);
}

static void model_print(const struct model_step *s, int depth, FILE *f)
{
	if (!s->count) {
		fprintf(f, "{\"dispatch\":\"k\",\"groups\":[2,3,4],\"push\":[\"0");
		for (int d = 0; d < depth; d++)
			fprintf(f, "+%d*c%d", 1 << (2 * d), d);
		fprintf(f, "\",%d]}", s->id);
		return;
	}
	fprintf(f, "{\"loop\":\"c%d\",\"count\":%d,\"body\":[", depth, (int)s->count);
	for (int i = 0; i < s->n; i++) {
		fputs(i ? "," : "", f);
		model_print(s->body[i], depth + 1, f);
	}
	fputs("]}", f);
}

static void model_walk(const struct model_step *s, int depth, uint32_t sum, struct walk *w)
{
	if (!s->count) {
		cr_assert_lt(w->n, WALK_MAX);
		w->at[w->n++] = (struct record){.id = s->id, .sum = sum};
		return;
	}
	for (uint64_t c = 0; c < s->count; c++)
		for (int i = 0; i < s->n; i++)
			model_walk(s->body[i], depth + 1, sum + ((uint32_t)c << (2 * depth)), w);
}

static struct job *parse(const char *program)
{
	_cleanup_free_ char *text = NULL;
	struct error err = {};
	struct job *j = NULL;

	cr_assert(asprintf(&text,
			   "{\"version\":1,\"kind\":\"vulkan\",\"name\":\"t\",\"buffers\":"
			   "{\"b\":{\"size\":4,\"use\":\"output\"}},\"kernels\":{\"k\":{\"spirv\":"
			   "\"k.spv\",\"bindings\":{\"0\":\"b\"},\"push\":[\"u32\",\"u32\"]},"
			   "\"f\":{\"spirv\":\"k.spv\",\"bindings\":{\"0\":\"b\"},\"push\":"
			   "[\"f32\",\"i32\"]}},\"program\":%s,\"outputs\":[\"b\"]}",
			   program) > 0);
	cr_assert_eq(job_parse(&j, text, strlen(text), &err), 0, "%s: %s: %s", program, err.where,
		     err.what);
	return j;
}

static struct job *random_job(struct walk *w)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	int n = pick(3) + 1, id = 0;

	w->n = 0;
	for (int i = 0; i < n; i++) {
		struct model_step *s = model_new(0, &id);

		fputs(i ? "," : "[", f);
		model_print(s, 0, f);
		model_walk(s, 0, 0, w);
		model_free(s);
	}
	fputs("]", f);
	fclose(f);
	return parse(text);
}

static void check_walk(const struct job *j, const struct walk *w)
{
	struct program_cursor c;
	int n = 0;

	cr_assert_eq(j->dispatches, (uint64_t)w->n);
	for (program_start(&c, j); !program_at_end(&c, j); program_next(&c, j), n++) {
		struct program_dispatch d;
		struct program_cursor saved = c;

		cr_assert_lt(n, w->n);
		cr_assert_eq(c.passed, (uint64_t)n);
		cr_assert_eq(program_dispatch(&c, j, &d, NULL), 0);
		cr_assert_eq(d.push[0], w->at[n].sum);
		cr_assert_eq(d.push[1], (uint32_t)w->at[n].id);
		cr_assert_eq(program_cursor_valid(&saved, j), 0);
		saved.groups_done = 23;
		cr_assert_eq(program_cursor_valid(&saved, j), 0);
		saved.groups_done = 24;
		cr_assert_eq(program_cursor_valid(&saved, j), -EINVAL);
		saved = c;
		saved.passed++;
		cr_assert_eq(program_cursor_valid(&saved, j), -EINVAL);
		c.groups_done = 5;
	}
	cr_assert_eq(n, w->n);
	cr_assert_eq(c.passed, j->dispatches);
	cr_assert_eq(program_cursor_valid(&c, j), 0);
	program_next(&c, j);
	cr_assert(program_at_end(&c, j) && c.passed == j->dispatches);
}

Test(program, a_cursor_walks_as_nested_loops_do)
{
	struct walk *w = malloc(sizeof(*w));
	int longest = 0;

	seed = 7;
	for (int round = 0; round < 500; round++) {
		struct job *j = random_job(w);

		check_walk(j, w);
		longest = w->n > longest ? w->n : longest;
		job_free(j);
	}
	cr_expect_gt(longest, 200, "the programs are no test: %d", longest);
	free(w);
}

/* A cursor that is written out and read back at a random place goes on as if nothing was. */
Test(program, a_saved_cursor_goes_on)
{
	struct walk *w = malloc(sizeof(*w));

	seed = 11;
	for (int round = 0; round < 200; round++) {
		struct job *j = random_job(w);
		struct program_cursor c, back;
		unsigned char file[sizeof(c)];
		int stop = pick(w->n);

		program_start(&c, j);
		for (int i = 0; i < stop; i++)
			program_next(&c, j);
		memcpy(file, &c, sizeof(c));
		memset(&c, 0xff, sizeof(c));
		memcpy(&back, file, sizeof(back));
		cr_assert_eq(program_cursor_valid(&back, j), 0);
		for (int i = stop; i < w->n; i++, program_next(&back, j)) {
			struct program_dispatch d;

			cr_assert_eq(program_dispatch(&back, j, &d, NULL), 0);
			cr_assert_eq(d.push[1], (uint32_t)w->at[i].id);
		}
		cr_assert(program_at_end(&back, j));
		job_free(j);
	}
	free(w);
}

/* Flipped bytes: a cursor from a damaged file is refused, or is one that the walk passes. */
Test(program, a_damaged_cursor_is_never_a_place_outside_the_walk)
{
	struct walk *w = malloc(sizeof(*w));
	int refused = 0;

	seed = 13;
	for (int round = 0; round < 200; round++) {
		struct job *j = random_job(w);
		struct program_cursor c, at;

		program_start(&c, j);
		for (int i = pick(w->n); i > 0; i--)
			program_next(&c, j);
		((unsigned char *)&c)[pick(sizeof(c))] ^= (unsigned char)(1 << pick(8));
		if (program_cursor_valid(&c, j) < 0) {
			refused++;
		} else {
			for (program_start(&at, j); at.passed < c.passed;)
				program_next(&at, j);
			at.groups_done = c.groups_done;
			cr_assert(!memcmp(&at, &c, sizeof(c)));
			cr_assert_lt(c.groups_done, 24);
		}
		job_free(j);
	}
	cr_expect_gt(refused, 150);
	free(w);
}

Test(program, a_cursor_in_a_program_of_2_to_the_40)
{
	struct job *j =
		parse("[{\"loop\":\"a\",\"count\":1048576,\"body\":[{\"loop\":\"b\",\"count\":"
		      "1048576,\"body\":[{\"dispatch\":\"k\",\"groups\":[1],\"push\":[\"b\","
		      "\"a\"]}]}]}]");
	struct program_cursor c = {.step = 2, .counters = {1048575, 1048574}};
	struct program_dispatch d;

	c.passed = JOB_DISPATCHES_MAX - 2;
	cr_expect_eq(j->dispatches, JOB_DISPATCHES_MAX);
	cr_assert_eq(program_cursor_valid(&c, j), 0);
	cr_assert_eq(program_dispatch(&c, j, &d, NULL), 0);
	cr_expect(d.push[0] == 1048574 && d.push[1] == 1048575);
	program_next(&c, j);
	cr_expect_not(program_at_end(&c, j));
	program_next(&c, j);
	cr_expect(program_at_end(&c, j));
	cr_expect_eq(program_cursor_valid(&c, j), 0);
	c.counters[5] = 1;
	cr_expect_eq(program_cursor_valid(&c, j), -EINVAL);
	c.counters[5] = 0;
	c.step++;
	cr_expect_eq(program_cursor_valid(&c, j), -EINVAL);
	job_free(j);
}

Test(program, values_reach_the_shader_as_it_sees_them)
{
	struct job *j =
		parse("[{\"loop\":\"i\",\"count\":3,\"body\":[{\"dispatch\":\"f\",\"groups\":"
		      "[\"i\",0,4294967295],\"push\":[\"i*2\",\"0-i\"]},{\"dispatch\":\"f\","
		      "\"groups\":[1],\"push\":[0.25,-3]}]}]");
	struct program_cursor c = {.step = 1, .counters = {2}};
	struct program_dispatch d;
	float f;

	cr_assert_eq(program_dispatch(&c, j, &d, NULL), 0);
	memcpy(&f, &d.push[0], 4);
	cr_expect_eq(f, 4.0f);
	cr_expect_eq(d.push[1], (uint32_t)-2);
	cr_expect(d.groups[0] == 2 && d.groups[1] == 0 && d.groups[2] == UINT32_MAX);
	cr_expect_eq(d.kernel_index, 1);
	cr_expect_eq(d.step, &j->steps[1]);
	c.step = 2;
	cr_assert_eq(program_dispatch(&c, j, &d, NULL), 0);
	memcpy(&f, &d.push[0], 4);
	cr_expect_eq(f, 0.25f);
	cr_expect_eq(d.push[1], (uint32_t)-3);
	job_free(j);
}

/* What the check at both ends of the loops cannot know is an error when it is reached. */
Test(program, an_error_in_the_middle_names_step_and_counters)
{
	struct job *j =
		parse("[{\"dispatch\":\"k\",\"groups\":[1],\"push\":[1,1]},{\"loop\":\"outer\","
		      "\"count\":4,\"body\":[{\"loop\":\"inner\",\"count\":5,\"body\":["
		      "{\"dispatch\":\"k\",\"groups\":[1],\"push\":[0,\"6/(inner-2)+9\"]}]}]}]");
	struct program_cursor c = {.step = 3, .counters = {3, 2}};
	struct program_dispatch d;
	struct error err = {};

	cr_assert_eq(program_dispatch(&c, j, &d, &err), -ERANGE);
	cr_expect_str_eq(err.where, "program[1].body[0].body[0].push[1]");
	cr_expect_str_eq(err.what, "divides by zero at outer = 3, inner = 2");
	job_free(j);
}
