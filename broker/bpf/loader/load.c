/* SPDX-License-Identifier: MIT */
/* Loading one object of programs; see load.h. */
#include "broker/bpf/loader/load.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "broker/bpf/loader/why.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

static int on_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[512];
	size_t len;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(text, sizeof(text), fmt, ap);
	len = strlen(text);
	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	log_debug("libbpf", LOG_STR("says", text));
	return 0;
}

void bpf_load_quiet(void)
{
	libbpf_set_print(on_print);
}

static bool variant_has(const struct bpf_variant *v, const char *program)
{
	for (int i = 0; i < BPF_LOAD_PROGRAMS_MAX && v->programs[i]; i++)
		if (!strcmp(v->programs[i], program))
			return true;
	return false;
}

static bool is_ours(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map) && strlen(bpf_map__name(map)) < BPF_LOAD_NAME_LEN;
}

static int share_maps(struct bpf_object *object, const struct bpf_maps *known)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		for (unsigned int i = 0; i < known->n; i++) {
			int r = 0;

			if (is_ours(map) && !strcmp(bpf_map__name(map), known->name[i]))
				r = bpf_map__reuse_fd(map, known->fd[i]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int bpf_load_maps(const struct bpf_loaded *l, struct bpf_maps *out)
{
	struct bpf_map *map;

	out->n = 0;
	bpf_object__for_each_map(map, l->object)
	{
		if (!is_ours(map))
			continue;
		if (out->n == BPF_LOAD_MAPS_MAX)
			return -E2BIG;
		strcpy(out->name[out->n], bpf_map__name(map));
		out->fd[out->n++] = bpf_map__fd(map);
	}
	return 0;
}

static int attach_all(struct bpf_loaded *l)
{
	for (int i = 0; i < BPF_LOAD_PROGRAMS_MAX && l->variant->programs[i]; i++) {
		struct bpf_program *program =
			bpf_object__find_program_by_name(l->object, l->variant->programs[i]);

		if (!program)
			return -ENOENT;
		/* One that is run by hand is attached to nothing. */
		if (!strchr(bpf_program__section_name(program), '/'))
			continue;
		l->link[i] = bpf_program__attach(program);
		if (!l->link[i])
			return -errno;
	}
	return 0;
}

static int load_variant(struct bpf_loaded *l, const struct bpf_source *source,
			const struct bpf_variant *variant, const struct bpf_maps *known)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = source->name);
	struct bpf_program *program;
	const void *bytes;
	size_t size;
	int r;

	bytes = source->bytes(&size);
	*l = (struct bpf_loaded){.variant = variant};
	l->object = bpf_object__open_mem(bytes, size, &opts);
	if (!l->object)
		return -errno;
	bpf_object__for_each_program(program, l->object) bpf_program__set_autoload(
		program, variant_has(variant, bpf_program__name(program)));
	r = share_maps(l->object, known);
	if (r == 0)
		r = bpf_object__load(l->object);
	return r < 0 ? r : attach_all(l);
}

int bpf_load(struct bpf_loaded *out, const struct bpf_source *source, const struct bpf_maps *known,
	     char *why, size_t why_size)
{
	const char *said = NULL;
	struct bpf_why_world world;
	size_t at = 0;
	int r = -EOPNOTSUPP;

	why[0] = '\0';
	bpf_why_look(&world);
	for (int i = 0; i < BPF_LOAD_VARIANTS_MAX && source->variant[i].tier; i++) {
		r = load_variant(out, source, &source->variant[i], known);
		if (r == 0) {
			why[0] = '\0';
			return 0;
		}
		bpf_unload(out);
		if (said == bpf_why(r, &world)) /* static, so the same words are the same */
			continue;
		said = bpf_why(r, &world);
		at += (size_t)snprintf(why + at, why_size - at, "%s%s: %s", at ? "; " : "",
				       source->variant[i].tier, said);
		if (at >= why_size)
			at = why_size - 1;
	}
	return r;
}

void bpf_unload(struct bpf_loaded *l)
{
	for (int i = 0; i < BPF_LOAD_PROGRAMS_MAX; i++)
		bpf_link__destroy(l->link[i]);
	bpf_object__close(l->object);
	*l = (struct bpf_loaded){.object = NULL};
}
