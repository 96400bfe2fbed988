/* SPDX-License-Identifier: MIT */
/*
 * The kernels of the Fashion-MNIST job on a Vulkan device, against their plain C twins: each alone
 * on random inputs, and a short training as job.json tells it, end to end.
 *
 * Tolerance: |device - reference| <= ABSOLUTE + RELATIVE * |reference|. A sum of 784 products whose
 * roundings differ (fused or not) stays far below it; a wrong index or order of operands does not.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

#include "libbroker/job/job.h"
#include "libbroker/job/program.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "tests/jobs/fashion/reference.h"
#include "tests/jobs/vkrun.h"

#define ABSOLUTE  1e-5f
#define RELATIVE  1e-4f
#define JOB_JSON  "tests/jobs/fashion/job.json"
#define STEPS     3 /* of the short training */
#define STEP_SIZE 4 /* dispatches of a step */
#define PICTURES  1500 /* of the kernels' own tests */
#define FIRST     500

#define H FASHION_HIDDEN
#define C FASHION_CLASSES
#define P FASHION_PIXELS
#define B FASHION_BATCH

static struct vkrun v;
static char build_dir[4096];

static void open_device(void)
{
	ssize_t n = readlink("/proc/self/exe", build_dir, sizeof(build_dir) - 1);
	char *tail;

	cr_assert_gt(n, 0);
	build_dir[n] = '\0';
	tail = strstr(build_dir, "/tests/unit/");
	cr_assert_not_null(tail);
	*tail = '\0';
	if (vkrun_open(&v) < 0)
		cr_skip_test("no Vulkan device: install mesa-vulkan-drivers");
}

static void close_device(void)
{
	if (v.device)
		vkrun_close(&v);
}

TestSuite(fashion, .init = open_device, .fini = close_device);

static uint32_t kernel(const char *spirv, uint32_t n_bindings, uint32_t n_push)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/gen/spirv/fashion/%s", build_dir, spirv);
	return vkrun_kernel(&v, path, n_bindings, n_push);
}

static uint64_t random_state = 0x2545f4914f6cdd1dull;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void *map(uint32_t buffer)
{
	return v.buffers[buffer].map;
}

static uint32_t floats(uint32_t n, float low, float high)
{
	uint32_t buffer = vkrun_buffer(&v, n * sizeof(float));
	float *f = map(buffer);

	for (uint32_t i = 0; i < n; i++)
		f[i] = low + (high - low) * (float)(random_next() >> 40) * 0x1p-24f;
	return buffer;
}

static void fill_bytes(uint8_t *bytes, uint64_t n, uint32_t below)
{
	for (uint64_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)((random_next() >> 33) % below);
}

static uint32_t bytes(uint64_t n, uint32_t below)
{
	uint32_t buffer = vkrun_buffer(&v, n);

	fill_bytes(map(buffer), n, below);
	return buffer;
}

static void *copy_of(uint32_t buffer)
{
	void *copy = malloc(v.buffers[buffer].size);

	cr_assert_not_null(copy);
	memcpy(copy, map(buffer), v.buffers[buffer].size);
	return copy;
}

static uint32_t bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static void assert_close(const char *what, const float *got, const float *want, uint32_t n)
{
	float spread = 0;

	for (uint32_t i = 0; i < n; i++) {
		cr_assert(fabsf(got[i] - want[i]) <= ABSOLUTE + RELATIVE * fabsf(want[i]),
			  "%s[%u] is %.9g, the reference %.9g", what, i, (double)got[i],
			  (double)want[i]);
		spread = fmaxf(spread, fabsf(want[i]));
	}
	cr_assert_gt(spread, 100 * ABSOLUTE, "%s is all but zero: the comparison says nothing",
		     what);
}

static void dispatch(uint32_t k, const uint32_t *buffers, const uint32_t *push, uint32_t x,
		     uint32_t y)
{
	vkrun_dispatch(&v, k, buffers, push, (const uint32_t[]){x, y, 1});
}

static uint32_t groups_for(uint32_t n)
{
	return (n + FASHION_LOCAL - 1) / FASHION_LOCAL;
}

