/* SPDX-License-Identifier: MIT */
/* Rows of use from two sources; see gpu_use.h. */
#include "broker/sources/gpu_use.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/bpf/record.h"
#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

struct filler {
	struct gpu_use *use;
	const char *sys;
	int proc;
};

bool gpu_device_name(char out[GPU_DEVICE_MAX], const char *sys, const char *node)
{
	char path[512], target[512];
	const char *slash;
	ssize_t n;

	out[0] = '\0';
	snprintf(path, sizeof(path), "%.300s/class/%s/%.64s/device", sys,
		 strncmp(node, "accel", 5) ? "drm" : "accel", node);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, GPU_DEVICE_MAX, "%.*s", GPU_DEVICE_MAX - 1, slash ? slash + 1 : target);
	return true;
}

/* Returns false when there is no such process any more. */
static bool know_process(const struct filler *f, struct gpu_use_row *row)
{
	char path[32], comm[80];
	struct stat st;

	if (!row->pid)
		return true;
	snprintf(path, sizeof(path), "%d", row->pid);
	if (fstatat(f->proc, path, &st, 0) < 0)
		return false;
	row->uid = st.st_uid;
	snprintf(path, sizeof(path), "%d/comm", row->pid);
	if (!row->comm[0] && attr_read(f->proc, path, comm, sizeof(comm)) > 0)
		snprintf(row->comm, sizeof(row->comm), "%.*s", (int)sizeof(row->comm) - 1, comm);
	bpf_comm_clean(row->comm);
	return true;
}

static struct gpu_use_row *add_row(const struct filler *f, const struct gpu_use_row *row)
{
	struct gpu_use *use = f->use;

	if (use->n == GPU_USE_MAX)
		return NULL;
	use->row[use->n] = *row;
	return know_process(f, &use->row[use->n]) ? &use->row[use->n++] : NULL;
}

/* An account whose device has no name is that of any device that the process holds. */
static struct gpu_use_row *find_row(struct gpu_use *use, int pid, const char *device)
{
	for (uint32_t i = 0; i < use->n; i++) {
		struct gpu_use_row *row = &use->row[i];

		if (row->pid == pid && (!strcmp(row->device, device) ||
					(use->ebpf && row->has_time && !row->device[0])))
			return row;
	}
	return NULL;
}

static void take_accounts(const struct filler *f, const struct bpf_gpu_client *accounts, int n)
{
	for (int i = 0; i < n; i++) {
		const struct bpf_gpu_client *a = &accounts[i];
		struct gpu_use_row row = {
			.pid = (int)a->tgid,
			.has_time = true,
			.device_ns = a->counts.busy_ns,
		};

		memcpy(row.device, a->device, sizeof(a->device));
		memcpy(row.comm, a->counts.comm, sizeof(row.comm));
		add_row(f, &row);
	}
}

/* Over all engines: two that work at once count twice, as two programs on two engines would. */
static void add_engines(struct gpu_use_row *row, const struct fdinfo *info)
{
	for (uint32_t i = 0; i < info->n_engines; i++) {
		const struct fdinfo_engine *e = &info->engine[i];

		if (e->has_ns) {
			row->has_time = true;
			row->device_ns += e->ns;
		} else if (e->has_cycles) {
			row->has_cycles = true;
			row->cycles += e->cycles;
			if (e->total_cycles > row->total_cycles)
				row->total_cycles = e->total_cycles;
		}
	}
}

static void take_holder(void *data, const struct gpu_holder *holder)
{
	const struct filler *f = data;
	const struct fdinfo *info = holder->info;
	struct gpu_use_row new_row = {.pid = holder->pid}, *row;

	if (!gpu_device_name(new_row.device, f->sys, holder->node) && info)
		snprintf(new_row.device, sizeof(new_row.device), "%s",
			 info->pdev[0] ? info->pdev : info->driver);
	row = find_row(f->use, holder->pid, new_row.device);
	if (!row) {
		new_row.has_time = f->use->ebpf; /* of which it used nothing */
		row = add_row(f, &new_row);
	}
	if (!row || !info)
		return;
	if (!f->use->ebpf)
		add_engines(row, info);
	row->has_memory |= info->has_memory;
	row->memory += info->memory;
}

int gpu_use_look(struct gpu_use *out, struct gpu_clients *clients, const char *proc,
		 const char *sys, uint64_t now_ns, const struct bpf_gpu_client *accounts,
		 int n_accounts)
{
	_cleanup_close_ int dir = dir_open(proc, ".");
	struct filler f = {.use = out, .sys = sys, .proc = dir};
	struct gpu_look look;
	int r;

	*out = (struct gpu_use){.ebpf = n_accounts >= 0};
	if (dir < 0)
		return dir;
	r = gpu_clients_look(clients, proc, now_ns, NULL, NULL, &look);
	if (r < 0)
		return r;
	out->n_denied = look.n_denied;
	take_accounts(&f, accounts, n_accounts);
	gpu_clients_each(clients, take_holder, &f);
	return 0;
}
