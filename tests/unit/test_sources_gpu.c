/* SPDX-License-Identifier: MIT */
/*
 * GPU: fdinfo texts in the form of each driver (kernel documentation, gpu/drm-usage-stats, and
 * the drivers' show_fdinfo), and processes that hold a device in a proc directory of our own.
 */
#include "sources_fixture.h"

#include <errno.h>
#include <inttypes.h>

#include "broker/sources/fdinfo.h"
#include "broker/sources/gpu_clients.h"

#define HEAD "pos:\t0\nflags:\t02400002\nmnt_id:\t26\nino:\t612\n"

struct driver_case {
	const char *text;
	const char *driver, *pdev;
	uint64_t client;
	uint32_t n;
	struct fdinfo_engine first, last;
};

static const struct driver_case drivers[] = {
	{HEAD "drm-driver:\tmsm\ndrm-client-id:\t10\ndrm-engine-gpu:\t2193830154 ns\n"
	      "drm-cycles-gpu:\t1316298092\ndrm-maxfreq-gpu:\t600000000 Hz\n"
	      "drm-total-memory:\t16384 KiB\ndrm-resident-memory:\t16384 KiB\n",
	 "msm",
	 "",
	 10,
	 1,
	 {.name = "gpu", .ns = 2193830154},
	 {.name = "gpu", .ns = 2193830154}},
	{HEAD "drm-driver:\tpanfrost\ndrm-client-id:\t14\ndrm-engine-fragment:\t1846584880 ns\n"
	      "drm-cycles-fragment:\t1424359409\ndrm-maxfreq-fragment:\t799999987 Hz\n"
	      "drm-curfreq-fragment:\t799999987 Hz\ndrm-engine-vertex-tiler:\t71932239 ns\n"
	      "drm-cycles-vertex-tiler:\t52617357\ndrm-maxfreq-vertex-tiler:\t799999987 Hz\n"
	      "drm-curfreq-vertex-tiler:\t799999987 Hz\ndrm-total-memory:\t290 MiB\n",
	 "panfrost",
	 "",
	 14,
	 2,
	 {.name = "fragment", .ns = 1846584880},
	 {.name = "vertex-tiler", .ns = 71932239}},
	{HEAD "drm-driver:\tpanthor\ndrm-client-id:\t3\ndrm-engine-panthor:\t10952222 ns\n"
	      "drm-cycles-panthor:\t94439687187\ndrm-maxfreq-panthor:\t1000000000 Hz\n"
	      "drm-curfreq-panthor:\t1000000000 Hz\n",
	 "panthor",
	 "",
	 3,
	 1,
	 {.name = "panthor", .ns = 10952222},
	 {.name = "panthor", .ns = 10952222}},
	{HEAD "drm-driver:\tv3d\ndrm-client-id:\t33\ndrm-engine-bin: \t45000 ns\n"
	      "v3d-jobs-bin: \t12 jobs\ndrm-engine-render: \t98000 ns\nv3d-jobs-render: \t12 jobs\n"
	      "drm-engine-tfu: \t0 ns\ndrm-engine-csd: \t77 ns\ndrm-engine-cache_clean: \t0 ns\n",
	 "v3d",
	 "",
	 33,
	 5,
	 {.name = "bin", .ns = 45000},
	 {.name = "cache_clean", .ns = 0}},
	{HEAD "drm-driver:\tamdgpu\ndrm-client-id:\t26\ndrm-pdev:\t0000:03:00.0\npasid:\t32771\n"
	      "drm-memory-vram:\t9744 KiB\ndrm-engine-gfx:\t56000000 ns\n"
	      "drm-engine-compute:\t18000000000 ns\n",
	 "amdgpu",
	 "0000:03:00.0",
	 26,
	 2,
	 {.name = "gfx", .ns = 56000000},
	 {.name = "compute", .ns = 18000000000}},
	{HEAD "drm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\n"
	      "drm-engine-render:\t9288864723 ns\ndrm-engine-copy:\t2035071108 ns\n"
	      "drm-engine-video:\t0 ns\ndrm-engine-capacity-video:\t2\n",
	 "i915",
	 "0000:00:02.0",
	 7,
	 3,
	 {.name = "render", .ns = 9288864723},
	 {.name = "video", .ns = 0, .capacity = 2}},
	{HEAD "drm-driver:\txe\ndrm-client-id:\t5\ndrm-pdev:\t0000:03:00.0\n"
	      "drm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n"
	      "drm-cycles-vcs:\t0\ndrm-total-cycles-vcs:\t7655183225\n"
	      "drm-engine-capacity-vcs:\t2\n",
	 "xe",
	 "0000:03:00.0",
	 5,
	 2,
	 {.name = "rcs", .cycles = 28257900, .total_cycles = 7655183225},
	 {.name = "vcs", .total_cycles = 7655183225, .capacity = 2}},
	{HEAD "drm-driver:\tvirtio_gpu\ndrm-client-id:\t4\n", "virtio_gpu", "", 4, 0, {}, {}},
	{HEAD "drm-driver:\tvnpu\ndrm-client-id:\t9\ndrm-engine-npu:\t503115158 ns\n"
	      "vnpu-late:\t3115158 ns\ndrm-total-memory:\t1 MiB\ndrm-shared-memory:\t0\n"
	      "drm-active-memory:\t1 MiB\n",
	 "vnpu",
	 "",
	 9,
	 1,
	 {.name = "npu", .ns = 503115158},
	 {.name = "npu", .ns = 503115158}},
};