Test(fashion, hidden)
{
	uint32_t images = bytes((uint64_t)PICTURES * P, 256), w1 = floats(P * H, -0.1f, 0.1f);
	uint32_t b1 = floats(H, -0.5f, 0.5f), h = vkrun_buffer(&v, B * H * 4);
	_cleanup_free_ float *want = calloc(B * H, sizeof(*want));

	reference_hidden(map(images), map(w1), map(b1), want, FIRST);
	dispatch(kernel("hidden.spv", 4, 1), (const uint32_t[]){images, w1, b1, h},
		 (const uint32_t[]){FIRST}, B / FASHION_ROWS, H / FASHION_LOCAL / FASHION_COLS);
	assert_close("h", map(h), want, B * H);
}

Test(fashion, output)
{
	uint32_t labels = bytes(PICTURES, C), w2 = floats(H * C, -0.5f, 0.5f);
	uint32_t b2 = floats(C, -0.5f, 0.5f), h = floats(B * H, -1, 2);
	uint32_t d = vkrun_buffer(&v, B * C * 4), dh = vkrun_buffer(&v, B * H * 4);
	_cleanup_free_ float *want_d = calloc(B * C, sizeof(float));
	_cleanup_free_ float *want_dh = calloc(B * H, sizeof(float));

	reference_output(map(labels), map(w2), map(b2), map(h), want_d, want_dh, FIRST);
	dispatch(kernel("output.spv", 6, 1), (const uint32_t[]){labels, w2, b2, h, d, dh},
		 (const uint32_t[]){FIRST}, groups_for(B), 1);
	/* Means over the batch are small: compare what they are means of. */
	for (uint32_t i = 0; i < B * H; i++) {
		want_dh[i] *= B;
		((float *)map(dh))[i] *= B;
	}
	for (uint32_t i = 0; i < B * C; i++) {
		want_d[i] *= B;
		((float *)map(d))[i] *= B;
	}
	assert_close("d", map(d), want_d, B * C);
	assert_close("dh", map(dh), want_dh, B * H);
}

Test(fashion, step1)
{
	uint32_t images = bytes((uint64_t)PICTURES * P, 256), dh = floats(B * H, -0.02f, 0.02f);
	uint32_t m1 = floats(P * H, -0.1f, 0.1f), w1 = floats(P * H, -0.1f, 0.1f);
	_cleanup_free_ float *want_m1 = copy_of(m1), *want_w1 = copy_of(w1);

	reference_step1(map(images), map(dh), want_m1, want_w1, FIRST, 0.1f, 0.9f);
	dispatch(kernel("step1.spv", 4, 3), (const uint32_t[]){images, dh, m1, w1},
		 (const uint32_t[]){FIRST, bits(0.1f), bits(0.9f)}, FASHION_WORDS, 1);
	assert_close("m1", map(m1), want_m1, P * H);
	assert_close("w1", map(w1), want_w1, P * H);
}

Test(fashion, step2)
{
	uint32_t h = floats(B * H, 0, 1), d = floats(B * C, -0.02f, 0.02f);
	uint32_t dh = floats(B * H, -0.02f, 0.02f), w2 = floats(H * C, -0.5f, 0.5f);
	uint32_t b2 = floats(C, -0.5f, 0.5f), b1 = floats(H, -0.5f, 0.5f);
	uint32_t m2 = floats(FASHION_PARAMS2, -0.1f, 0.1f);
	_cleanup_free_ float *want_w2 = copy_of(w2), *want_b2 = copy_of(b2);
	_cleanup_free_ float *want_b1 = copy_of(b1), *want_m2 = copy_of(m2);

	reference_step2(map(h), map(d), map(dh), want_w2, want_b2, want_b1, want_m2, 0.1f, 0.9f);
	dispatch(kernel("step2.spv", 7, 2), (const uint32_t[]){h, d, dh, w2, b2, b1, m2},
		 (const uint32_t[]){bits(0.1f), bits(0.9f)}, groups_for(FASHION_PARAMS2), 1);
	assert_close("w2", map(w2), want_w2, H * C);
	assert_close("b2", map(b2), want_b2, C);
	assert_close("b1", map(b1), want_b1, H);
	assert_close("m2", map(m2), want_m2, FASHION_PARAMS2);
}

