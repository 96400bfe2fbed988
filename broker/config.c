/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing whole configs; see config.h.
 *
 * inih cuts the text into sections, keys and values; this file counts lines on the way (inih can
 * tell a handler the line only if it was built so), and refuses what inih would pass over in
 * silence: lines longer than it takes, zero bytes, sections without keys, Python's continuation
 * lines, and a key that stands twice in one file. The first error is the one that is told.
 */
#include "broker/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "broker/config_hint.h"
#include "broker/config_value.h"
#include "libbroker/util/cleanup.h"

#define KEYS_MAX    96
#define DROPINS_MAX 256
#define BOM         "\xef\xbb\xbf"

struct reading {
	struct config c;
	struct error *err;
	int result; /* the first error's */
	const char *path;
	FILE *file;
	int line;
	char *text; /* of getline() */
	size_t room;
	int seen[KEYS_MAX]; /* line of this file in which a key stood; 0 = not yet */
	int seen_tenant[CONFIG_TENANTS_MAX][4]; /* the same of a tenant's keys */
};

static int reading_fail(struct reading *rd, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int reading_fail(struct reading *rd, int code, const char *fmt, ...)
{
	char where[sizeof(rd->err->where)], what[sizeof(rd->err->what)];
	va_list ap;

	if (rd->result)
		return rd->result;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (rd->line)
		snprintf(where, sizeof(where), "%s:%d", rd->path, rd->line);
	else
		snprintf(where, sizeof(where), "%s", rd->path);
	rd->result = error_set(rd->err, code, where, "%s", what);
	return rd->result;
}

static const struct config_key *find_section(const char *section)
{
	for (const struct config_key *k = config_table; k->section; k++)
		if (!strcmp(k->section, section))
			return k;
	return NULL;
}

/* A tenant that was not named before starts with the defaults, which are filled in at the end. */
static int find_tenant(struct reading *rd, const char *text, struct config_tenant **out)
{
	unsigned long long uid;
	char *end;

	errno = 0;
	uid = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || uid >= UINT32_MAX)
		return reading_fail(rd, -EINVAL,
				    "[tenant " HINT_FMT "]: a tenant is a user's number, as in "
				    "[tenant 1000]",
				    HINT_ARGS(text));
	for (uint32_t i = 0; i < rd->c.n_tenants; i++) {
		if (rd->c.tenants[i].uid == uid) {
			*out = &rd->c.tenants[i];
			return 0;
		}
	}
	if (rd->c.n_tenants == CONFIG_TENANTS_MAX)
		return reading_fail(rd, -E2BIG, "there may be %u [tenant] sections at most",
				    CONFIG_TENANTS_MAX);
	*out = &rd->c.tenants[rd->c.n_tenants++];
	**out = (struct config_tenant){.uid = (uint32_t)uid, .day_budget_ns = UINT64_MAX};
	return 0;
}

/* [tenant 1000] -> "tenant", "1000"; any other -> itself, NULL */
static int split_section(struct reading *rd, const char *text, const char **section,
			 const char **tenant)
{
	const struct config_key *k;
	char hint[CONFIG_TEXT_MAX];

	*section = text;
	*tenant = NULL;
	if (!strncmp(text, "tenant", 6) && (!text[6] || text[6] == ' ')) {
		*section = "tenant";
		*tenant = text + 6 + strspn(text + 6, " ");
		return 0;
	}
	k = find_section(text);
	if (!k) {
		config_hint_section(text, hint);
		return reading_fail(rd, -EINVAL, "%s", hint);
	}
	*section = k->section;
	return 0;
}

static int fail_value(struct reading *rd, const struct config_key *k, const char *value)
{
	char accepts[CONFIG_TEXT_MAX];

	config_value_accepts(k, accepts);
	return reading_fail(rd, -EINVAL, "[%s] %s = \"" HINT_FMT "\": it takes %s", k->section,
			    k->name, HINT_ARGS(value), accepts);
}

