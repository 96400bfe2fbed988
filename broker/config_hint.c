/* SPDX-License-Identifier: MIT */
/* Nearest names by edit distance; see config_hint.h. */
#include "broker/config_hint.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/util/cleanup.h"

#define FAR 4 /* a name this many edits away is another name */

/* Levenshtein over one row; names are short. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[64];
	size_t n = strlen(b);

	if (n >= ARRAY_SIZE(row) || strlen(a) >= ARRAY_SIZE(row))
		return UINT_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned int)j;
	for (; *a; a++) {
		unsigned int diagonal = row[0]++;

		for (size_t j = 1; j <= n; j++) {
			unsigned int best = diagonal + (tolower((unsigned char)*a) != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

static void append(char *out, size_t size, const char *name, const char *more)
{
	size_t at = strlen(out);

	snprintf(out + at, size - at, "%s%s%s", at ? ", " : "", name, more);
}

void config_hint_section(const char *section, char out[CONFIG_TEXT_MAX])
{
	const char *near = NULL, *last = "";
	unsigned int best = FAR;
	char all[160] = "";

	for (const struct config_key *k = config_table; k->section; k++) {
		if (!strcmp(k->section, last))
			continue;
		last = k->section;
		if (distance(section, last) < best) {
			best = distance(section, last);
			near = last;
		}
		append(all, sizeof(all), last, !strcmp(last, "tenant") ? " <uid>" : "");
	}
	if (near)
		snprintf(out, CONFIG_TEXT_MAX, "there is no section [" HINT_FMT "]; is it [%s]?",
			 HINT_ARGS(section), near);
	else
		snprintf(out, CONFIG_TEXT_MAX,
			 "there is no section [" HINT_FMT "]; the sections are %s",
			 HINT_ARGS(section), all);
}

void config_hint_key(const char *section, const char *name, char out[CONFIG_TEXT_MAX])
{
	const char *near = NULL, *elsewhere = NULL;
	unsigned int best = FAR;
	char all[200] = "";

	for (const struct config_key *k = config_table; k->section; k++) {
		if (strcmp(k->section, section) != 0) {
			if (!strcmp(k->name, name))
				elsewhere = k->section;
			continue;
		}
		if (distance(name, k->name) < best) {
			best = distance(name, k->name);
			near = k->name;
		}
		append(all, sizeof(all), k->name, "");
	}
	if (elsewhere)
		snprintf(out, CONFIG_TEXT_MAX, "[%s] has no key \"%s\"; it belongs in [%s]",
			 section, name, elsewhere);
	else if (near)
		snprintf(out, CONFIG_TEXT_MAX, "[%s] has no key \"" HINT_FMT "\"; is it \"%s\"?",
			 section, HINT_ARGS(name), near);
	else
		snprintf(out, CONFIG_TEXT_MAX, "[%s] has no key \"" HINT_FMT "\"; its keys are %s",
			 section, HINT_ARGS(name), all);
}
