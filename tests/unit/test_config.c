/* SPDX-License-Identifier: MIT */
/*
 * The config: bad files against the words they must get, good ones against their values, and
 * what is shipped against the table. IDLEBROKER_REGENERATE=1 writes the shipped files anew.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/config.h"
#include "broker/config_schedule.h"
#include "broker/config_value.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"
#include "libbroker/util/io.h"

struct place {
	char dir[64], conf[96];
};

static void place_init(struct place *p)
{
	char dropins[128];

	snprintf(p->dir, sizeof(p->dir), "/tmp/test_config.XXXXXX");
	cr_assert(mkdtemp(p->dir));
	snprintf(p->conf, sizeof(p->conf), "%s/broker.conf", p->dir);
	snprintf(dropins, sizeof(dropins), "%s.d", p->conf);
	cr_assert_eq(mkdir(dropins, 0755), 0);
}

static void place_remove(struct place *p)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r %s", p->dir);
	cr_assert_eq(system(command), 0);
}

static void put(struct place *p, const char *name, const char *text, size_t len)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	f = fopen(path, "w");
	cr_assert(f);
	cr_assert_eq(fwrite(text, 1, len, f), len);
	fclose(f);
}

static int load(struct config *c, const char *text, size_t len, struct error *err)
{
	struct place p;
	int r;

	place_init(&p);
	put(&p, "broker.conf", text, len);
	r = config_load(c, p.conf, err);
	place_remove(&p);
	return r;
}

#define LONG_LINE                                                                                  \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct bad {
	const char *text;
	int line; /* 0: of the file as a whole */
	const char *words[3]; /* each must be in the message */
} bads[] = {
	{"[slices]\nquantum = fast\n", 2, {"[slices] quantum", "\"fast\"", "from 500us to 100ms"}},
	{"[slices]\n\nquantum = 4\n", 3, {"quantum", "a time with its unit"}},
	{"[slices]\nquantum = 4 parsecs\n", 2, {"4 parsecs", "ns, us, ms"}},
	{"[slices]\nquantum = -4ms\n", 2, {"-4ms", "500us"}},
	{"[slices]\nquantum = 1h\n", 2, {"1h", "to 100ms"}},
	{"[slices]\nquantum =\n", 2, {"quantum", "\"\""}},
	{"[slices]\nquantum = 99999999999999999999ms\n", 2, {"quantum"}},
	{"[slices]\nquantum = 9999999999d\n", 2, {"quantum"}},
	{"[slices]\nquantum = 0.0000001ms\n", 2, {"quantum"}},
	{"[slices]\nquantum = 4ms\n\nquantum = 5ms\n", 4, {"twice", "line 2"}},
	{"[slices]\nquantun = 4ms\n", 2, {"no key \"quantun\"", "is it \"quantum\""}},
	{"[slices]\nmax_jobs = 4\n", 2, {"belongs in [limits]"}},
	{"[schedule]\nxyzzyplugh = 4\n", 2, {"its keys are allow"}},
	{"[slice]\nquantum = 4ms\n", 1, {"no section [slice]", "is it [slices]"}},
	{"[slice]\n", 1, {"no section [slice]"}},
	{"[xyzzyplugh]\n", 1, {"the sections are", "tenant <uid>"}},
	{"quantum = 4ms\n", 1, {"before any [section]"}},
	{"[slices]\nquantum\nturn = x\n", 2, {"key = value"}},
	{"[slices\nquantum = 4ms\n", 1, {"key = value"}},
	{"[limits]\nmax_jobs = 1.5\n", 2, {"1.5", "a whole number"}},
	{"[limits]\nmax_jobs = 0\n", 2, {"from 1 to 1000000"}},
	{"[limits]\nmax_spool = 4X\n", 2, {"4X", "with K, M, G or T"}},
	{"[limits]\nmax_jobs = 5\nmax_jobs_per_tenant = 6\n",
	 0,
	 {"max_jobs_per_tenant", "max_jobs"}},
	{"[gate]\nbattery_hot_set = 40F\n", 2, {"40F", "degrees Celsius"}},
	{"[gate]\nbattery_hot_set = 30C\n", 0, {"battery_hot_clear"}},
	{"[gate]\nbattery_low_set = 101\n", 2, {"percent from 0% to 100%"}},
	{"[gate]\nbattery_low_set = 90\nbattery_low_clear = 80\n", 0, {"battery_low"}},
	{"[gate]\nzone_hot_set = 50\nzone_hot_clear = 45\n", 0, {"zone_target", "zone_hot_set"}},
	{"[gate]\nrequire_charging = maybe\n", 2, {"maybe", "yes or no"}},
	{"[gate]\nrequired_sensors = input, nose\n", 2, {"nose", "thermal"}},
	{"[gate]\nrequired_sensors = input,\n", 2, {"thermal"}},
	{"[gate]\ncpu_busy = 12.55%\n", 2, {"12.55%", "up to one decimal"}},
	{"[broker]\nlog_level = loud\n", 2, {"loud", "error, warning, info or debug"}},
	{"[broker]\nstate_dir = var\n", 2, {"an absolute path"}},
	{"[broker]\nsocket = /" LONG_LINE "\n", 2, {"longer than"}},
	{"[broker]\nsocket = "
	 "/run/a-socket-whose-name-is-longer-than-what-the-kernel-takes-for-a-socket-which-is-a-hundred-and-"
	 "seven-bytes\n",
	 2,
	 {"at most 107 bytes"}},
	{"[broker]\n  quantum\n", 2, {"key = value"}},
	{"[slices]\nquantum = 4ms\n  5ms\n", 3, {"key = value"}},
	{"[schedule]\nallow = someday 10:00-11:00\n", 2, {"someday", "mon-fri 22:00-06:00"}},
	{"[schedule]\nallow = mon 25:00-26:00\n", 2, {"25:00"}},
	{"[schedule]\nallow = mon 10:60-11:00\n", 2, {"10:60"}},
	{"[schedule]\nallow = mon10:00-11:00\n", 2, {"mon10:00"}},
	{"[schedule]\nallow = 24:00-06:00\n", 2, {"24:00"}},
	{"[tenant]\nweight = 3\n", 1, {"[tenant 1000]"}},
	{"[tenant alice]\nweight = 3\n", 1, {"alice", "a user's number"}},
	{"[tenant 4294967295]\n", 1, {"4294967295"}},
	{"[tenant 1000]\nweight = 0\n", 2, {"[tenant] weight", "from 1 to 10000"}},
	{"[tenant 1000]\nweight = 3\nweight = 4\n", 3, {"twice", "line 2"}},
	{"[slices]\ngrace = 3s\nkill = 2s\n", 0, {"grace", "kill"}},
	{"[slices]\nslice_limit = 5ms\nquantum = 6ms\n", 0, {"quantum", "slice_limit"}},
};