static void want_engine(const struct fdinfo_engine *e, const struct fdinfo_engine *want)
{
	cr_assert_str_eq(e->name, want->name);
	cr_assert_eq(e->ns, want->ns);
	if (e->has_cycles) {
		cr_assert_eq(e->cycles, want->cycles);
		cr_assert_eq(e->total_cycles, want->total_cycles);
	}
	cr_assert_eq(e->capacity, want->capacity ? want->capacity : 1);
}

Test(fdinfo, every_driver_is_understood)
{
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		const struct driver_case *c = &drivers[i];
		struct fdinfo f;

		cr_assert_eq(fdinfo_parse(c->text, &f), 1, "%s", c->driver);
		cr_assert_str_eq(f.driver, c->driver);
		cr_assert_str_eq(f.pdev, c->pdev);
		cr_assert(f.has_client);
		cr_assert_eq(f.client, c->client);
		cr_assert_eq(f.n_engines, c->n, "%s", c->driver);
		if (c->n) {
			want_engine(&f.engine[0], &c->first);
			want_engine(&f.engine[c->n - 1], &c->last);
		}
	}
}

Test(fdinfo, what_is_none_or_broken_is_refused)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{"", 0},
		{HEAD, 0},
		{"drm", 0},
		{"drm-client-id:\t4\n", 0}, /* no driver */
		{"drm-driver:\tmsm\ndrm-client-id:\tx\n", -EBADMSG},
		{"drm-driver:\tmsm\ndrm-client-id:\t\n", -EBADMSG},
		{"drm-driver:\tmsm\ndrm-engine-gpu:\t-5 ns\n", -EBADMSG},
		{"drm-driver:\tmsm\ndrm-engine-gpu:\t5 ms\n", -EBADMSG},
		{"drm-driver:\tmsm\ndrm-engine-gpu:\t99999999999999999999 ns\n", -EBADMSG},
		{"drm-driver:\tmsm\ndrm-engine-gpu", 1}, /* cut off: not a line yet */
	};
	struct fdinfo f;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(fdinfo_parse(cases[i].text, &f), cases[i].r, "case %zu", i);
}

