/* SPDX-License-Identifier: MIT */
/*
 * brokerctl: the table of its subcommands, and the options that all of them take, which may
 * stand before or behind the command's name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/util/cleanup.h"
#include "tools/ctl.h"
#include "tools/text.h"

static const struct ctl_command commands[] = {
	{"status", "", "what the broker does, in a few lines", "", cmd_status},
	{"why", "[ID]", "why jobs run, or why not: the gate's holds", "", cmd_why},
	{"events", "[ID]", "print changes of the gate and of jobs as they come", "", cmd_events},
	{"devices", "", "the devices that can be lent", "", cmd_devices},
	{"top", "[--once] [-i TIME] [--ascii]", "who uses the devices now, jobs, heat and battery",
	 "--once --interval --ascii", cmd_top},
	{"doctor", "", "where each fact comes from, and what is wrong", "", cmd_doctor},
	{"pack", "DIR [-o FILE]", "check a bundle and make a tar file of it", "--output", cmd_pack},
	{"check", "BUNDLE", "check a bundle without handing it in", "", cmd_check},
	{"submit", "[-q] [-w] BUNDLE…", "hand in jobs", "--quiet --wait", cmd_submit},
	{"jobs", "[-s STATE,…]", "list jobs", "--state", cmd_jobs},
	{"show", "ID", "all about one job", "", cmd_show},
	{"wait", "ID", "wait for a job's end, with its progress", "", cmd_wait},
	{"fetch", "[-o PATH] [-f] ID [OUTPUT…]", "get the outputs of a job", "--output --force",
	 cmd_fetch},
	{"logs", "ID", "what was logged about a job", "", cmd_logs},
	{"cancel", "ID…", "end jobs", "", cmd_cancel},
	{"pause", "[DURATION]", "close the gate, for 90s, 10m, 1h30m … or until resume", "",
	 cmd_pause},
	{"resume", "", "end a pause", "", cmd_resume},
	{"reload", "", "read the configuration again", "", cmd_reload},
	{"version", "", "versions of brokerctl and of the broker", "", cmd_version},
};

/* "  name  text", the text wrapped behind its column. */
static void put_entry(const char *name, const char *text, unsigned int column)
{
	_cleanup_free_ char *wrapped = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&wrapped, &len);

	if (!f)
		return;
	text_wrap(f, text, column, text_columns());
	fclose(f);
	printf("  %-*s%s", (int)column - 2, name, wrapped + column);
}

static void print_help(void)
{
	printf("usage: brokerctl [--json]\n       [--socket PATH] COMMAND …\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		put_entry(commands[i].name, commands[i].summary, 11);
	putchar('\n');
	put_entry("--json", "print the broker's reply as JSON", 17);
	put_entry("--socket PATH", "instead of $IDLEBROKER_SOCKET or " IDLEBROKER_SOCKET, 17);
	put_entry("--help", "behind a command: its usage", 17);
	printf("\nexit: 0 ok, 1 failed, 2 usage,\n3 no broker, 4 not permitted,\n"
	       "5 job failed, 6 not found\n");
}

static void list_commands(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("%s\t%s\t%s\n", commands[i].name, commands[i].summary, commands[i].options);
}

static const struct ctl_command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* Takes the common options out of argv. Return: the new argc, or a negative exit code. */
static int take_options(struct ctl *ctl, int argc, char **argv, bool *help)
{
	int kept = 1;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (!strcmp(a, "--")) {
			while (i < argc)
				argv[kept++] = argv[i++];
		} else if (!strcmp(a, "--json")) {
			ctl->json = true;
		} else if (!strcmp(a, "--help") || !strcmp(a, "-h")) {
			*help = true;
		} else if (!strncmp(a, "--socket=", 9)) {
			ctl->socket = a + 9;
		} else if (!strcmp(a, "--socket") && i + 1 < argc) {
			ctl->socket = argv[++i];
		} else if (!strcmp(a, "--socket")) {
			return -ctl_error(CTL_USAGE, "--socket needs a path");
		} else {
			argv[kept++] = argv[i];
		}
	}
	argv[kept] = NULL;
	return kept;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	bool help = false;

	argc = take_options(ctl, argc, argv, &help);
	if (argc < 0)
		return -argc;
	if (argc > 1 && !strcmp(argv[1], "--list-commands")) {
		list_commands();
		return CTL_OK;
	}
	if (argc > 1 && !strcmp(argv[1], "--version"))
		argv[1] = (char *)"version";
	if (argc > 1 && strcmp(argv[1], "help") != 0) {
		ctl->command = find_command(argv[1]);
		if (!ctl->command)
			return ctl_error(CTL_USAGE, "no command \"%s\"; see brokerctl --help",
					 argv[1]);
	}
	if (help && ctl->command) {
		printf("usage: brokerctl %s %s\n%s\n", ctl->command->name, ctl->command->arguments,
		       ctl->command->summary);
		return CTL_OK;
	}
	if (!ctl->command) {
		if (!help && argc < 2)
			return ctl_error(CTL_USAGE, "which command? see brokerctl --help");
		print_help();
		return CTL_OK;
	}
	return ctl->command->run(ctl, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {};
	int code = run(&ctl, argc, argv);

	idlebroker_close(ctl.conn);
	if (fflush(stdout) && code == CTL_OK)
		code = ctl_error(CTL_FAILED, "cannot write to standard output");
	return code;
}