Test(config, a_bad_file_is_refused_with_its_line_and_what_is_right)
{
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		const struct bad *b = &bads[i];
		struct error err = {};
		struct config c;
		const char *file;
		char line[16] = "";
		int r;

		memset(&c, 0x55, sizeof(c));
		r = load(&c, b->text, strlen(b->text), &err);
		cr_assert_lt(r, 0, "%s", b->text);
		cr_assert_eq(c.log_level, 0x55555555, "written in spite of: %s", b->text);
		file = strstr(err.where, "broker.conf");
		cr_assert(file, "%s: %s", b->text, err.where);
		if (b->line)
			snprintf(line, sizeof(line), ":%d", b->line);
		cr_assert_str_eq(file + strlen("broker.conf"), line, "%s: %s: %s", b->text,
				 err.where, err.what);
		for (size_t w = 0; w < ARRAY_SIZE(b->words) && b->words[w]; w++)
			cr_assert(strstr(err.what, b->words[w]), "%s: \"%s\" is not in: %s",
				  b->text, b->words[w], err.what);
	}
}

Test(config, a_zero_byte_is_refused)
{
	static const char text[] = "[slices]\nquantum = 4\0ms\n";
	struct error err = {};
	struct config c;

	cr_assert_eq(load(&c, text, sizeof(text) - 1, &err), -EINVAL);
	cr_assert(strstr(err.where, "broker.conf:2"), "%s", err.where);
	cr_assert(strstr(err.what, "zero byte"), "%s", err.what);
}

static const char good[] = "\xef\xbb\xbf; a comment\n"
			   "# another " LONG_LINE "\n"
			   "[slices]\r\n"
			   "\tquantum=1.5ms ; behind\r\n"
			   "evict_after : 2 min\n"
			   "checkpoint_every = 0\n"
			   "[gate]\n"
			   "battery_hot_set = 41.25C\n"
			   "cpu_busy = 12.5%\n"
			   "required_sensors = Input ,power\n"
			   "require_charging = off\n"
			   "[limits]\n"
			   "max_spool = 512M\n"
			   "[schedule]\n"
			   "allow = mon-fri 22:00-6:00\n"
			   "allow = sat,sun 00:00-24:00\n"
			   "[tenant 1000]\n"
			   "weight = 7\n"
			   "[tenant 1001]\n"
			   "day_budget = 0\n"
			   "[scheduler]\n"
			   "default_day_budget = 2h\n";

