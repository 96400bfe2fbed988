/* SPDX-License-Identifier: MIT */
/* DRM fdinfo; see fdinfo.h. */
#include "broker/sources/fdinfo.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_SUMS 3

struct fdinfo_memory {
	bool known;
	uint64_t bytes;
};

struct line {
	const char *key, *value;
	size_t key_len, value_len;
};

/* Takes the next "key:<blanks>value" line; returns false at the end. */
static bool next_line(const char **text, struct line *l)
{
	while (**text) {
		const char *start = *text;
		const char *end = start + strcspn(start, "\n");
		const char *colon = memchr(start, ':', (size_t)(end - start));

		*text = *end ? end + 1 : end;
		if (!colon)
			continue;
		l->key = start;
		l->key_len = (size_t)(colon - start);
		l->value = colon + 1;
		while (l->value < end && isspace((unsigned char)*l->value))
			l->value++;
		while (end > l->value && isspace((unsigned char)end[-1]))
			end--;
		l->value_len = (size_t)(end - l->value);
		return true;
	}
	return false;
}

static bool key_is(const struct line *l, const char *key)
{
	return l->key_len == strlen(key) && !memcmp(l->key, key, l->key_len);
}

/* The rest of the key behind @prefix, or NULL. */
static const char *key_rest(const struct line *l, const char *prefix, size_t *len)
{
	size_t n = strlen(prefix);

	if (l->key_len <= n || memcmp(l->key, prefix, n))
		return NULL;
	*len = l->key_len - n;
	return l->key + n;
}

static void copy_value(const struct line *l, char *out, size_t size)
{
	snprintf(out, size, "%.*s", (int)(l->value_len < size ? l->value_len : size - 1), l->value);
}

/* A number and what stands behind it. */
static int number_at(const struct line *l, char text[40], uint64_t *out, char **unit)
{
	if (!l->value_len || l->value_len >= 40 || !isdigit((unsigned char)*l->value))
		return -EBADMSG;
	copy_value(l, text, 40);
	errno = 0;
	*out = strtoull(text, unit, 10);
	while (**unit == ' ' || **unit == '\t')
		(*unit)++;
	return errno ? -EBADMSG : 0;
}

static int number(const struct line *l, const char *unit, uint64_t *out)
{
	char text[40], *end;

	if (number_at(l, text, out, &end) < 0)
		return -EBADMSG;
	return *end && strcmp(end, unit) ? -EBADMSG : 0;
}

static struct fdinfo_engine *engine_get(struct fdinfo *f, const char *name, size_t len)
{
	struct fdinfo_engine *e;

	if (len >= FDINFO_NAME_MAX)
		return NULL;
	for (uint32_t i = 0; i < f->n_engines; i++)
		if (strlen(f->engine[i].name) == len && !memcmp(f->engine[i].name, name, len))
			return &f->engine[i];
	if (f->n_engines == FDINFO_ENGINES_MAX)
		return NULL;
	e = &f->engine[f->n_engines++];
	*e = (struct fdinfo_engine){.capacity = 1};
	memcpy(e->name, name, len);
	return e;
}

/* Which sum over the regions a key adds to; -1: none. */
static int memory_key(const struct line *l)
{
	size_t len;

	if (key_rest(l, "drm-total-cycles-", &len))
		return -1;
	if (key_rest(l, "drm-resident-", &len))
		return 2;
	if (key_rest(l, "drm-memory-", &len))
		return 1;
	return key_rest(l, "drm-total-", &len) ? 0 : -1;
}

/*
 * Shown and not judged by: a line that makes no sense is passed over. @sums: of all buffers; of
 * those that are resident, by the old name of that key and by its new one. The last that is known
 * counts.
 */