Test(fashion, classify_and_score)
{
	uint32_t w2 = floats(H * C, -0.5f, 0.5f), b2 = floats(C, -0.5f, 0.5f);
	uint32_t h = floats(B * H, 0, 1), labels = bytes(PICTURES, C);
	uint32_t predictions = vkrun_buffer(&v, PICTURES * 4), score = vkrun_buffer(&v, 8);
	_cleanup_free_ uint32_t *want = calloc(PICTURES, sizeof(*want));
	uint32_t want_score[2], differ = 0;

	reference_classify(map(w2), map(b2), map(h), want, FIRST);
	dispatch(kernel("classify.spv", 4, 1), (const uint32_t[]){w2, b2, h, predictions},
		 (const uint32_t[]){FIRST}, groups_for(B), 1);
	for (uint32_t i = 0; i < PICTURES; i++)
		differ += want[i] != ((uint32_t *)map(predictions))[i];
	cr_assert_leq(differ, 1, "two logits may be equal but for rounding; not %u times", differ);
	reference_score(map(labels), map(predictions), want_score, PICTURES - 3);
	dispatch(kernel("score.spv", 3, 1), (const uint32_t[]){labels, predictions, score},
		 (const uint32_t[]){PICTURES - 3}, 1, 1);
	cr_assert_eq(memcmp(map(score), want_score, sizeof(want_score)), 0);
	cr_assert_gt(want_score[0], 0);
}

/*
 * Dispatches a kernel whole, then on the same inputs one workgroup at a time and from the last to
 * the first: what lies in @changes afterwards must be the same bytes.
 */
static void assert_cut_alike(uint32_t k, const uint32_t *buffers, const uint32_t *push,
			     const uint32_t groups[3], const uint32_t *changes, uint32_t n_changes)
{
	uint8_t *before[VKRUN_BINDINGS_MAX], *whole[VKRUN_BINDINGS_MAX];

	for (uint32_t i = 0; i < n_changes; i++)
		before[i] = copy_of(changes[i]);
	vkrun_dispatch(&v, k, buffers, push, groups);
	for (uint32_t i = 0; i < n_changes; i++) {
		whole[i] = copy_of(changes[i]);
		cr_assert_neq(memcmp(whole[i], before[i], v.buffers[changes[i]].size), 0);
		memcpy(map(changes[i]), before[i], v.buffers[changes[i]].size);
	}
	for (uint32_t y = groups[1]; y--;)
		for (uint32_t x = groups[0]; x--;)
			vkrun_dispatch_part(&v, k, buffers, push, (const uint32_t[]){x, y, 0},
					    (const uint32_t[]){1, 1, 1});
	for (uint32_t i = 0; i < n_changes; i++) {
		cr_assert_eq(memcmp(whole[i], map(changes[i]), v.buffers[changes[i]].size), 0,
			     "kernel %u, buffer %u", k, changes[i]);
		free(whole[i]);
		free(before[i]);
	}
}