Test(fdinfo, memory_is_what_is_resident_or_all_of_it)
{
	static const struct {
		const char *text;
		bool known;
		uint64_t bytes;
	} cases[] = {
		{"", false, 0},
		{"drm-total-memory:\t3 MiB\ndrm-resident-memory:\t2048 KiB\n", true, 2 << 20},
		{"drm-total-memory:\t3 MiB\n", true, 3 << 20},
		{"drm-resident-memory:\t0\ndrm-total-memory:\t3 MiB\n", true, 0},
		{"drm-memory-vram:\t8 KiB\ndrm-memory-gtt:\t4 KiB\n", true, 12 << 10},
		{"drm-memory-vram:\t8 KiB\ndrm-resident-vram:\t8 KiB\n", true, 8 << 10},
		{"drm-resident-a:\t700\ndrm-resident-b:\t1 GiB\n", true, 700 + (1 << 30)},
		{"drm-shared-memory:\t5 KiB\ndrm-active-memory:\t6 KiB\n", false, 0},
		{"drm-total-cycles-rcs:\t77\n", false, 0},
		{"drm-total-memory:\tlots\ndrm-resident-x:\t5 Pages\n", false, 0},
		{"drm-total-memory:\t18446744073709551615 GiB\n", false, 0},
		{"drm-resident-a:\t4611686018427387903\ndrm-resident-b:\t4611686018427387903\n"
		 "drm-resident-c:\t4611686018427387903\n",
		 true, INT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[512];
		struct fdinfo f;

		snprintf(text, sizeof(text), "drm-driver:\tmsm\ndrm-client-id:\t1\n%s",
			 cases[i].text);
		cr_assert_eq(fdinfo_parse(text, &f), 1, "case %zu", i);
		cr_assert_eq(f.has_memory, cases[i].known, "case %zu", i);
		cr_assert_eq(f.memory, cases[i].bytes, "case %zu: %" PRIu64, i, f.memory);
	}
}

Test(fdinfo, limits_hold)
{
	char text[8192] = "drm-driver:\t", *p = text + strlen(text);
	struct fdinfo f;

	p += sprintf(p, "%0200d\ndrm-engine-%0100d:\t5 ns\n", 0, 0);
	for (int i = 0; i < 100; i++)
		p += sprintf(p, "drm-engine-e%d:\t%d ns\n", i, i);
	cr_assert_eq(fdinfo_parse(text, &f), 1);
	cr_assert_eq(strlen(f.driver), FDINFO_NAME_MAX - 1);
	cr_assert_eq(f.n_engines, FDINFO_ENGINES_MAX);
	cr_assert_str_eq(f.engine[FDINFO_ENGINES_MAX - 1].name, "e15");
}

Test(fdinfo, shares_are_of_the_window_or_of_the_cycles)
{
	static const struct {
		struct fdinfo_engine before, now;
		uint64_t window;
		uint32_t permille;
	} cases[] = {
		{{.has_ns = true}, {.has_ns = true, .ns = 250, .capacity = 1}, 1000, 250},
		{{.has_ns = true}, {.has_ns = true, .ns = 250, .capacity = 2}, 1000, 125},
		{{.has_ns = true}, {.has_ns = true, .ns = 4000, .capacity = 1}, 1000, 1000},
		{{.has_ns = true, .ns = 9}, {.has_ns = true, .ns = 3, .capacity = 1}, 1000, 0},
		{{.has_ns = true}, {.has_ns = true, .ns = 4000, .capacity = 1}, 0, 0},
		{{.has_ns = true},
		 {.has_ns = true, .ns = UINT64_MAX, .capacity = 1},
		 UINT64_MAX,
		 1000},
		{{.total_cycles = 100}, {.cycles = 30, .total_cycles = 400, .capacity = 1}, 7, 100},
		{{.total_cycles = 100}, {.cycles = 30, .total_cycles = 100, .capacity = 1}, 7, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_assert_eq(fdinfo_busy(&cases[i].before, &cases[i].now, cases[i].window),
			     cases[i].permille, "case %zu", i);
}

static void use(const struct fixture *f, int pid, int fd, int client, unsigned long long ns)
{
	char path[64], text[256];

	snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", pid, fd);
	snprintf(text, sizeof(text),
		 HEAD "drm-driver:\tmsm\ndrm-client-id:\t%d\ndrm-engine-gpu:\t%llu ns\n", client,
		 ns);
	fake_file(f, path, text);
}

static void hold_device(const struct fixture *f, int pid, int fd, const char *target)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/fd", pid);
	fake_dir(f, path);
	snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
	fake_link(f, path, target);
}

struct looker {
	struct fixture *f;
	struct gpu_clients *g;
	uint64_t now;
};

static struct gpu_look look(struct looker *l)
{
	struct gpu_look out;

	l->now += NS_PER_S;
	cr_assert_eq(gpu_clients_look(l->g, l->f->config.roots.proc, l->now, fixture_is_ours, l->f,
				      &out),
		     0);
	return out;
}

static struct looker looker_new(void)
{
	struct looker l = {.f = fixture_new()};

	cr_assert_eq(gpu_clients_new(&l.g), 0);
	return l;
}

static void looker_free(struct looker *l)
{
	gpu_clients_free(l->g);
	fixture_free(l->f);
}

Test(gpu_clients, the_use_of_others_is_added_and_ours_left_out)
{
	struct looker l = looker_new();
	struct gpu_look r;

	l.f->ours = 300;
	hold_device(l.f, 100, 5, "/dev/dri/renderD128");
	hold_device(l.f, 200, 7, "/dev/dri/card0");
	hold_device(l.f, 300, 4, "/dev/dri/renderD128");
	hold_device(l.f, 400, 4, "/dev/null");
	use(l.f, 100, 5, 1, 0);
	use(l.f, 200, 7, 2, 0);
	use(l.f, 300, 4, 3, 0);
	r = look(&l);
	cr_assert(r.first);
	cr_assert_eq(r.n_clients, 2);
	use(l.f, 100, 5, 1, 100 * NS_PER_MS);
	use(l.f, 200, 7, 2, 50 * NS_PER_MS);
	use(l.f, 300, 4, 3, 900 * NS_PER_MS);
	r = look(&l);
	cr_assert_not(r.first);
	cr_assert_eq(r.busy_permille, 150);
	cr_assert_str_eq(r.driver, "msm");
	r = look(&l);
	cr_assert_eq(r.busy_permille, 0);
	looker_free(&l);
}

Test(gpu_clients, a_shared_descriptor_counts_once)
{
	struct looker l = looker_new();
	struct gpu_look r;

	for (int pid = 100; pid < 105; pid++) {
		hold_device(l.f, pid, 5, "/dev/dri/renderD128");
		hold_device(l.f, pid, 6, "/dev/dri/renderD128");
	}
	for (int round = 0; round < 2; round++) {
		for (int pid = 100; pid < 105; pid++)
			for (int fd = 5; fd < 7; fd++)
				use(l.f, pid, fd, 1, (unsigned long long)round * 100 * NS_PER_MS);
		r = look(&l);
	}
	cr_assert_eq(r.n_clients, 1);
	cr_assert_eq(r.busy_permille, 100);
	looker_free(&l);
}

Test(gpu_clients, an_accelerator_counts_as_well)
{
	struct looker l = looker_new();

	hold_device(l.f, 100, 5, "/dev/accel/accel0");
	use(l.f, 100, 5, 1, 0);
	cr_assert_eq(look(&l).n_clients, 1);
	looker_free(&l);
}

Test(gpu_clients, a_process_that_opens_a_device_late_is_found)
{
	struct looker l = looker_new();
	int looks = 0;

	hold_device(l.f, 123, 1, "/dev/null");
	for (int i = 0; i < 20; i++)
		cr_assert_eq(look(&l).n_clients, 0);
	hold_device(l.f, 123, 9, "/dev/dri/renderD128");
	use(l.f, 123, 9, 1, 0);
	while (look(&l).n_clients == 0)
		cr_assert_lt(++looks, 8);

	/* A new process is seen at once. */
	hold_device(l.f, 130, 9, "/dev/dri/renderD129"); /* not of the eighth that is due */
	use(l.f, 130, 9, 2, 0);
	cr_assert_eq(look(&l).n_clients, 2);
	fake_remove(l.f, "proc/123");
	cr_assert_eq(look(&l).n_clients, 1);
	looker_free(&l);
}

Test(gpu_clients, a_process_that_may_not_be_seen_is_counted)
{
	struct looker l = looker_new();
	char path[256];

	hold_device(l.f, 100, 5, "/dev/dri/renderD128");
	fixture_path(l.f, path, sizeof(path), "proc/100/fd");
	cr_assert_eq(chmod(path, 0), 0);
	cr_assert_eq(chmod(l.f->root, 0755), 0);
	cr_assert(geteuid() != 0 || seteuid(65534) == 0);
	cr_assert_eq(look(&l).n_denied, 1);
	cr_assert(getuid() != 0 || seteuid(0) == 0);
	chmod(path, 0755);
	looker_free(&l);
}

Test(gpu, no_node_is_no_loss_and_costs_nothing)
{
	struct fixture *f = fixture_new();
	uint64_t wakeups;

	f->config.gpu_busy_permille = 100;
	fixture_open(f, &source_gpu);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 0);
	source_gpu.holds_changed(f->source, 0);
	fixture_run(f, 0, 30);
	wakeups = loop_wakeups(f->loop);
	fixture_run(f, 0, 100);
	cr_assert_leq(loop_wakeups(f->loop) - wakeups, 1);
	fixture_free(f);
}

Test(gpu, a_busy_program_is_told_and_a_calm_one_too)
{
	struct fixture *f = fixture_new();

	f->config.gpu_busy_permille = 100;
	fake_file(f, "dev/dri/renderD128", "");
	hold_device(f, 100, 5, "/dev/dri/renderD128");
	use(f, 100, 5, 1, 0);
	fixture_open(f, &source_gpu);
	cr_assert_eq(f->n, 0, "one look alone tells nothing");
	use(f, 100, 5, 1, 500 * NS_PER_MS);
	fixture_want_state(f, GATE_SENSOR_OK, 3000);
	cr_assert(fixture_last(f, GATE_FACT_GPU)->on);
	cr_assert_eq(f->fact[0].kind, GATE_FACT_GPU, "the value comes before the OK");

	/* Only this keeps the gate closed: it looks on. With another hold it does not. */
	source_gpu.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE) |
						    IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY));
	cr_assert_eq(fixture_run(f, 1, 1300), 0);
	source_gpu.holds_changed(f->source, IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_GPU_BUSY));
	cr_assert_eq(fixture_run(f, 1, 2500), 1);
	cr_assert_not(fixture_last(f, GATE_FACT_GPU)->on);
	fixture_free(f);
}

Test(gpu, a_busy_accelerator_counts_without_any_gpu)
{
	struct fixture *f = fixture_new();

	f->config.gpu_busy_permille = 100;
	fake_file(f, "dev/accel/accel0", "");
	hold_device(f, 100, 5, "/dev/accel/accel0");
	use(f, 100, 5, 1, 0);
	fixture_open(f, &source_gpu);
	use(f, 100, 5, 1, 500 * NS_PER_MS);
	fixture_want_state(f, GATE_SENSOR_OK, 3000);
	cr_assert(fixture_last(f, GATE_FACT_GPU)->on);
	fixture_free(f);
}

Test(gpu, a_driver_that_tells_no_times_is_named)
{
	struct fixture *f = fixture_new();

	f->config.gpu_busy_permille = 100;
	fake_file(f, "dev/dri/renderD128", "");
	hold_device(f, 100, 5, "/dev/dri/renderD128");
	fake_file(f, "proc/100/fdinfo/5", drivers[7].text);
	fixture_open(f, &source_gpu);
	fixture_want_state(f, GATE_SENSOR_ABSENT, 3000);
	fixture_want_detail(f, "virtio_gpu tells no engine times");
	fixture_free(f);
}