static int set_value(struct reading *rd, const struct config_key *k, void *base, int *seen,
		     const char *value)
{
	if (*seen && k->type != CONFIG_WINDOWS)
		return reading_fail(rd, -EINVAL,
				    "[%s] %s stands twice in this file, first in line %d; keep one",
				    k->section, k->name, *seen);
	if (!*seen && k->type == CONFIG_WINDOWS)
		rd->c.n_windows = 0; /* a later file replaces the list of an earlier one */
	*seen = rd->line;
	if (config_value_parse(k, base, value) < 0)
		return fail_value(rd, k, value);
	return 0;
}

/* inih's handler: 1 is success. */
static int reading_pair(void *data, const char *text, const char *name, const char *value)
{
	struct reading *rd = data;
	const char *section, *tenant;
	char hint[CONFIG_TEXT_MAX];
	struct config_tenant *t;
	int *seen;

	if (rd->result)
		return 0;
	if (!*text) {
		reading_fail(rd, -EINVAL, "\"" HINT_FMT "\" stands before any [section]",
			     HINT_ARGS(name));
		return 0;
	}
	if (split_section(rd, text, &section, &tenant) < 0)
		return 0;
	for (const struct config_key *k = find_section(section); k->section; k++) {
		if (strcmp(k->section, section) != 0 || strcmp(k->name, name) != 0)
			continue;
		if (!tenant)
			return set_value(rd, k, &rd->c, &rd->seen[k - config_table], value) == 0;
		if (find_tenant(rd, tenant, &t) < 0)
			return 0;
		seen = &rd->seen_tenant[t - rd->c.tenants][k - find_section(section)];
		return set_value(rd, k, t, seen, value) == 0;
	}
	config_hint_key(section, name, hint);
	reading_fail(rd, -EINVAL, "%s", hint);
	return 0;
}

/*
 * What inih would tell late or never: it reads on behind a line it does not understand, and a
 * section without keys never reaches the handler.
 */
static void check_line(struct reading *rd, const char *line)
{
	const char *end = strchr(line, ']');
	const char *section, *tenant;
	struct config_tenant *t;
	char name[128];

	if (!*line || *line == '#' || *line == ';')
		return;
	if (*line != '[' ? !strpbrk(line, "=:") : !end) {
		reading_fail(rd, -EINVAL,
			     "this line is neither \"[section]\", \"key = value\" nor a comment");
		return;
	}
	if (*line != '[')
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(end - line - 1), line + 1);
	if (split_section(rd, name, &section, &tenant) == 0 && tenant)
		find_tenant(rd, tenant, &t);
}

/* inih's reader, in the manner of fgets(). */
static char *reading_line(char *out, int size, void *data)
{
	struct reading *rd = data;
	ssize_t len;
	char *line;

	if (rd->result)
		return NULL;
	errno = 0;
	len = getline(&rd->text, &rd->room, rd->file);
	if (len < 0) {
		if (ferror(rd->file))
			reading_fail(rd, -errno, "cannot be read: %s", strerror(errno));
		return NULL;
	}
	rd->line++;
	if ((size_t)len != strlen(rd->text)) {
		reading_fail(rd, -EINVAL, "there is a zero byte in this line");
		return NULL;
	}
	line = rd->text + strspn(rd->text, " \t"); /* no continuation lines */
	len = (ssize_t)strcspn(line, "\r\n");
	line[len] = '\0';
	if (len + 2 > size) {
		if (*line != '#' && *line != ';') {
			reading_fail(rd, -E2BIG, "this line is longer than %d bytes", size - 2);
			return NULL;
		}
		len = 1; /* of a comment, nothing is needed */
	}
	check_line(rd, line + (rd->line == 1 && !strncmp(line, BOM, 3) ? 3 : 0));
	snprintf(out, (size_t)size, "%.*s\n", (int)len, line);
	return out;
}