Test(fashion, any_cut_gives_the_same_bytes)
{
	uint32_t images = bytes((uint64_t)PICTURES * P, 256), labels = bytes(PICTURES, C);
	uint32_t w1 = floats(P * H, -0.1f, 0.1f), b1 = floats(H, -0.5f, 0.5f);
	uint32_t w2 = floats(H * C, -0.5f, 0.5f), b2 = floats(C, -0.5f, 0.5f);
	uint32_t m1 = floats(P * H, -0.1f, 0.1f), m2 = floats(FASHION_PARAMS2, -0.1f, 0.1f);
	uint32_t h = vkrun_buffer(&v, B * H * 4), d = vkrun_buffer(&v, B * C * 4);
	uint32_t dh = vkrun_buffer(&v, B * H * 4), predictions = vkrun_buffer(&v, PICTURES * 4);
	const uint32_t first[] = {FIRST}, rates[] = {FIRST, bits(0.1f), bits(0.9f)};

	assert_cut_alike(kernel("hidden.spv", 4, 1), (const uint32_t[]){images, w1, b1, h}, first,
			 (const uint32_t[]){B / FASHION_ROWS, H / FASHION_LOCAL / FASHION_COLS, 1},
			 (const uint32_t[]){h}, 1);
	assert_cut_alike(kernel("output.spv", 6, 1), (const uint32_t[]){labels, w2, b2, h, d, dh},
			 first, (const uint32_t[]){groups_for(B), 1, 1}, (const uint32_t[]){d, dh},
			 2);
	assert_cut_alike(kernel("step1.spv", 4, 3), (const uint32_t[]){images, dh, m1, w1}, rates,
			 (const uint32_t[]){FASHION_WORDS, 1, 1}, (const uint32_t[]){m1, w1}, 2);
	assert_cut_alike(kernel("step2.spv", 7, 2), (const uint32_t[]){h, d, dh, w2, b2, b1, m2},
			 rates + 1, (const uint32_t[]){groups_for(FASHION_PARAMS2), 1, 1},
			 (const uint32_t[]){w2, b2, b1, m2}, 4);
	assert_cut_alike(kernel("classify.spv", 4, 1), (const uint32_t[]){w2, b2, h, predictions},
			 first, (const uint32_t[]){groups_for(B), 1, 1},
			 (const uint32_t[]){predictions}, 1);
}

static struct job *read_job(void)
{
	_cleanup_free_ char *json = NULL;
	ssize_t n = io_read_file(AT_FDCWD, JOB_JSON, JOB_JSON_MAX, &json);
	struct error err = {0};
	struct job *job;

	cr_assert_gt(n, 0, "%s: run this from the top of the source tree", JOB_JSON);
	cr_assert_eq(job_parse(&job, json, (size_t)n, &err), 0, "%s: %s", err.where, err.what);
	return job;
}

static uint32_t buffer_named(const struct job *job, const char *name)
{
	for (uint32_t i = 0; i < job->n_buffers; i++)
		if (!strcmp(job->buffers[i].name, name))
			return i;
	cr_assert_fail("job.json has no buffer %s", name);
	return 0;
}

struct size_case {
	const char *buffer;
	uint64_t size;
};

Test(fashion, the_document_has_the_sizes_of_the_shape)
{
	static const struct size_case cases[] = {
		{"train-images", (uint64_t)FASHION_TRAIN * P},
		{"train-labels", FASHION_TRAIN},
		{"test-images", (uint64_t)FASHION_TEST * P},
		{"test-labels", FASHION_TEST},
		{"w1", 4ull * P * H},
		{"b1", 4ull * H},
		{"w2", 4ull * H * C},
		{"b2", 4ull * C},
		{"m1", 4ull * P * H},
		{"m2", 4ull * FASHION_PARAMS2},
		{"h", 4ull * B * H},
		{"d", 4ull * B * C},
		{"dh", 4ull * B * H},
		{"predictions", 4ull * FASHION_TEST},
		{"correct", 8},
	};
	struct job *job = read_job();

	cr_assert_eq(job->n_buffers, ARRAY_SIZE(cases));
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(job->buffers[buffer_named(job, cases[i].buffer)].size, cases[i].size,
			     "%s must have %llu bytes", cases[i].buffer,
			     (unsigned long long)cases[i].size);
	cr_assert_eq(job->dispatches,
		     11ull * FASHION_TRAIN / B * STEP_SIZE + 2ull * FASHION_TEST / B + 1);
	job_free(job);
}

