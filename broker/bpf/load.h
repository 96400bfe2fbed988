/* SPDX-License-Identifier: MIT */
/*
 * Loading one object of programs: by variants, each tried for real, since no list of features says
 * as well what a kernel takes as the kernel itself.
 */
#ifndef BROKER_BPF_LOAD_H
#define BROKER_BPF_LOAD_H

#include <stddef.h>

#define BPF_LOAD_PROGRAMS_MAX 8
#define BPF_LOAD_VARIANTS_MAX 4

struct bpf_object;
struct bpf_link;

struct bpf_variant {
	const char *tier; /* NULL: no more variants */
	const char *programs[BPF_LOAD_PROGRAMS_MAX]; /* all of them, or it is not had */
};

struct bpf_source { /* one .bpf.c */
	const char *name;
	const void *(*bytes)(size_t *size); /* the object file */
	struct bpf_variant variant[BPF_LOAD_VARIANTS_MAX];
};

struct bpf_loaded {
	struct bpf_object *object; /* NULL: not loaded */
	struct bpf_link *link[BPF_LOAD_PROGRAMS_MAX];
	const struct bpf_variant *variant;
};

/**
 * bpf_load() - load and attach by the first variant that works
 * @others: @n of them that are loaded (or not): a map which one of these has by the same name is
 *          taken from there, and no second one is made
 * @why: empty, or for each variant what was wrong with it
 * Return: 0 or the -errno of the last variant; -ESRCH if what it attaches to is not there.
 */
int bpf_load(struct bpf_loaded *out, const struct bpf_source *source,
	     const struct bpf_loaded *others, size_t n, char *why, size_t why_size);

/** bpf_unload() - detach, and free all; nothing of it stays in the kernel */
void bpf_unload(struct bpf_loaded *l);

/** bpf_load_quiet() - what libbpf has to say goes to the debug log */
void bpf_load_quiet(void);

#endif
