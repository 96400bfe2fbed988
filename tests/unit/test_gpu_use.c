/* SPDX-License-Identifier: MIT */
/*
 * Who uses the devices: rows from fdinfo and from accounts as eBPF keeps them, over directories of
 * our own as proc and sys; and how often a look takes place.
 */
#include "sources_fixture.h"

#include <inttypes.h>

#include "broker/look.h"
#include "broker/sources/gpu_use.h"

static void process(const struct fixture *f, int pid, const char *comm)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/comm", pid);
	fake_file(f, path, comm);
}

static void holds(const struct fixture *f, int pid, int fd, const char *target, const char *info)
{
	char path[64];

	snprintf(path, sizeof(path), "proc/%d/fd", pid);
	fake_dir(f, path);
	snprintf(path, sizeof(path), "proc/%d/fd/%d", pid, fd);
	fake_link(f, path, target);
	snprintf(path, sizeof(path), "proc/%d/fdinfo/%d", pid, fd);
	fake_file(f, path, info);
}

static void node(const struct fixture *f, const char *class, const char *name, const char *device)
{
	char path[128], target[128];

	snprintf(path, sizeof(path), "sys/class/%s/%s", class, name);
	fake_dir(f, path);
	snprintf(path, sizeof(path), "sys/class/%s/%s/device", class, name);
	snprintf(target, sizeof(target), "../../../devices/platform/%s", device);
	fake_link(f, path, target);
}

static struct gpu_use *look(struct fixture *f, const struct bpf_gpu_client *accounts, int n)
{
	struct gpu_use *use = malloc(sizeof(*use));
	struct gpu_clients *clients;

	cr_assert_eq(gpu_clients_new(&clients), 0);
	cr_assert_eq(gpu_use_look(use, clients, f->config.roots.proc, f->config.roots.sys, 1,
				  accounts, n),
		     0);
	gpu_clients_free(clients);
	return use;
}

static const struct gpu_use_row *row_of(const struct gpu_use *use, int pid, const char *device)
{
	for (uint32_t i = 0; i < use->n; i++)
		if (use->row[i].pid == pid && !strcmp(use->row[i].device, device))
			return &use->row[i];
	cr_assert_fail("no row for %d on %s", pid, device);
	return NULL;
}

#define MSM(id, ns)                                                      \
	"drm-driver:\tmsm\ndrm-client-id:\t" id "\ndrm-engine-gpu:\t" ns \
	" ns\ndrm-engine-copy:\t5 ns\n"                                  \
	"drm-resident-memory:\t4 KiB\n"
#define XE                                                              \
	"drm-driver:\txe\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t9\n" \
	"drm-cycles-rcs:\t30\ndrm-total-cycles-rcs:\t900\n"             \
	"drm-cycles-vcs:\t4\ndrm-total-cycles-vcs:\t901\n"

Test(gpu_use, fdinfo_is_added_by_process_and_device)
{
	struct fixture *f = fixture_new();
	const struct gpu_use_row *row;
	struct gpu_use *use;

	node(f, "drm", "renderD128", "ff9a0000.gpu");
	node(f, "drm", "card0", "ff9a0000.gpu");
	node(f, "accel", "accel0", "fdab0000.npu");
	process(f, 100, "compositor\n");
	holds(f, 100, 5, "/dev/dri/renderD128", MSM("1", "1000"));
	holds(f, 100, 6, "/dev/dri/card0", MSM("2", "20"));
	holds(f, 100, 7, "/dev/accel/accel0", MSM("3", "300"));
	process(f, 200, "bad\x1b[2J\xff name that is long\n");
	holds(f, 200, 3, "/dev/dri/renderD129", XE);
	process(f, 300, "mute\n");
	holds(f, 300, 3, "/dev/dri/renderD128", "pos:\t0\n");
	use = look(f, NULL, -1);
	cr_assert_not(use->ebpf);
	cr_assert_eq(use->n, 4);
	row = row_of(use, 100, "ff9a0000.gpu");
	cr_assert_str_eq(row->comm, "compositor");
	cr_assert_eq(row->uid, getuid());
	cr_assert(row->has_time && row->has_memory && !row->has_cycles);
	cr_assert_eq(row->device_ns, 1000 + 5 + 20 + 5);
	cr_assert_eq(row->memory, 2 * 4096);
	cr_assert_eq(row_of(use, 100, "fdab0000.npu")->device_ns, 305);
	row = row_of(use, 200, "0000:03:00.0"); /* sysfs knows nothing of that node */
	cr_assert_str_eq(row->comm, "bad?[2J? name t");
	cr_assert(row->has_cycles && !row->has_time && !row->has_memory);
	cr_assert_eq(row->cycles, 34);
	cr_assert_eq(row->total_cycles, 901);
	row = row_of(use, 300, "ff9a0000.gpu");
	cr_assert_not(row->has_time || row->has_cycles || row->has_memory);
	free(use);
	fixture_free(f);
}