static void add_memory(const struct line *l, int key, struct fdinfo_memory sums[MEMORY_SUMS])
{
	static const struct {
		const char *unit;
		uint64_t bytes;
	} units[] = {{"", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}};
	char text[40], *unit;
	uint64_t v;

	if (number_at(l, text, &v, &unit) < 0)
		return;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(unit, units[i].unit) != 0 || v > (UINT64_MAX >> 2) / units[i].bytes)
			continue;
		sums[key].known = true;
		sums[key].bytes += v * units[i].bytes;
		if (sums[key].bytes > UINT64_MAX >> 1)
			sums[key].bytes = UINT64_MAX >> 1;
	}
}

static int parse_engine(struct fdinfo *f, const struct line *l)
{
	static const struct {
		const char *prefix, *unit;
		enum {
			CAPACITY,
			NS,
			TOTAL,
			CYCLES
		} what;
	} keys[] = {
		{"drm-engine-capacity-", "", CAPACITY},
		{"drm-engine-", "ns", NS},
		{"drm-total-cycles-", "", TOTAL},
		{"drm-cycles-", "", CYCLES},
	};
	struct fdinfo_engine *e;
	const char *name;
	uint64_t v;
	size_t len;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		name = key_rest(l, keys[i].prefix, &len);
		if (!name)
			continue;
		if (number(l, keys[i].unit, &v) < 0)
			return -EBADMSG;
		e = engine_get(f, name, len);
		if (!e)
			return 0;
		if (keys[i].what == CAPACITY) {
			e->capacity = v > 0 && v < 256 ? (uint32_t)v : 1;
		} else if (keys[i].what == NS) {
			e->has_ns = true;
			e->ns = v;
		} else if (keys[i].what == TOTAL) {
			e->has_cycles = true;
			e->total_cycles = v;
		} else {
			e->cycles = v;
		}
		return 0;
	}
	return 0;
}

int fdinfo_parse(const char *text, struct fdinfo *out)
{
	struct fdinfo_memory sums[MEMORY_SUMS] = {};
	bool drm = false;
	struct line l;
	uint32_t kept = 0;

	*out = (struct fdinfo){.n_engines = 0};
	while (next_line(&text, &l)) {
		int r = 0;

		if (l.key_len < 4 || memcmp(l.key, "drm-", 4))
			continue;
		drm = true;
		if (key_is(&l, "drm-driver")) {
			copy_value(&l, out->driver, sizeof(out->driver));
		} else if (key_is(&l, "drm-pdev")) {
			copy_value(&l, out->pdev, sizeof(out->pdev));
		} else if (key_is(&l, "drm-client-id")) {
			r = number(&l, "", &out->client);
			out->has_client = r == 0;
		} else if (memory_key(&l) >= 0) {
			add_memory(&l, memory_key(&l), sums);
		} else {
			r = parse_engine(out, &l);
		}
		if (r < 0)
			return r;
	}
	for (int i = 0; i < MEMORY_SUMS; i++) {
		out->has_memory |= sums[i].known;
		out->memory = sums[i].known ? sums[i].bytes : out->memory;
	}
	/* Cycles without a total, or a capacity alone, tell no share. */
	for (uint32_t i = 0; i < out->n_engines; i++)
		if (out->engine[i].has_ns || out->engine[i].has_cycles)
			out->engine[kept++] = out->engine[i];
	out->n_engines = kept;
	return drm && out->driver[0];
}

uint32_t fdinfo_busy(const struct fdinfo_engine *before, const struct fdinfo_engine *now,
		     uint64_t window_ns)
{
	uint64_t used, of;

	if (now->has_ns) {
		used = now->ns > before->ns ? now->ns - before->ns : 0;
		of = window_ns;
	} else {
		used = now->cycles > before->cycles ? now->cycles - before->cycles : 0;
		of = now->total_cycles > before->total_cycles
			     ? now->total_cycles - before->total_cycles
			     : 0;
	}
	if (!of)
		return 0;
	of *= now->capacity;
	if (used >= of)
		return 1000;
	return (uint32_t)(of > UINT64_MAX / 1000 ? used / (of / 1000) : used * 1000 / of);
}
