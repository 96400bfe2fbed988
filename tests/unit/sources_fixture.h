/* SPDX-License-Identifier: MIT */
/*
 * A source on roots of its own: a temporary directory with sys/, proc/ and dev/, the real loop,
 * and the facts that came, in order. Files are made and changed as the kernel would.
 */
#ifndef TESTS_UNIT_SOURCES_FIXTURE_H
#define TESTS_UNIT_SOURCES_FIXTURE_H

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/sources/source.h"
#include "libbroker/util/cleanup.h"

#define FACTS_MAX 512

struct fixture {
	char root[64];
	struct config config;
	struct loop *loop;
	struct loop_timer *limit;
	const struct source_ops *ops;
	void *source;
	struct gate_fact fact[FACTS_MAX];
	unsigned int n;
	unsigned int stop_at; /* stop the loop at this many facts */
	int32_t heat;
	int ours; /* one process that is_ours() knows; 0: none */
};

static inline void fixture_path(const struct fixture *f, char *out, size_t size, const char *path)
{
	cr_assert_lt(snprintf(out, size, "%s/%s", f->root, path), (int)size);
}

static inline void fake_dir(const struct fixture *f, const char *path)
{
	char full[512];

	fixture_path(f, full, sizeof(full), path);
	for (char *p = full + strlen(f->root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(full, 0755);
	}
	mkdir(full, 0755);
}

/* Makes the file, and the folders above it. */
static inline void fake_file(const struct fixture *f, const char *path, const char *text)
{
	char full[512], dir[512];
	FILE *file;

	snprintf(dir, sizeof(dir), "%s", path);
	if (strrchr(dir, '/')) {
		*strrchr(dir, '/') = '\0';
		fake_dir(f, dir);
	}
	fixture_path(f, full, sizeof(full), path);
	file = fopen(full, "w");
	cr_assert_not_null(file, "%s", full);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static inline void fake_link(const struct fixture *f, const char *path, const char *target)
{
	char full[512];

	fixture_path(f, full, sizeof(full), path);
	cr_assert_eq(symlink(target, full), 0, "%s", full);
}

static inline int fake_remove_one(const char *path, const struct stat *st, int type,
				  struct FTW *ftw)
{
	return remove(path);
}

static inline void fake_remove(const struct fixture *f, const char *path)
{
	char full[512];

	fixture_path(f, full, sizeof(full), path);
	cr_assert_eq(nftw(full, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0, "%s", full);
}

static inline void fixture_take(void *data, const struct gate_fact *fact)
{
	struct fixture *f = data;

	cr_assert_lt(f->n, FACTS_MAX);
	f->fact[f->n++] = *fact;
	if (f->stop_at && f->n >= f->stop_at)
		loop_stop(f->loop);
}

static inline void fixture_heat(void *data, int32_t hottest_mc)
{
	((struct fixture *)data)->heat = hottest_mc;
}

static inline bool fixture_is_ours(void *data, int pid)
{
	return pid == ((struct fixture *)data)->ours;
}

static inline int fixture_workers(void *data, int *pids, int max)
{
	struct fixture *f = data;

	if (!f->ours || max < 1)
		return 0;
	pids[0] = f->ours;
	return 1;
}

static inline void fixture_stop(void *data)
{
	loop_stop(data);
}

static inline struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	cr_assert_not_null(f);
	strcpy(f->root, "/tmp/sources.XXXXXX");
	cr_assert_not_null(mkdtemp(f->root));
	fake_dir(f, "sys/class");
	fake_dir(f, "proc");
	fake_dir(f, "dev");
	config_default(&f->config);
	fixture_path(f, f->config.roots.sys, sizeof(f->config.roots.sys), "sys");
	fixture_path(f, f->config.roots.proc, sizeof(f->config.roots.proc), "proc");
	fixture_path(f, f->config.roots.dev, sizeof(f->config.roots.dev), "dev");
	cr_assert_eq(loop_new(&f->loop, NULL), 0);
	cr_assert_eq(loop_timer_new(f->loop, fixture_stop, f->loop, &f->limit), 0);
	return f;
}

static inline void fixture_open(struct fixture *f, const struct source_ops *ops)
{
	struct source_ctx ctx = {.loop = f->loop,
				 .config = &f->config,
				 .fact = fixture_take,
				 .heat = fixture_heat,
				 .is_ours = fixture_is_ours,
				 .workers = fixture_workers,
				 .data = f};

	f->ops = ops;
	cr_assert_eq(ops->open(&f->source, &ctx), 0);
}

static inline void fixture_free(struct fixture *f)
{
	if (f->source)
		f->ops->close(f->source);
	loop_free(f->loop);
	nftw(f->root, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
}

/* Runs until @more facts have come or the time is over; returns how many came. */
static inline unsigned int fixture_run(struct fixture *f, unsigned int more, unsigned int ms)
{
	unsigned int before = f->n;

	f->stop_at = more ? f->n + more : 0;
	loop_timer_at(f->limit, clock_now_ns() + ms * NS_PER_MS);
	cr_assert_eq(loop_run(f->loop), 0);
	loop_timer_at(f->limit, UINT64_MAX);
	f->stop_at = 0;
	return f->n - before;
}

static inline const struct gate_fact *fixture_last(const struct fixture *f, uint32_t kind)
{
	for (unsigned int i = f->n; i; i--)
		if (f->fact[i - 1].kind == kind)
			return &f->fact[i - 1];
	return NULL;
}

static inline unsigned int fixture_count(const struct fixture *f, uint32_t kind)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < f->n; i++)
		n += f->fact[i].kind == kind;
	return n;
}

/* Runs until the state is told, or fails after @ms. */
static inline void fixture_want_state(struct fixture *f, enum gate_sensor_state state,
				      unsigned int ms)
{
	uint64_t end = clock_now_ns() + ms * NS_PER_MS;

	for (;;) {
		const struct gate_fact *last = fixture_last(f, GATE_FACT_SENSOR);
		struct source_status status;

		if (last && last->sensor.state == state && last->sensor.id == f->ops->sensor)
			return;
		f->ops->status(f->source, &status);
		cr_assert_lt(clock_now_ns(), end, "state is %d: %s",
			     last ? (int)last->sensor.state : -1, status.detail);
		fixture_run(f, 1, 50);
	}
}

static inline void fixture_want_detail(struct fixture *f, const char *part)
{
	struct source_status status;

	f->ops->status(f->source, &status);
	cr_assert_not_null(strstr(status.detail, part), "'%s' is not in '%s'", part, status.detail);
}

#endif
