/* SPDX-License-Identifier: MIT */
/*
 * What the verifier of the kernel that runs says of each eBPF program.
 *
 *   stats         a line for the kernel and the compiler, then one for each program of each variant
 *   stats -v      and, on standard error, what libbpf and the verifier have against a program
 *
 * A line is tab-separated: object, variant, program, verdict, instructions that the verifier went
 * through, states that it kept, and why not in brokerd's words. The verdict is "attached", "loaded"
 * (one that is run by hand), or "load: ERRNO" or "attach: ERRNO"; the numbers of a program that was
 * not loaded are 0.
 *
 * Each program is loaded without the others of its object: the verifier takes each by itself, and
 * so one that is refused says nothing of its neighbours. What is right and what is wrong is not
 * for this program to judge; it fails only where it cannot ask. Nothing stays in the kernel.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "broker/bpf/loader/objects.h"
#include "broker/bpf/loader/why.h"
#include "libbroker/util/cleanup.h"

#define KERNEL_ENOTSUPP 524 /* the kernel's own, which libc does not know */

/* BPF_LOG_LEVEL1 and BPF_LOG_STATS of the kernel's linux/bpf_verifier.h */
#define LOG_STEPS 1
#define LOG_STATS 4

/* A kernel before 6.4 fails a program whose log does not fit. */
static char text[8 << 20];

struct verdict {
	const char *failed; /* "load" or "attach"; NULL: neither */
	int error;
	bool attached;
	unsigned long insns, states;
};

static void object_closep(struct bpf_object **object)
{
	bpf_object__close(*object);
}

/* Linux 7 has a line of its own before, which says "insns processed N". */
static bool read_stats(struct verdict *v)
{
	const char *at = text;

	while ((at = strstr(at, "processed ")))
		if (sscanf(at++,
			   "processed %lu insns (limit %*u) max_states_per_insn %*u total_states %lu",
			   &v->insns, &v->states) == 2)
			return true;
	return false;
}

static int attach(const struct bpf_program *program, struct verdict *v)
{
	struct bpf_link *link;

	if (!strchr(bpf_program__section_name(program), '/'))
		return 0;
	link = bpf_program__attach(program);
	if (!link)
		return -errno;
	v->attached = true;
	return bpf_link__destroy(link);
}

/* Returns 0 with a verdict, or -errno: it could not be asked. */
static int ask(const struct bpf_source *source, const char *name, unsigned int level,
	       struct verdict *v)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = source->name);
	_cleanup_(object_closep) struct bpf_object *object = NULL;
	struct bpf_program *program, *wanted;
	const void *bytes;
	size_t size;

	*v = (struct verdict){};
	text[0] = '\0';
	bytes = source->bytes(&size);
	object = bpf_object__open_mem(bytes, size, &opts);
	if (!object)
		return -errno;
	wanted = bpf_object__find_program_by_name(object, name);
	if (!wanted)
		return -ENOENT;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, program == wanted);
	bpf_program__set_log_level(wanted, level);
	bpf_program__set_log_buf(wanted, text, sizeof(text));
	v->error = bpf_object__load(object);
	if (v->error) {
		v->failed = "load";
		return 0;
	}
	if (!read_stats(v)) {
		fprintf(stderr, "the verifier's words make no sense: \"%s\"\n", text);
		return -EBADMSG;
	}
	v->error = attach(wanted, v);
	if (v->error)
		v->failed = "attach";
	return 0;
}

static const char *error_name(int r)
{
	return r == -KERNEL_ENOTSUPP ? "ENOTSUPP" : strerrorname_np(-r) ?: "?";
}

static void print(const struct bpf_source *source, const char *variant, const char *name,
		  const struct verdict *v)
{
	struct bpf_why_world world;

	bpf_why_look(&world);
	printf("%s\t%s\t%s\t", source->name, variant, name);
	if (v->failed)
		printf("%s: %s", v->failed, error_name(v->error));
	else
		printf("%s", v->attached ? "attached" : "loaded");
	printf("\t%lu\t%lu\t%s\n", v->insns, v->states, v->failed ? bpf_why(v->error, &world) : "");
	fflush(stdout);
}

/* The end of what was said of a program that was not loaded, which is where the reason is. */
static void explain(const struct bpf_source *source, const char *name)
{
	struct verdict v;
	size_t len;

	ask(source, name, LOG_STEPS | LOG_STATS, &v);
	len = strnlen(text, sizeof(text) - 1);
	fprintf(stderr, "%s: %s\n", name, text + (len > 2000 ? len - 2000 : 0));
}

static int ask_all(const struct bpf_source *source, bool verbose)
{
	for (int i = 0; i < BPF_LOAD_VARIANTS_MAX && source->variant[i].tier; i++) {
		const struct bpf_variant *variant = &source->variant[i];

		for (int k = 0; k < BPF_LOAD_PROGRAMS_MAX && variant->programs[k]; k++) {
			const char *name = variant->programs[k];
			struct verdict v;
			int r = ask(source, name, LOG_STATS, &v);

			if (r < 0) {
				fprintf(stderr, "%s: %s\n", name, strerror(-r));
				return r;
			}
			print(source, variant->tier, name, &v);
			if (v.failed && verbose)
				explain(source, name);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	bool verbose = argc == 2 && !strcmp(argv[1], "-v");
	struct utsname kernel;
	int r;

	if (argc > 1 && !verbose) {
		fputs("usage: stats [-v]\n", stderr);
		return 2;
	}
	if (!verbose)
		libbpf_set_print(NULL);
	uname(&kernel);
	printf("kernel\t%s\t%s\n", kernel.release, BPF_COMPILER);
	r = ask_all(&bpf_objects_hello, verbose);
	for (int probe = 0; probe < BPF_PROBE_COUNT && r == 0; probe++)
		r = ask_all(&bpf_objects[probe], verbose);
	return r < 0;
}
