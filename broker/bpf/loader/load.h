/* SPDX-License-Identifier: MIT */
/*
 * Loading one object of programs: by variants, each tried for real, since no list of features says
 * as well what a kernel takes as the kernel itself.
 */
#ifndef BROKER_BPF_LOADER_LOAD_H
#define BROKER_BPF_LOADER_LOAD_H

#include <stddef.h>

#include "broker/bpf/load_msg.h"

#define BPF_LOAD_PROGRAMS_MAX BPF_LOAD_LINKS_MAX
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
	struct bpf_link *link[BPF_LOAD_PROGRAMS_MAX]; /* NULL: one that is run by hand */
	const struct bpf_variant *variant;
};

struct bpf_maps { /* by name; the descriptors are somebody else's */
	unsigned int n;
	char name[BPF_LOAD_MAPS_MAX][BPF_LOAD_NAME_LEN];
	int fd[BPF_LOAD_MAPS_MAX];
};

/**
 * bpf_load() - load and attach by the first variant that works
 * @known: a map which is among these by the same name is taken from there, and no second one is
 *         made
 * @why: empty, or for each variant what was wrong with it
 * Return: 0 or the -errno of the last variant; -ESRCH if what it attaches to is not there.
 */
int bpf_load(struct bpf_loaded *out, const struct bpf_source *source, const struct bpf_maps *known,
	     char *why, size_t why_size);

/** bpf_load_maps() - those of an object; 0, or -E2BIG: more than there is room for */
int bpf_load_maps(const struct bpf_loaded *l, struct bpf_maps *out);

/** bpf_unload() - detach, and free all; nothing of it stays in the kernel */
void bpf_unload(struct bpf_loaded *l);

/** bpf_load_quiet() - what libbpf has to say goes to the debug log */
void bpf_load_quiet(void);

#endif
