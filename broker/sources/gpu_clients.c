/* SPDX-License-Identifier: MIT */
/*
 * The processes that hold a device; see gpu_clients.h.
 *
 * Two tables, both bounded: the processes seen, in the order of their numbers, and the clients
 * (open files) of this look and the last. A client is told apart by its id and device, since a
 * descriptor may be shared by fork or by passing it on.
 */
#include "broker/sources/gpu_clients.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/sources/sensor.h"
#include "libbroker/util/cleanup.h"

#define PROCESSES_MAX   16384
#define FDS_MAX         4096
#define CLIENTS_MAX     256
#define MUTE_MAX        64
#define ENGINES_MAX     64
#define FDINFO_TEXT_MAX 8192
#define YOUNG_LOOKS     3
#define ROUND_LOOKS     8

struct process {
	int pid;
	uint8_t looks; /* how often it was visited, up to YOUNG_LOOKS */
	bool holder;
};

struct process_list {
	struct process *p;
	size_t n, room;
};

struct place { /* where a client was found */
	int pid;
	char node[GPU_NODE_MAX];
};

struct client_list {
	uint32_t n, n_mute;
	struct fdinfo c[CLIENTS_MAX];
	struct place at[CLIENTS_MAX];
	struct place mute[MUTE_MAX]; /* files that tell nothing */
};

struct gpu_clients {
	struct process_list processes;
	struct client_list list[2]; /* of this look and the last, in turns */
	int current;
	uint64_t last_ns; /* 0: no look yet */
	unsigned int turn;
	char text[FDINFO_TEXT_MAX];
};

/* The use of one engine by all foreign clients. */
struct engine_sum {
	const struct fdinfo *client; /* one of them, for the device's name */
	const char *name;
	uint32_t permille;
};

DEFINE_CLEANUP(DIR, dir, closedir)

static DIR *dir_at(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d;

	if (fd < 0)
		return NULL;
	d = fdopendir(fd);
	if (!d)
		close(fd);
	return d;
}

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int list_add(struct process_list *l, int pid)
{
	if (l->n == PROCESSES_MAX)
		return 0;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 256;
		struct process *grown = reallocarray(l->p, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		l->p = grown;
		l->room = room;
	}
	l->p[l->n++] = (struct process){.pid = pid};
	return 0;
}

/* The processes of now, each with what was known of it. */
static int refresh(struct gpu_clients *g, DIR *proc)
{
	struct process_list now = {.n = 0};
	size_t old = 0;
	struct dirent *e;

	while ((e = readdir(proc))) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		if (list_add(&now, atoi(e->d_name)) < 0) {
			free(now.p);
			return -ENOMEM;
		}
	}
	if (now.n)
		qsort(now.p, now.n, sizeof(*now.p), by_pid);
	for (size_t i = 0; i < now.n; i++) {
		while (old < g->processes.n && g->processes.p[old].pid < now.p[i].pid)
			old++;
		if (old < g->processes.n && g->processes.p[old].pid == now.p[i].pid)
			now.p[i] = g->processes.p[old];
	}
	free(g->processes.p);
	g->processes = now;
	return 0;
}

static bool is_device(const char *target)
{
	return strstr(target, "/dri/render") || strstr(target, "/dri/card") ||
	       strstr(target, "/accel/accel");
}

static bool same_client(const struct fdinfo *a, const struct fdinfo *b)
{
	return a->client == b->client && !strcmp(a->driver, b->driver) && !strcmp(a->pdev, b->pdev);
}

static const struct fdinfo *find_client(const struct client_list *l, const struct fdinfo *f)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (same_client(&l->c[i], f))
			return &l->c[i];
	return NULL;
}

static void take_mute(struct client_list *l, const struct place *at)
{
	for (uint32_t i = 0; i < l->n_mute; i++)
		if (l->mute[i].pid == at->pid && !strcmp(l->mute[i].node, at->node))
			return;
	if (l->n_mute < MUTE_MAX)
		l->mute[l->n_mute++] = *at;
}

static void take_descriptor(struct gpu_clients *g, int fdinfo_dir, const char *name,
			    const struct place *at)
{
	struct client_list *l = &g->list[g->current];
	struct fdinfo f;

	/* Without a client id two descriptors cannot be told apart; old drivers only. */
	if (fdinfo_dir < 0 || attr_read(fdinfo_dir, name, g->text, sizeof(g->text)) < 0 ||
	    fdinfo_parse(g->text, &f) <= 0 || !f.has_client) {
		take_mute(l, at);
		return;
	}
	if (l->n == CLIENTS_MAX || find_client(l, &f))
		return;
	l->at[l->n] = *at;
	l->c[l->n++] = f;
}

static void place_at(struct place *at, int pid, const char *target)
{
	const char *slash = strrchr(target, '/');

	*at = (struct place){.pid = pid};
	snprintf(at->node, sizeof(at->node), "%.*s", GPU_NODE_MAX - 1, slash ? slash + 1 : target);
}

