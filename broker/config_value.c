/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing single values; see config_value.h.
 *
 * All numbers are read by one function: digits, an optional decimal fraction and a unit, scaled
 * to an integer. A fraction that does not come out even is refused, so "1.5" is no count and
 * nothing is ever rounded.
 */
#include "broker/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "broker/config.h"
#include "broker/config_schedule.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

struct unit {
	const char *suffix; /* "": a bare number */
	int64_t scale;
};

/* Largest first: writing takes the first that divides. NULL at the end. */
static const struct unit duration_units[] = {
	{"d", 86400000000000},
	{"h", 3600000000000},
	{"min", 60000000000},
	{"s", 1000000000},
	{"ms", 1000000},
	{"us", 1000},
	{"ns", 1},
	{NULL, 0},
};
static const struct unit size_units[] = {
	{"T", 1ll << 40},
	{"G", 1ll << 30},
	{"M", 1ll << 20},
	{"K", 1ll << 10},
	{"", 1},
	{"B", 1},
	{"TiB", 1ll << 40},
	{"GiB", 1ll << 30},
	{"MiB", 1ll << 20},
	{"KiB", 1ll << 10},
	{NULL, 0},
};
static const struct unit count_units[] = {{"", 1}, {NULL, 0}};
static const struct unit percent_units[] = {{"%", 1}, {"", 1}, {NULL, 0}};
static const struct unit permille_units[] = {{"%", 10}, {"", 10}, {NULL, 0}};
static const struct unit temperature_units[] = {{"C", 1000}, {"", 1000}, {NULL, 0}};

static const struct unit *const units_of[] = {
	[CONFIG_DURATION] = duration_units,
	[CONFIG_SIZE] = size_units,
	[CONFIG_COUNT] = count_units,
	[CONFIG_PERCENT] = percent_units,
	[CONFIG_PERMILLE] = permille_units,
	[CONFIG_TEMPERATURE] = temperature_units,
	[CONFIG_BOOL] = NULL,
};

static const char *const sensor_names[GATE_SENSOR_COUNT] = {
	[GATE_SENSOR_INPUT] = "input",       [GATE_SENSOR_POWER] = "power",
	[GATE_SENSOR_THERMAL] = "thermal",   [GATE_SENSOR_GPU] = "gpu",
	[GATE_SENSOR_CPU] = "cpu",           [GATE_SENSOR_SUSPEND] = "suspend",
	[GATE_SENSOR_SCHEDULE] = "schedule",
};
static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const char *const module_names[] = {
	[CONFIG_MODULE_OFF] = "off",
	[CONFIG_MODULE_AUTO] = "auto",
	[CONFIG_MODULE_REQUIRE] = "require",
};
static const char *const yes_names[] = {"no", "yes", "off", "on", "false", "true", "0", "1"};

static const struct unit *unit_find(const struct unit *units, const char *suffix)
{
	for (; units->suffix; units++)
		if (!strcasecmp(units->suffix, suffix))
			return units;
	return NULL;
}

static int number_parse(const struct unit *units, const char *text, int64_t *out)
{
	const char *p = text + (*text == '-');
	int64_t whole = 0, fraction = 0, fraction_of = 1, value;
	const struct unit *unit;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, *p - '0', &whole))
			return -ERANGE;
	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++) {
			if (fraction_of >= 1000000)
				return -EINVAL;
			fraction = 10 * fraction + (*p - '0');
			fraction_of *= 10;
		}
	}
	while (*p == ' ' || *p == '\t')
		p++;
	unit = unit_find(units, p);
	if (!unit && !*p && !whole && !fraction)
		unit = units; /* nothing is nothing in every unit */
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit->scale, &value) ||
	    __builtin_mul_overflow(fraction, unit->scale, &fraction))
		return -ERANGE;
	if (fraction % fraction_of)
		return -EINVAL;
	if (__builtin_add_overflow(value, fraction / fraction_of, &value))
		return -ERANGE;
	*out = *text == '-' ? -value : value;
	return 0;
}

