/* SPDX-License-Identifier: MIT */
/* What a kernel's SPIR-V may be: modules that the build makes of GLSL, whole, changed and cut. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/worker/spirv_check.h"
#include "broker/worker/task.h"
#include "libbroker/util/cleanup.h"
#include "tests/unit/worker_host.h"

#define WORDS_MAX 4096

struct module {
	uint32_t words[WORDS_MAX];
	size_t n;
};

static void load(struct module *m, const char *name)
{
	struct error err = {.what = ""};
	int fd = host_spirv(name);
	uint32_t *words = task_read_words(fd, &m->n, &err);

	close(fd);
	cr_assert(words && m->n <= WORDS_MAX, "%s", err.what);
	memcpy(m->words, words, m->n * sizeof(*words));
	free(words);
}

struct check_case {
	const char *shader;
	struct job_kernel kernel;
	uint32_t without; /* features that the device does not offer */
	const char *words; /* of the error; NULL: it is good */
};

#define KERNEL(...)                                       \
	{                                                 \
		.name = "k", .entry = "main", __VA_ARGS__ \
	}
#define BOUND_0   .n_bindings = 1, .bindings = {{.binding = 0}}
#define BOUND_0_1 .n_bindings = 2, .bindings = {{.binding = 0}, {.binding = 1}}

static const struct check_case cases[] = {
	{"mix", KERNEL(BOUND_0, .n_push = 3), 0, NULL},
	{"mix", KERNEL(BOUND_0, .n_push = 4), 0, NULL},
	{"mix", KERNEL(BOUND_0, .n_push = 2), 0, "push constants take 12 bytes; job.json pushes 8"},
	{"mix", KERNEL(.n_push = 3), 0, "binding 0 is not bound"},
	{"mix", {.name = "k", .entry = "start", BOUND_0, .n_push = 3}, 0, "\"start\""},
	{"whole", KERNEL(BOUND_0), 0, NULL},
	{"sum", KERNEL(BOUND_0_1), 0, NULL},
	{"sum", KERNEL(BOUND_0_1, .n_spec = 1, .spec = {{.id = 0, .bits = 1024}}), 0, NULL},
	{"sum", KERNEL(BOUND_0_1, .n_spec = 1, .spec = {{.id = 0, .bits = 1025}}), 0,
	 "1025 x 1 x 1"},
	{"sum", KERNEL(BOUND_0_1, .n_spec = 1, .spec = {{.id = 0, .bits = 0}}), 0, "0 x 1 x 1"},
	{"wide", KERNEL(BOUND_0), 0, NULL},
	{"wide", KERNEL(BOUND_0), SPIRV_FEATURE_INT64, "Int64, which this device does not offer"},
	{"bad_uniform", KERNEL(BOUND_0_1), 0, "binding 0 is a uniform block"},
	{"bad_set", KERNEL(BOUND_0_1), 0, "descriptor set 1"},
	{"bad_array", KERNEL(BOUND_0_1), 0, "an array of buffers"},
	{"bad_shared", KERNEL(BOUND_0_1), 0, "more than 65536 bytes of shared memory"},
	{"bad_private", KERNEL(BOUND_0), 0, "more than 1048576 bytes of an invocation's own"},
	{"bad_image", KERNEL(BOUND_0), 0, "storage class 0"},
};

Test(spirv_check, rules)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct check_case *c = &cases[i];
		struct error err = {.what = ""};
		struct spirv_limits limits;
		struct spirv_info info;
		struct module m;
		int r;

		load(&m, c->shader);
		spirv_limits_any(&limits);
		limits.features &= ~c->without;
		r = spirv_check(m.words, m.n, &c->kernel, &limits, &info, &err);
		cr_assert_eq(r, c->words ? -EINVAL : 0, "case %zu, %s: %s", i, c->shader, err.what);
		if (!c->words)
			continue;
		cr_assert(strstr(err.what, c->words), "case %zu, %s: %s", i, c->shader, err.what);
		cr_assert_str_eq(err.where, "kernel k");
	}
}

static const struct job_kernel mix = KERNEL(BOUND_0, .n_push = 3);

static int check_mix(const struct module *m, struct spirv_info *info, struct error *err)
{
	struct spirv_limits limits;

	spirv_limits_any(&limits);
	return spirv_check(m->words, m->n, &mix, &limits, info, err);
}

Test(spirv_check, what_it_tells_of_a_kernel)
{
	struct job_kernel kernel = KERNEL(BOUND_0_1, .n_spec = 1, .spec = {{.id = 0, .bits = 96}});
	struct spirv_limits limits;
	struct spirv_info info;
	struct module m;

	load(&m, "mix");
	cr_assert_eq(check_mix(&m, &info, NULL), 0);
	cr_assert(!info.reads_num_workgroups);
	cr_assert_eq(info.local_size[0], 64);
	cr_assert_eq(info.push_bytes, 12);
	cr_assert_eq(info.writes, 1);
	load(&m, "sum");
	spirv_limits_any(&limits);
	cr_assert_eq(spirv_check(m.words, m.n, &kernel, &limits, &info, NULL), 0);
	cr_assert_eq(info.local_size[0], 96);
	cr_assert_eq(info.writes, 2, "binding 0 is only read");
	load(&m, "boxes");
	cr_assert_eq(check_mix(&m, &info, NULL), 0);
	cr_assert_eq(info.writes, 1, "an atomic operation writes");
	load(&m, "whole");
	cr_assert_eq(check_mix(&m, &info, NULL), 0);
	cr_assert(info.reads_num_workgroups);
}

Test(spirv_check, another_execution_model_is_refused)
{
	struct spirv_info info;
	struct error err;
	struct module m;

	load(&m, "mix");
	for (size_t at = 5; at < m.n; at += m.words[at] >> 16)
		if ((m.words[at] & 0xffff) == 15)
			m.words[at + 1] = 4;
	cr_assert_eq(check_mix(&m, &info, &err), -EINVAL);
	cr_assert(strstr(err.what, "execution model 4"), "%s", err.what);
}

Test(spirv_check, what_is_cut_short_is_refused)
{
	struct spirv_info info;
	struct error err;
	struct module m;

	load(&m, "mix");
	while (m.n-- > 0)
		cr_assert_eq(check_mix(&m, &info, &err), -EINVAL, "%zu words", m.n);
	load(&m, "mix");
	m.words[0] = 0x464c457f;
	cr_assert_eq(check_mix(&m, &info, &err), -EINVAL);
	cr_assert(strstr(err.what, "no SPIR-V"), "%s", err.what);
	load(&m, "mix");
	m.words[3] = UINT32_MAX;
	cr_assert_eq(check_mix(&m, &info, &err), -EINVAL);
	cr_assert(strstr(err.what, "ids"), "%s", err.what);
}

/* Any words at all: refused or taken, never a fault; the sanitizers watch. */
Test(spirv_check, random_changes_are_survived)
{
	static const char *const names[] = {"mix", "sum", "whole", "bad_shared"};
	unsigned int seed = 42, refused = 0;

	for (int round = 0; round < 8000; round++) {
		struct spirv_info info;
		struct error err;
		struct module m;

		load(&m, names[round % ARRAY_SIZE(names)]);
		for (int i = rand_r(&seed) % 4; i >= 0; i--) {
			size_t at = (size_t)rand_r(&seed) % m.n;

			m.words[at] ^= rand_r(&seed) % 3 ? 1u << rand_r(&seed) % 32
							 : (uint32_t)rand_r(&seed);
		}
		refused += check_mix(&m, &info, &err) == -EINVAL;
	}
	cr_assert_gt(refused, 4000);
}
