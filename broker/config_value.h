/* SPDX-License-Identifier: MIT */
/*
 * The words of a config file and the values they stand for.
 *
 * A config_key says where a value lives (an offset), what it may be and what it is for. Reading
 * and writing are inverse: what config_value_format() writes, config_value_parse() takes and
 * makes the same value of.
 */
#ifndef BROKER_CONFIG_VALUE_H
#define BROKER_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_TEXT_MAX 512 /* one value as text, a list included */

/* The type also gives the field: its width stands behind it. */
enum config_type {
	CONFIG_DURATION, /* uint64_t, ns: "4ms", "2min" */
	CONFIG_SIZE, /* uint64_t, bytes: "512M" */
	CONFIG_COUNT, /* uint32_t */
	CONFIG_PERCENT, /* int32_t, percent */
	CONFIG_PERMILLE, /* uint32_t, permille; written as percent: "12.5%" */
	CONFIG_TEMPERATURE, /* int32_t, thousandths of a degree: "40C", "40.5" */
	CONFIG_BOOL, /* bool */
	CONFIG_LEVEL, /* int, enum log_level */
	CONFIG_MODULE, /* int, enum config_module */
	CONFIG_PATH, /* char[CONFIG_PATH_MAX], absolute */
	CONFIG_SOCKET, /* the same, short enough for a Unix socket */
	CONFIG_USER, /* char[64] */
	CONFIG_SENSORS, /* uint32_t, bits of 1 << enum gate_sensor */
	CONFIG_WINDOWS, /* struct config: n_windows, windows; may be given several times */
};

struct config_key {
	const char *section, *name;
	enum config_type type;
	size_t offset; /* in struct config; in struct config_tenant for section "tenant" */
	int64_t min, max; /* of the value in its unit; for numbers */
	const char *def; /* as text; NULL: from gate_policy_default() */
	const char *text; /* what it is for */
};

/* In the order of the shipped file; a section's keys stand together. NULL section at the end. */
extern const struct config_key config_table[];

/**
 * config_value_parse() - write the value of @text into the field of @key
 * @base: the struct that the key's offset is of; unchanged on failure
 * Return: 0; -EINVAL (no such value), -ERANGE (out of bounds), -E2BIG (too long, too many).
 */
int config_value_parse(const struct config_key *key, void *base, const char *text);

/** config_value_format() - the field of @key as text; @index: of a list's line, else 0 */
void config_value_format(const struct config_key *key, const void *base, unsigned int index,
			 char out[CONFIG_TEXT_MAX]);

/** config_value_lines() - how many lines it takes to write the field (1 but for lists) */
unsigned int config_value_lines(const struct config_key *key, const void *base);

/** config_value_accepts() - which values are right, as words: "a duration from 1s to 1d …" */
void config_value_accepts(const struct config_key *key, char out[CONFIG_TEXT_MAX]);

/** config_value_same() - whether both structs have the same value */
bool config_value_same(const struct config_key *key, const void *a, const void *b);

#endif
