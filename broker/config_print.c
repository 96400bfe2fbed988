/* SPDX-License-Identifier: MIT */
/*
 * What is written from the table: a config in force, the shipped sample, the manual page. The
 * first two have one layout, so that a sample's line needs but its "#" taken away.
 */
#include "broker/config.h"

#include <string.h>

#include "broker/config_value.h"

#define COLUMNS    96
#define SAMPLE_UID 1000

static const struct {
	const char *name, *text;
} sections[] = {
	{"broker", "The daemon itself."},
	{"gate",
	 "When the device may work. Of each pair of limits, one closes the gate and the other "
	 "lets it open again."},
	{"schedule", "The hours of the week."},
	{"slices", "How work is cut, and how a worker is got off the device when the gate closes."},
	{"devices", "What is lent."},
	{"limits", "What is refused."},
	{"scheduler", "Who gets how much."},
	{"tenant", "One section for each user that has shares of its own: [tenant 1000]."},
	{"roots", "Where the kernel is looked at; for tests."},
};

static const char *section_text(const char *name)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
		if (!strcmp(sections[i].name, name))
			return sections[i].text;
	return "";
}

/* Words in lines behind "# ". */
static void print_comment(FILE *out, const char *text)
{
	int column = 0;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column && column + 1 + len > COLUMNS) {
			fputc('\n', out);
			column = 0;
		}
		column += fprintf(out, "%s%.*s", column ? " " : "# ", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_key(FILE *out, const struct config_key *k, const void *base, const char *before,
		      bool explain)
{
	char value[CONFIG_TEXT_MAX], text[2 * CONFIG_TEXT_MAX];

	if (explain) {
		config_value_accepts(k, value);
		snprintf(text, sizeof(text), "%s (%s)", k->text, value);
		print_comment(out, text);
	}
	for (unsigned int i = 0; i < config_value_lines(k, base); i++) {
		config_value_format(k, base, i, value);
		fprintf(out, "%s%s = %s\n", before, k->name, value);
	}
}

static bool is_tenant(const struct config_key *k)
{
	return !strcmp(k->section, "tenant");
}

static void print_tenants(FILE *out, const struct config *c, const struct config_key *first,
			  const char *before, bool explain)
{
	for (uint32_t i = 0; i < c->n_tenants; i++) {
		if (i)
			fputc('\n', out);
		fprintf(out, "%s[tenant %u]\n", before, c->tenants[i].uid);
		for (const struct config_key *k = first; k->section && is_tenant(k); k++)
			print_key(out, k, &c->tenants[i], before, explain && !i);
	}
}

static void print_all(FILE *out, const struct config *c, const char *before)
{
	const char *section = "";

	for (const struct config_key *k = config_table; k->section; k++) {
		bool first = strcmp(section, k->section) != 0;

		if (first) {
			fprintf(out, "%s", k == config_table ? "" : "\n");
			print_comment(out, section_text(k->section));
		}
		section = k->section;
		if (first && is_tenant(k))
			print_tenants(out, c, k, before, true);
		if (is_tenant(k))
			continue;
		if (first)
			fprintf(out, "[%s]\n", section);
		print_key(out, k, c, before, true);
	}
}

void config_print(const struct config *c, FILE *out)
{
	print_all(out, c, "");
}

static void sample_config(struct config *c)
{
	config_default(c);
	c->n_tenants = 1;
	c->tenants[0] = (struct config_tenant){.uid = SAMPLE_UID, .weight = c->default_weight};
}

void config_print_sample(FILE *out)
{
	struct config c;

	sample_config(&c);
	fputs("# Settings of brokerd, with their defaults; see broker.conf(5). Files in\n"
	      "# broker.conf.d/ next to this one, by the order of their names, come after it.\n"
	      "# \"brokerctl reload\" makes brokerd read them again.\n\n",
	      out);
	print_all(out, &c, "#");
}

/* Text into roff: a backslash would be a command. No sentence starts with a dot. */
static void print_roff(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (p != text && p[-1] == '.' && *p == ' ')
			fputc('\n', out); /* a sentence, a line */
		else if (*p == '\\')
			fputs("\\e", out);
		else if (*p == '-')
			fputs("\\-", out);
		else
			fputc(*p, out);
	}
	fputc('\n', out);
}

static const char man_head[] =
	".\\\" SPDX-License-Identifier: MIT\n"
	".Dd November 22, 2026\n"
	".Dt BROKER.CONF 5\n"
	".Os Idlebroker\n"
	".Sh NAME\n"
	".Nm broker.conf\n"
	".Nd settings of the idlebroker daemon\n"
	".Sh SYNOPSIS\n"
	".Pa /etc/idlebroker/broker.conf\n"
	".br\n"
	".Pa /etc/idlebroker/broker.conf.d/*.conf\n"
	".Sh DESCRIPTION\n"
	".Xr brokerd 8\n"
	"reads the file, then those of the folder in the order of their names; a later one overrides\n"
	"single keys of an earlier one.\n"
	"A file has sections in brackets, lines\n"
	".Dq key = value ,\n"
	"and comments behind\n"
	".Ql #\n"
	"or\n"
	".Ql \\&; .\n"
	"A key stands once in a file.\n"
	"An error is told with its file and line, and leaves the settings in force that were.\n"
	".Dl brokerd --print-config\n"
	"shows every setting as it is read.\n";

static const char man_tail[] = ".Sh SEE ALSO\n"
			       ".Xr brokerctl 1 ,\n"
			       ".Xr brokerd 8\n";

void config_print_man(FILE *out)
{
	char value[CONFIG_TEXT_MAX];
	const char *section = "";
	struct config c;

	sample_config(&c);
	fputs(man_head, out);
	for (const struct config_key *k = config_table; k->section; k++) {
		const void *base = is_tenant(k) ? (const void *)&c.tenants[0] : (const void *)&c;

		if (strcmp(section, k->section) != 0) {
			fprintf(out, "%s.Ss [%s]\n", *section ? ".El\n" : "",
				is_tenant(k) ? "tenant uid" : k->section);
			print_roff(out, section_text(k->section));
			fputs(".Bl -tag -width Ds\n", out);
		}
		section = k->section;
		fprintf(out, ".It Cm %s\n", k->name);
		print_roff(out, k->text);
		config_value_accepts(k, value);
		fputs("Takes ", out);
		print_roff(out, value);
		config_value_format(k, base, 0, value);
		if (is_tenant(k))
			continue;
		fputs(".br\nDefault: ", out);
		print_roff(out, value);
	}
	fputs(".El\n", out);
	fputs(man_tail, out);
}