static void number_format(const struct unit *units, int64_t value, char *out, size_t size)
{
	int64_t whole, rest, of = value < 0 ? -value : value;
	const struct unit *u = units;
	char digits[8];

	if (!value && units == duration_units) {
		snprintf(out, size, "0");
		return;
	}
	while (of % u->scale && u[1].suffix && u[1].scale < u->scale)
		u++;
	whole = of / u->scale;
	rest = of % u->scale;
	if (!rest) {
		snprintf(out, size, "%s%" PRId64 "%s", value < 0 ? "-" : "", whole, u->suffix);
		return;
	}
	/* Only temperatures (thousandths) and permille (tenths of a percent) come here. */
	snprintf(digits, sizeof(digits), "%0*d", u->scale == 10 ? 1 : 3, (int)(rest % 1000));
	for (size_t n = strlen(digits); n > 1 && digits[n - 1] == '0'; n--)
		digits[n - 1] = '\0';
	snprintf(out, size, "%s%" PRId64 ".%s%s", value < 0 ? "-" : "", whole, digits, u->suffix);
}

static int64_t number_get(const struct config_key *key, const void *field)
{
	switch (key->type) {
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		return (int64_t) * (const uint64_t *)field;
	case CONFIG_COUNT:
	case CONFIG_PERMILLE:
		return *(const uint32_t *)field;
	default:
		return *(const int32_t *)field;
	}
}

static void number_put(const struct config_key *key, void *field, int64_t value)
{
	switch (key->type) {
	case CONFIG_DURATION:
	case CONFIG_SIZE:
		*(uint64_t *)field = (uint64_t)value;
		break;
	case CONFIG_COUNT:
	case CONFIG_PERMILLE:
		*(uint32_t *)field = (uint32_t)value;
		break;
	default:
		*(int32_t *)field = (int32_t)value;
	}
}

static int name_find(const char *const *names, size_t n, const char *text, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(names[i]) == len && !strncasecmp(names[i], text, len))
			return (int)i;
	return -EINVAL;
}

static int sensors_parse(const char *text, uint32_t *out)
{
	uint32_t bits = 0;

	if (!strcasecmp(text, "none")) {
		*out = 0;
		return 0;
	}
	for (const char *p = text;;) {
		int sensor;
		size_t len;

		p += strspn(p, " \t");
		len = strcspn(p, ", \t");
		sensor = name_find(sensor_names, ARRAY_SIZE(sensor_names), p, len);
		if (sensor < 0)
			return sensor;
		bits |= 1u << sensor;
		p += len;
		p += strspn(p, " \t");
		if (!*p)
			break;
		if (*p++ != ',')
			return -EINVAL;
	}
	*out = bits;
	return 0;
}

static int text_parse(char *field, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (!len)
		return -EINVAL;
	if (len >= size)
		return -E2BIG;
	memset(field, 0, size); /* so that two configs can be compared */
	memcpy(field, text, len);
	return 0;
}

static int window_add(struct config *c, const char *text)
{
	int r;

	if (!strcasecmp(text, "always")) {
		c->n_windows = 0;
		return 0;
	}
	if (c->n_windows == CONFIG_WINDOWS_MAX)
		return -E2BIG;
	r = config_window_parse(&c->windows[c->n_windows], text);
	if (!r)
		c->n_windows++;
	return r;
}

static int path_parse(char *field, size_t size, const char *text)
{
	return *text == '/' ? text_parse(field, size, text) : -EINVAL;
}