Test(config, a_good_file_has_its_values)
{
	struct error err = {};
	struct config c;

	cr_assert_eq(load(&c, good, strlen(good), &err), 0, "%s: %s", err.where, err.what);
	cr_assert_eq(c.quantum_ns, 1500000);
	cr_assert_eq(c.evict_after_ns, 120 * NS_PER_S);
	cr_assert_eq(c.checkpoint_every_ns, 0);
	cr_assert_eq(c.gate.battery_hot_set, 41250);
	cr_assert_eq(c.cpu_busy_permille, 125);
	cr_assert_eq(c.gate.required_sensors, 1u << GATE_SENSOR_INPUT | 1u << GATE_SENSOR_POWER);
	cr_assert_not(c.gate.require_charging);
	cr_assert_eq(c.max_spool_bytes, 512ull << 20);
	cr_assert_eq(c.n_windows, 2);
	cr_assert_eq(c.windows[0].days, 0x1f);
	cr_assert_eq(c.windows[0].from_minute, 22 * 60);
	cr_assert_eq(c.windows[0].to_minute, 6 * 60);
	cr_assert_eq(c.windows[1].days, 0x60);
	cr_assert_eq(c.windows[1].to_minute, 24 * 60);
	cr_assert_eq(c.n_tenants, 2);
	cr_assert_eq(c.tenants[0].weight, 7);
	cr_assert_eq(c.tenants[0].day_budget_ns, 7200 * NS_PER_S);
	cr_assert_eq(c.tenants[1].weight, c.default_weight);
	cr_assert_eq(c.tenants[1].day_budget_ns, 0);
}

Test(config, dropins_come_after_the_file_in_the_order_of_their_names)
{
	struct error err = {};
	struct config c;
	struct place p;

#define PUT(name, text) put(&p, name, text, strlen(text))
	place_init(&p);
	PUT("broker.conf",
	    "[slices]\nquantum = 1ms\nturn = 1s\n[schedule]\nallow = mon 1:00-2:00\n");
	PUT("broker.conf.d/20-b.conf", "[slices]\nquantum = 3ms\n");
	PUT("broker.conf.d/10-a.conf",
	    "[slices]\nquantum = 2ms\n[schedule]\nallow = tue 1:00-2:00\n");
	PUT("broker.conf.d/30.conf~", "[slices]\nquantum = 9ms\n");
	PUT("broker.conf.d/.40.conf", "[slices]\nquantum = 9ms\n");
	cr_assert_eq(config_load(&c, p.conf, &err), 0, "%s: %s", err.where, err.what);
	cr_assert_eq(c.quantum_ns, 3 * NS_PER_MS);
	cr_assert_eq(c.turn_ns, NS_PER_S);
	cr_assert_eq(c.n_windows, 1);
	cr_assert_eq(c.windows[0].days, 2);

	PUT("broker.conf.d/15-bad.conf", "\n[slices]\nquantum = 2kg\n");
	cr_assert_eq(config_load(&c, p.conf, &err), -EINVAL);
	cr_assert(strstr(err.where, "broker.conf.d/15-bad.conf:3"), "%s", err.where);
	place_remove(&p);
}

Test(config, a_missing_file_is_an_error_and_no_file_is_none)
{
	struct error err = {};
	struct config c, defaults;

	cr_assert_eq(config_load(&c, "/nowhere/broker.conf", &err), -ENOENT);
	cr_assert_str_eq(err.where, "/nowhere/broker.conf");
	cr_assert_eq(config_load(&c, "/tmp", &err), -EISDIR);
	cr_assert_eq(config_load(&c, NULL, &err), 0);
	config_default(&defaults);
	cr_assert_eq(memcmp(&c, &defaults, sizeof(c)), 0);
}

Test(config, every_default_lies_in_its_range)
{
	struct config c, again;
	char text[CONFIG_TEXT_MAX];

	config_default(&c);
	config_default(&again);
	for (const struct config_key *k = config_table; k->section; k++) {
		if (!strcmp(k->section, "tenant"))
			continue;
		if (k->def)
			cr_assert_eq(config_value_parse(k, &again, k->def), 0, "%s", k->name);
		config_value_format(k, &c, 0, text);
		cr_assert_eq(config_value_parse(k, &again, text), 0, "%s = %s", k->name, text);
		cr_assert(config_value_same(k, &c, &again), "%s", k->name);
	}
	cr_assert_null(gate_policy_check(&c.gate));
	cr_assert_eq(c.quantum_ns, 4 * NS_PER_MS);
}