static int read_file(struct reading *rd, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	int r;

	rd->path = path;
	rd->line = 0;
	memset(rd->seen, 0, sizeof(rd->seen));
	memset(rd->seen_tenant, 0, sizeof(rd->seen_tenant));
	if (!file)
		return reading_fail(rd, -errno, "cannot be read: %s", strerror(errno));
	rd->file = file;
	r = ini_parse_stream(reading_line, rd, reading_pair, rd);
	rd->file = NULL;
	if (r > 0) {
		rd->line = r;
		reading_fail(rd, -EINVAL,
			     "this line is neither \"[section]\", \"key = value\" nor a comment");
	} else if (r < 0) {
		reading_fail(rd, -ENOMEM, "out of memory");
	}
	return rd->result;
}

static int is_dropin(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && !strcmp(e->d_name + len - 5, ".conf");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not by locale */
}

static int read_dropins(struct reading *rd, const char *path)
{
	char folder[PATH_MAX], file[PATH_MAX + 256];
	struct dirent **list;
	int n;

	snprintf(folder, sizeof(folder), "%s.d", path);
	rd->path = folder;
	rd->line = 0;
	n = scandir(folder, &list, is_dropin, by_name);
	if (n < 0)
		return errno == ENOENT
			       ? 0
			       : reading_fail(rd, -errno, "cannot be read: %s", strerror(errno));
	if (n > DROPINS_MAX)
		reading_fail(rd, -E2BIG, "there are %d files; at most %d are read", n, DROPINS_MAX);
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", folder, list[i]->d_name);
		if (!rd->result)
			read_file(rd, file);
		free(list[i]);
	}
	free(list);
	return rd->result;
}

/* What one key alone cannot tell. */
static int check_together(struct reading *rd)
{
	const struct config *c = &rd->c;
	const char *why = gate_policy_check(&c->gate);

	rd->line = 0; /* two keys, perhaps of two files: no one line is to blame */
	if (why)
		return reading_fail(rd, -EINVAL, "[gate] %s", why);
	if (c->quantum_ns > c->slice_limit_ns)
		return reading_fail(rd, -EINVAL, "[slices] quantum must not be above slice_limit");
	if (c->slice_limit_ns > c->first_slice_limit_ns)
		return reading_fail(rd, -EINVAL,
				    "[slices] slice_limit must not be above first_slice_limit");
	if (c->grace_ns >= c->kill_ns)
		return reading_fail(rd, -EINVAL, "[slices] grace must be shorter than kill");
	if (c->zone_target_mc >= c->gate.zone_hot_set)
		return reading_fail(
			rd, -EINVAL,
			"[devices] zone_target must be below [gate] zone_hot_set, or heat "
			"closes the gate before it lowers the share of time");
	if (c->max_jobs_per_tenant > c->max_jobs)
		return reading_fail(rd, -EINVAL,
				    "[limits] max_jobs_per_tenant must not be above max_jobs");
	return 0;
}

static void fill_tenants(struct config *c)
{
	for (uint32_t i = 0; i < c->n_tenants; i++) {
		if (!c->tenants[i].weight)
			c->tenants[i].weight = c->default_weight;
		if (c->tenants[i].day_budget_ns == UINT64_MAX)
			c->tenants[i].day_budget_ns = c->default_day_budget_ns;
	}
}

void config_default(struct config *c)
{
	memset(c, 0, sizeof(*c));
	gate_policy_default(&c->gate);
	for (const struct config_key *k = config_table; k->section; k++)
		if (k->def)
			config_value_parse(k, c, k->def);
}

int config_load(struct config *out, const char *path, struct error *err)
{
	struct reading *rd = calloc(1, sizeof(*rd));
	int r;

	if (!rd)
		return error_set(err, -ENOMEM, path, "out of memory");
	rd->err = err;
	config_default(&rd->c);
	if (path && read_file(rd, path) == 0 && read_dropins(rd, path) == 0) {
		fill_tenants(&rd->c);
		rd->path = path;
		check_together(rd);
	}
	r = rd->result;
	if (!r)
		*out = rd->c;
	free(rd->text);
	free(rd);
	return r;
}