Test(gpu_use, accounts_give_the_time_and_fdinfo_the_memory)
{
	static const struct bpf_gpu_client accounts[] = {
		{.tgid = 100, .device = "ff9a0000.gpu", .counts = {.busy_ns = 77, .comm = "one"}},
		{.tgid = 0, .device = "ff9a0000.gpu", .counts = {.busy_ns = 5, .comm = "kworker"}},
		{.tgid = 400, .device = "ff9a0000.gpu", .counts = {.busy_ns = 9, .comm = "gone"}},
		{.tgid = 500, .device = "", .counts = {.busy_ns = 8, .comm = "two"}},
	};
	struct fixture *f = fixture_new();
	const struct gpu_use_row *row;
	struct gpu_use *use;

	node(f, "drm", "renderD128", "ff9a0000.gpu");
	for (int pid = 100; pid <= 500; pid += 100)
		if (pid != 400)
			process(f, pid, "name\n");
	holds(f, 100, 5, "/dev/dri/renderD128", MSM("1", "1000"));
	holds(f, 300, 5, "/dev/dri/renderD128", MSM("2", "1000"));
	holds(f, 500, 5, "/dev/dri/renderD128", MSM("3", "1000"));
	use = look(f, accounts, ARRAY_SIZE(accounts));
	cr_assert(use->ebpf);
	cr_assert_eq(use->n, 4, "%u", use->n);
	row = row_of(use, 100, "ff9a0000.gpu");
	cr_assert_str_eq(row->comm, "one");
	cr_assert_eq(row->device_ns, 77);
	cr_assert_eq(row->memory, 4096);
	cr_assert_eq(row_of(use, 0, "ff9a0000.gpu")->device_ns, 5);
	row = row_of(use, 300, "ff9a0000.gpu"); /* has it open, and used none of it */
	cr_assert(row->has_time);
	cr_assert_eq(row->device_ns, 0);
	row = row_of(use, 500, "");
	cr_assert_eq(row->device_ns, 8);
	cr_assert_eq(row->memory, 4096);
	free(use);
	fixture_free(f);
}

Test(gpu_use, rows_are_limited)
{
	struct bpf_gpu_client *accounts = calloc(GPU_CLIENTS_MAX, sizeof(*accounts));
	struct fixture *f = fixture_new();
	struct gpu_use *use;

	for (int i = 0; i < GPU_CLIENTS_MAX; i++)
		snprintf(accounts[i].device, sizeof(accounts[i].device), "d%d", i);
	use = look(f, accounts, GPU_CLIENTS_MAX);
	cr_assert_eq(use->n, GPU_USE_MAX);
	free(use);
	free(accounts);
	fixture_free(f);
}

struct asked {
	struct fixture *f;
	unsigned int n;
	int error;
	uint64_t at_ns;
	struct look_result last;
};

static void on_found(void *data, const struct look_result *found, int error)
{
	struct asked *a = data;

	a->error = error;
	a->n++;
	if (found) {
		a->last = *found;
		a->at_ns = found->at_ns;
	}
}

static void want(struct asked *a, unsigned int n)
{
	for (int i = 0; i < 1000 && a->n < n; i++)
		fixture_run(a->f, 0, 10);
	cr_assert_eq(a->n, n);
}

Test(look, callers_share_one_look)
{
	struct fixture *f = fixture_new();
	struct asked *a = calloc(1, sizeof(*a));
	struct look *l;
	uint64_t first;

	a->f = f;
	fake_file(f, "sys/class/power_supply/b/type", "Battery\n");
	fake_file(f, "sys/class/power_supply/b/status", "Discharging\n");
	fake_file(f, "sys/class/power_supply/b/capacity", "83\n");
	fake_file(f, "sys/class/power_supply/b/temp", "311\n");
	fake_file(f, "sys/class/thermal/thermal_zone0/temp", "45600\n");
	process(f, 100, "one\n");
	holds(f, 100, 5, "/dev/dri/renderD128", MSM("1", "1000"));
	cr_assert_eq(look_new(&l, f->loop, &f->config), 0);
	look_get(l, NULL, on_found, a);
	look_get(l, NULL, on_found, a);
	cr_assert_eq(a->n, 0, "nothing is read on the loop's thread");
	want(a, 2);
	cr_assert_eq(a->error, 0);
	cr_assert_eq(a->last.use.n, 1);
	cr_assert_eq(a->last.hottest_mc, 45600);
	cr_assert(a->last.has_battery && a->last.discharging);
	cr_assert_eq(a->last.battery_percent, 83);
	cr_assert_eq(a->last.battery_mc, 31100);
	first = a->at_ns;
	fake_file(f, "sys/class/power_supply/b/capacity", "82\n");
	look_get(l, NULL, on_found, a);
	/* Unless this machine stood still for so long. */
	if (clock_now_ns() - first < LOOK_MIN_NS) {
		cr_assert_eq(a->n, 3, "it is young enough to be told at once");
		cr_assert_eq(a->last.battery_percent, 83);
		cr_assert_eq(a->at_ns, first);
	}
	want(a, 3);
	first = a->at_ns;
	fixture_run(f, 0, LOOK_MIN_NS / NS_PER_MS + 1);
	look_get(l, NULL, on_found, a);
	want(a, 4);
	cr_assert_eq(a->last.battery_percent, 82);
	cr_assert_geq(a->at_ns, first + LOOK_MIN_NS);
	look_free(l);
	free(a);
	fixture_free(f);
}

Test(look, who_waits_at_the_end_is_told)
{
	struct fixture *f = fixture_new();
	struct asked *a = calloc(1, sizeof(*a));
	struct look *l;

	a->f = f;
	fake_remove(f, "proc");
	cr_assert_eq(look_new(&l, f->loop, &f->config), 0);
	look_get(l, NULL, on_found, a);
	look_free(l);
	cr_assert_eq(a->n, 1);
	cr_assert_eq(a->last.proc_error, -ENOENT);
	cr_assert_eq(a->last.battery_percent, GATE_VALUE_UNKNOWN);
	cr_assert_eq(a->last.hottest_mc, GATE_TEMP_UNKNOWN);
	free(a);
	fixture_free(f);
}