static char *printed(void (*print)(FILE *out))
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	cr_assert(f);
	print(f);
	fclose(f);
	return text;
}

static void print_good(FILE *out)
{
	struct config c;

	cr_assert_eq(load(&c, good, strlen(good), NULL), 0);
	config_print(&c, out);
}

Test(config, what_is_printed_is_read_back_the_same)
{
	_cleanup_free_ char *text = printed(print_good);
	struct error err = {};
	struct config a, b;

	cr_assert_eq(load(&a, good, strlen(good), NULL), 0);
	cr_assert_eq(load(&b, text, strlen(text), &err), 0, "%s: %s", err.where, err.what);
	for (const struct config_key *k = config_table; k->section; k++)
		if (strcmp(k->section, "tenant") != 0)
			cr_assert(config_value_same(k, &a, &b), "%s", k->name);
	cr_assert_eq(memcmp(a.tenants, b.tenants, sizeof(a.tenants)), 0);
}

/* The sample with the marks taken away must be what it says: the defaults. */
Test(config, the_sample_holds_the_defaults)
{
	_cleanup_free_ char *text = printed(config_print_sample);
	struct config c, defaults;
	struct error err = {};
	char *to = text;

	for (char *p = text; *p; p++)
		if (!(*p == '#' && p[1] != ' ' && (p == text || p[-1] == '\n')))
			*to++ = *p;
	*to = '\0';
	cr_assert_eq(load(&c, text, strlen(text), &err), 0, "%s: %s", err.where, err.what);
	config_default(&defaults);
	for (const struct config_key *k = config_table; k->section; k++)
		if (strcmp(k->section, "tenant") != 0)
			cr_assert(config_value_same(k, &c, &defaults), "%s", k->name);
}

/* What hangs on the prefix is filled in by `make install`. */
static char *with_placeholder(const char *text)
{
	const char *dir = IDLEBROKER_LIBEXECDIR, *found;
	char *out = NULL;
	size_t len;
	FILE *f = open_memstream(&out, &len);

	cr_assert(f);
	for (; (found = strstr(text, dir)); text = found + strlen(dir))
		fprintf(f, "%.*s@libexecdir@/idlebroker", (int)(found - text), text);
	fputs(text, f);
	fclose(f);
	return out;
}

static void check_shipped(const char *path, void (*print)(FILE *out))
{
	_cleanup_free_ char *text = printed(print);
	_cleanup_free_ char *want = with_placeholder(text);
	_cleanup_free_ char *have = NULL;

	if (getenv("IDLEBROKER_REGENERATE")) {
		_cleanup_fclose_ FILE *f = fopen(path, "w");

		cr_assert(f);
		fputs(want, f);
		return;
	}
	cr_assert_geq(io_read_file(AT_FDCWD, path, 1 << 20, &have), 0, "%s", path);
	cr_assert_str_eq(have, want, "%s: make it anew: IDLEBROKER_REGENERATE=1 test_config", path);
}

/* The unit tests run in the top folder of the sources. */
Test(config, the_shipped_files_are_made_from_the_table)
{
	check_shipped("packaging/broker.conf.in", config_print_sample);
	check_shipped("packaging/man/broker.conf.5.in", config_print_man);
}

static const struct {
	const char *text, *again; /* NULL: refused */
} windows[] = {
	{"mon-fri 22:00-06:00", "mon,tue,wed,thu,fri 22:00-06:00"},
	{"21:30-07:00", "21:30-07:00"},
	{"SAT 0:00-24:00", "sat 00:00-24:00"},
	{"sat, sun 1:00-2:00 ", "sat,sun 01:00-02:00"},
	{"fri-mon 1:00-2:00", "mon,fri,sat,sun 01:00-02:00"},
	{"mon-sun 1:00-2:00", "01:00-02:00"},
	{"", NULL},
	{"mon", NULL},
	{"mon 1:00", NULL},
	{"mon 1:0-2:00", NULL},
	{"mon- 1:00-2:00", NULL},
	{"mon 1:00-2:00 x", NULL},
	{"mon 100:00-2:00", NULL},
	{"mon 1:00-24:01", NULL},
};

Test(config, windows)
{
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		struct config_window w;
		char text[64];
		int r = config_window_parse(&w, windows[i].text);

		cr_assert_eq(r, windows[i].again ? 0 : -EINVAL, "%s", windows[i].text);
		if (r)
			continue;
		config_window_format(&w, text, sizeof(text));
		cr_assert_str_eq(text, windows[i].again);
	}
}