/* Runs the dispatch under the cursor as the document says: kernel, bindings, push, groups. */
static void run_dispatch(const struct job *job, const struct program_cursor *c,
			 const uint32_t *kernels)
{
	uint32_t buffers[JOB_BINDINGS_MAX];
	struct program_dispatch d;
	struct error err = {0};

	cr_assert_eq(program_dispatch(c, job, &d, &err), 0, "%s: %s", err.where, err.what);
	for (uint32_t i = 0; i < d.kernel->n_bindings; i++)
		buffers[d.kernel->bindings[i].binding] = d.kernel->bindings[i].buffer;
	for (uint32_t i = 0; i < d.step->n_bind; i++)
		buffers[d.step->bind[i].binding] = d.step->bind[i].buffer;
	vkrun_dispatch(&v, kernels[d.kernel_index], buffers, d.push, d.groups);
}

struct model {
	float *w1, *b1, *w2, *b2, *m1, *m2, *h, *d, *dh;
};

static struct model reference_start(const struct job *job)
{
	return (struct model){
		.w1 = copy_of(buffer_named(job, "w1")),
		.b1 = copy_of(buffer_named(job, "b1")),
		.w2 = copy_of(buffer_named(job, "w2")),
		.b2 = copy_of(buffer_named(job, "b2")),
		.m1 = copy_of(buffer_named(job, "m1")),
		.m2 = copy_of(buffer_named(job, "m2")),
		.h = copy_of(buffer_named(job, "h")),
		.d = copy_of(buffer_named(job, "d")),
		.dh = copy_of(buffer_named(job, "dh")),
	};
}

static void reference_train(struct model *m, const uint8_t *images, const uint8_t *labels)
{
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t first = step * 37 % (FASHION_TRAIN / B) * B;

		reference_hidden(images, m->w1, m->b1, m->h, first);
		reference_output(labels, m->w2, m->b2, m->h, m->d, m->dh, first);
		reference_step1(images, m->dh, m->m1, m->w1, first, 0.1f, 0.9f);
		reference_step2(m->h, m->d, m->dh, m->w2, m->b2, m->b1, m->m2, 0.1f, 0.9f);
	}
}

static void reference_end(struct model *m)
{
	float *all[] = {m->w1, m->b1, m->w2, m->b2, m->m1, m->m2, m->h, m->d, m->dh};

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
		free(all[i]);
}

static void make_buffers(const struct job *job)
{
	for (uint32_t i = 0; i < job->n_buffers; i++)
		vkrun_buffer(&v, job->buffers[i].size);
	fill_bytes(map(buffer_named(job, "train-images")), (uint64_t)FASHION_TRAIN * P, 256);
	fill_bytes(map(buffer_named(job, "train-labels")), FASHION_TRAIN, C);
	for (uint32_t i = 0; i < P * H; i++)
		((float *)map(buffer_named(job, "w1")))[i] =
			0.08f * ((float)(random_next() >> 40) * 0x1p-23f - 1);
	for (uint32_t i = 0; i < H * C; i++)
		((float *)map(buffer_named(job, "w2")))[i] =
			0.3f * ((float)(random_next() >> 40) * 0x1p-23f - 1);
}

Test(fashion, a_short_training_end_to_end)
{
	struct job *job = read_job();
	uint32_t kernels[JOB_KERNELS_MAX];
	struct program_cursor c;
	struct model m;

	make_buffers(job);
	for (uint32_t i = 0; i < job->n_kernels; i++)
		kernels[i] = kernel(job->blobs[job->kernels[i].blob].ref,
				    job->kernels[i].n_bindings, job->kernels[i].n_push);
	m = reference_start(job);
	reference_train(&m, map(buffer_named(job, "train-images")),
			map(buffer_named(job, "train-labels")));
	program_start(&c, job);
	for (unsigned int n = 0; n < STEPS * STEP_SIZE; n++) {
		run_dispatch(job, &c, kernels);
		program_next(&c, job);
	}
	assert_close("w1", map(buffer_named(job, "w1")), m.w1, P * H);
	assert_close("b1", map(buffer_named(job, "b1")), m.b1, H);
	assert_close("w2", map(buffer_named(job, "w2")), m.w2, H * C);
	assert_close("b2", map(buffer_named(job, "b2")), m.b2, C);
	assert_close("m1", map(buffer_named(job, "m1")), m.m1, P * H);
	reference_end(&m);
	job_free(job);
}
