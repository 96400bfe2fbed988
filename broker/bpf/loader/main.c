/* SPDX-License-Identifier: MIT */
/*
 * broker-bpf: loads eBPF programs for brokerd, and ends.
 *
 *   broker-bpf            by brokerd alone: descriptor 3 is a socket (broker/bpf/load_msg.h)
 *   broker-bpf --version
 *
 * libbpf reads the types of the whole kernel to load a program. That takes much more memory and
 * time than all of brokerd, so it is done here, and what stays is handed over: the descriptors of
 * the links and the maps. A link lives as long as somebody has its descriptor; so nothing is ever
 * detached here, not even at the end.
 *
 * It has the rights that brokerd has. It is asked once, answers for each probe as soon as that is
 * decided, and takes what is not heard for its own end.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/bpf/load_msg.h"
#include "broker/bpf/loader/load.h"
#include "broker/bpf/loader/objects.h"
#include "libbroker/util/io.h"
#include "libbroker/util/log.h"

struct packet { /* an answer, as it is filled in */
	struct bpf_load_answer a;
	int fds[BPF_LOAD_FDS_MAX];
	unsigned int n;
};

static void packet_fail(struct packet *p, int error, const char *why)
{
	const uint32_t probe = p->a.probe;

	*p = (struct packet){.a = {.version = BPF_LOAD_VERSION, .probe = probe, .error = error}};
	snprintf(p->a.why, sizeof(p->a.why), "%s", *why ? why : strerror(-error));
}

static void packet_add_links(struct packet *p, const struct bpf_loaded *l)
{
	for (int i = 0; i < BPF_LOAD_PROGRAMS_MAX; i++) {
		if (!l->link[i])
			continue;
		p->fds[p->n++] = bpf_link__fd(l->link[i]);
		p->a.n_links++;
	}
}

static bool maps_have(const struct bpf_maps *maps, const char *name)
{
	for (unsigned int i = 0; i < maps->n; i++)
		if (!strcmp(maps->name[i], name))
			return true;
	return false;
}

/* All maps of the object; those of the base are brokerd's already, unless this is the base. */
static void packet_add_maps(struct packet *p, const struct bpf_maps *maps,
			    const struct bpf_maps *base)
{
	for (unsigned int i = 0; i < maps->n; i++) {
		if (maps_have(base, maps->name[i]))
			continue;
		strcpy(p->a.map[p->a.n_maps++], maps->name[i]);
		p->fds[p->n++] = maps->fd[i];
	}
}

static void maps_learn(struct bpf_maps *known, const struct bpf_maps *maps)
{
	for (unsigned int i = 0; i < maps->n; i++) {
		if (known->n == BPF_LOAD_MAPS_MAX || maps_have(known, maps->name[i]))
			continue;
		strcpy(known->name[known->n], maps->name[i]);
		known->fd[known->n++] = maps->fd[i];
	}
}

/*
 * The object stays loaded until this process ends, for its maps are those of the next ones.
 * Returns 0 or -errno of the socket.
 */
static int load_one(uint32_t probe, const struct bpf_source *source, struct bpf_maps *known,
		    const struct bpf_maps *base)
{
	struct packet p = {.a = {.version = BPF_LOAD_VERSION, .probe = probe}};
	char why[BPF_LOAD_WHY_LEN];
	struct bpf_loaded l = {};
	struct bpf_maps maps = {};
	int r = bpf_load(&l, source, known, why, sizeof(why));

	if (r == 0)
		r = bpf_load_maps(&l, &maps);
	if (r < 0) {
		packet_fail(&p, r, why);
		return io_send_fds(BPF_LOAD_FD, &p.a, sizeof(p.a), NULL, 0);
	}
	snprintf(p.a.tier, sizeof(p.a.tier), "%s", l.variant->tier);
	if (probe == BPF_LOAD_BASE) {
		struct bpf_program *hello = bpf_object__find_program_by_name(l.object, "hello");

		p.fds[p.n++] = bpf_program__fd(hello);
		p.a.n_links = 1;
	}
	packet_add_links(&p, &l);
	packet_add_maps(&p, &maps, base);
	maps_learn(known, &maps);
	return io_send_fds(BPF_LOAD_FD, &p.a, sizeof(p.a), p.fds, p.n);
}

static int receive(struct bpf_load_request *q, struct bpf_maps *known)
{
	unsigned int n = BPF_LOAD_MAPS_MAX;
	ssize_t len = io_recv_fds(BPF_LOAD_FD, q, sizeof(*q), 0, known->fd, &n);
	int r = len < 0 ? (int)len : bpf_load_request_parse(q, (size_t)len, n, q);

	if (r < 0)
		return r;
	known->n = n;
	memcpy(known->name, q->map, sizeof(known->name));
	return 0;
}

/* Without the base there is no use in the rest: its answer says why. */
static int serve(void)
{
	const struct bpf_maps none = {};
	struct bpf_load_request q;
	struct bpf_maps known = {}, base;
	int r = receive(&q, &known);

	if (r < 0)
		return r;
	if (!known.n)
		r = load_one(BPF_LOAD_BASE, &bpf_objects_hello, &known, &none);
	if (r < 0 || !known.n)
		return r;
	base.n = 0;
	for (unsigned int i = 0; i < known.n && i < BPF_LOAD_MAPS_BASE; i++) {
		strcpy(base.name[i], known.name[i]);
		base.fd[base.n++] = known.fd[i];
	}
	for (uint32_t probe = 0; probe < BPF_PROBE_COUNT && r == 0; probe++)
		if (q.probes & 1u << probe)
			r = load_one(probe, &bpf_objects[probe], &known, &base);
	return r;
}

int main(int argc, char **argv)
{
	int r;

	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("broker-bpf " IDLEBROKER_VERSION);
		return 0;
	}
	if (argc != 1) {
		fputs("broker-bpf: it is started by brokerd\n", stderr);
		return 2;
	}
	if (getenv("IDLEBROKER_BPF_LOG"))
		log_set_level(LOG_LEVEL_DEBUG);
	bpf_load_quiet();
	r = serve();
	if (r < 0)
		log_error("eBPF programs cannot be loaded", LOG_STR("why", strerror(-r)));
	/* As it is: to close an object would detach what was just handed over. */
	_exit(r < 0);
}