int config_value_parse(const struct config_key *key, void *base, const char *text)
{
	void *field = (char *)base + key->offset;
	int64_t value;
	int r;

	switch (key->type) {
	case CONFIG_BOOL:
		r = name_find(yes_names, ARRAY_SIZE(yes_names), text, strlen(text));
		if (r >= 0)
			*(bool *)field = r & 1;
		return r < 0 ? r : 0;
	case CONFIG_LEVEL:
		r = name_find(level_names, ARRAY_SIZE(level_names), text, strlen(text));
		if (r >= 0)
			*(int *)field = r;
		return r < 0 ? r : 0;
	case CONFIG_MODULE:
		r = name_find(module_names, ARRAY_SIZE(module_names), text, strlen(text));
		if (r >= 0)
			*(int *)field = r;
		return r < 0 ? r : 0;
	case CONFIG_PATH:
		return path_parse(field, CONFIG_PATH_MAX, text);
	case CONFIG_SOCKET:
		if (strlen(text) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
			return -E2BIG;
		return path_parse(field, CONFIG_PATH_MAX, text);
	case CONFIG_USER:
		return text_parse(field, 64, text);
	case CONFIG_SENSORS:
		return sensors_parse(text, field);
	case CONFIG_WINDOWS:
		return window_add(base, text);
	default:
		r = number_parse(units_of[key->type], text, &value);
		if (r < 0)
			return r;
		if (value < key->min || value > key->max)
			return -ERANGE;
		number_put(key, field, value);
		return 0;
	}
}

static void sensors_format(uint32_t bits, char out[CONFIG_TEXT_MAX])
{
	size_t at = 0;

	snprintf(out, CONFIG_TEXT_MAX, "none");
	for (unsigned int i = 0; i < GATE_SENSOR_COUNT; i++)
		if (bits & 1u << i)
			at += (size_t)snprintf(out + at, CONFIG_TEXT_MAX - at, "%s%s",
					       at ? ", " : "", sensor_names[i]);
}

void config_value_format(const struct config_key *key, const void *base, unsigned int index,
			 char out[CONFIG_TEXT_MAX])
{
	const void *field = (const char *)base + key->offset;
	const struct config *c = base;

	switch (key->type) {
	case CONFIG_BOOL:
		snprintf(out, CONFIG_TEXT_MAX, "%s", *(const bool *)field ? "yes" : "no");
		break;
	case CONFIG_LEVEL:
		snprintf(out, CONFIG_TEXT_MAX, "%s", level_names[*(const int *)field]);
		break;
	case CONFIG_MODULE:
		snprintf(out, CONFIG_TEXT_MAX, "%s", module_names[*(const int *)field]);
		break;
	case CONFIG_PATH:
	case CONFIG_SOCKET:
	case CONFIG_USER:
		snprintf(out, CONFIG_TEXT_MAX, "%s", (const char *)field);
		break;
	case CONFIG_SENSORS:
		sensors_format(*(const uint32_t *)field, out);
		break;
	case CONFIG_WINDOWS:
		if (!c->n_windows)
			snprintf(out, CONFIG_TEXT_MAX, "always");
		else
			config_window_format(&c->windows[index], out, CONFIG_TEXT_MAX);
		break;
	default:
		number_format(units_of[key->type], number_get(key, field), out, CONFIG_TEXT_MAX);
	}
}

unsigned int config_value_lines(const struct config_key *key, const void *base)
{
	const struct config *c = base;

	return key->type == CONFIG_WINDOWS && c->n_windows ? c->n_windows : 1;
}

static const char *const kinds[] = {
	[CONFIG_DURATION] = "a time with its unit (ns, us, ms, s, min, h, d)",
	[CONFIG_SIZE] = "a size in bytes, or with K, M, G or T",
	[CONFIG_COUNT] = "a whole number",
	[CONFIG_PERCENT] = "whole percent",
	[CONFIG_PERMILLE] = "percent, with up to one decimal",
	[CONFIG_TEMPERATURE] = "degrees Celsius (\"40C\" or \"40.5\")",
	[CONFIG_BOOL] = "yes or no",
	[CONFIG_LEVEL] = "error, warning, info or debug",
	[CONFIG_MODULE] = "auto, require or off",
	[CONFIG_PATH] = "an absolute path of at most 255 bytes",
	[CONFIG_SOCKET] = "an absolute path of at most 107 bytes",
	[CONFIG_USER] = "a user's name of at most 63 bytes",
	[CONFIG_SENSORS] = "none, or names set apart by commas: input, power, thermal, gpu, cpu, "
			   "suspend, schedule",
	[CONFIG_WINDOWS] = "always, or days and hours such as \"mon-fri 22:00-06:00\" or \"sat,sun "
			   "00:00-24:00\", up to 16 lines",
};

void config_value_accepts(const struct config_key *key, char out[CONFIG_TEXT_MAX])
{
	const struct unit *units;
	char low[32], high[32];

	if (key->type > CONFIG_TEMPERATURE) {
		snprintf(out, CONFIG_TEXT_MAX, "%s", kinds[key->type]);
		return;
	}
	units = units_of[key->type];
	number_format(units, key->min, low, sizeof(low));
	number_format(units, key->max, high, sizeof(high));
	snprintf(out, CONFIG_TEXT_MAX, "%s from %s to %s", kinds[key->type], low, high);
}

bool config_value_same(const struct config_key *key, const void *a, const void *b)
{
	char text_a[CONFIG_TEXT_MAX], text_b[CONFIG_TEXT_MAX];
	unsigned int lines = config_value_lines(key, a);

	if (lines != config_value_lines(key, b))
		return false;
	for (unsigned int i = 0; i < lines; i++) {
		config_value_format(key, a, i, text_a);
		config_value_format(key, b, i, text_b);
		if (strcmp(text_a, text_b) != 0)
			return false;
	}
	return true;
}