/* Returns whether the process may be looked into. */
static bool visit(struct gpu_clients *g, int proc, struct process *p)
{
	char name[32], target[96];
	_cleanup_(cleanup_dirp) DIR *fds = NULL;
	_cleanup_close_ int fdinfo = -1;
	struct place at;
	struct dirent *e;

	p->holder = false;
	if (p->looks < YOUNG_LOOKS)
		p->looks++;
	snprintf(name, sizeof(name), "%d/fd", p->pid);
	fds = dir_at(proc, name);
	if (!fds)
		return errno != EACCES && errno != EPERM;
	for (int i = 0; i < FDS_MAX && (e = readdir(fds)); i++) {
		ssize_t n = readlinkat(dirfd(fds), e->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = '\0';
		if (!is_device(target))
			continue;
		if (fdinfo < 0) {
			snprintf(name, sizeof(name), "%d/fdinfo", p->pid);
			fdinfo = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
		p->holder = true;
		place_at(&at, p->pid, target);
		take_descriptor(g, fdinfo, e->d_name, &at);
	}
	return true;
}

static void add_use(struct engine_sum *sums, uint32_t *n, const struct fdinfo *client,
		    const struct fdinfo_engine *e, uint32_t permille)
{
	uint32_t i;

	for (i = 0; i < *n; i++)
		if (!strcmp(sums[i].name, e->name) && !strcmp(sums[i].client->pdev, client->pdev) &&
		    !strcmp(sums[i].client->driver, client->driver))
			break;
	if (i == ENGINES_MAX)
		return;
	if (i == *n)
		sums[(*n)++] = (struct engine_sum){.client = client, .name = e->name};
	sums[i].permille += permille;
}

static void sum_up(const struct gpu_clients *g, uint64_t window_ns, struct gpu_look *out)
{
	const struct client_list *now = &g->list[g->current], *before = &g->list[!g->current];
	struct engine_sum sums[ENGINES_MAX];
	uint32_t n_sums = 0;

	out->n_clients = now->n;
	for (uint32_t i = 0; i < now->n; i++) {
		const struct fdinfo *c = &now->c[i], *was = find_client(before, c);

		if (!c->n_engines) {
			out->n_silent++;
			memcpy(out->driver, c->driver, sizeof(out->driver));
		}
		for (uint32_t k = 0; was && k < c->n_engines && k < was->n_engines; k++)
			if (!strcmp(c->engine[k].name, was->engine[k].name))
				add_use(sums, &n_sums, c, &c->engine[k],
					fdinfo_busy(&was->engine[k], &c->engine[k], window_ns));
	}
	for (uint32_t i = 0; i < n_sums; i++)
		if (sums[i].permille > out->busy_permille) {
			out->busy_permille = sums[i].permille < 1000 ? sums[i].permille : 1000;
			memcpy(out->driver, sums[i].client->driver, sizeof(out->driver));
		}
}

int gpu_clients_look(struct gpu_clients *g, const char *proc, uint64_t now_ns,
		     bool (*is_ours)(void *data, int pid), void *data, struct gpu_look *out)
{
	_cleanup_(cleanup_dirp) DIR *dir = dir_at(AT_FDCWD, proc);
	int r;

	*out = (struct gpu_look){.first = !g->last_ns};
	if (!dir)
		return -errno;
	r = refresh(g, dir);
	if (r < 0)
		return r;
	g->current = !g->current;
	g->list[g->current].n = 0;
	g->list[g->current].n_mute = 0;
	g->turn++;
	for (size_t i = 0; i < g->processes.n; i++) {
		struct process *p = &g->processes.p[i];
		bool due = p->holder || p->looks < YOUNG_LOOKS || out->first ||
			   (unsigned int)p->pid % ROUND_LOOKS == g->turn % ROUND_LOOKS;

		if (!due || (is_ours && is_ours(data, p->pid)))
			continue;
		out->n_denied += !visit(g, dirfd(dir), p);
	}
	sum_up(g, g->last_ns ? now_ns - g->last_ns : 0, out);
	g->last_ns = now_ns;
	return 0;
}

static bool has_client(const struct client_list *l, const struct place *at)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->at[i].pid == at->pid && !strcmp(l->at[i].node, at->node))
			return true;
	return false;
}

void gpu_clients_each(const struct gpu_clients *g,
		      void (*fn)(void *data, const struct gpu_holder *holder), void *data)
{
	const struct client_list *l = &g->list[g->current];
	uint32_t i = 0, m = 0;

	while (i < l->n || m < l->n_mute) {
		bool mute = i == l->n || (m < l->n_mute && l->mute[m].pid < l->at[i].pid);
		const struct place *at = mute ? &l->mute[m] : &l->at[i];
		struct gpu_holder h = {.pid = at->pid, .info = mute ? NULL : &l->c[i]};

		memcpy(h.node, at->node, sizeof(h.node));
		if (!mute || !has_client(l, at))
			fn(data, &h);
		m += mute;
		i += !mute;
	}
}

void gpu_clients_forget(struct gpu_clients *g)
{
	g->last_ns = 0;
	for (int i = 0; i < 2; i++)
		g->list[i].n = g->list[i].n_mute = 0;
	g->processes.n = 0;
}

int gpu_clients_new(struct gpu_clients **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void gpu_clients_free(struct gpu_clients *g)
{
	if (!g)
		return;
	free(g->processes.p);
	free(g);
}
