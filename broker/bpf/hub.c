/* SPDX-License-Identifier: MIT */
/*
 * The eBPF programs as brokerd sees them; see hub.h.
 *
 * The first object has no probe: it makes the maps, and its program is run once here to find out
 * whether any of this works. A hub that does not work is kept as well, for it knows why.
 *
 * The ring's map is watched by the loop directly; libbpf only knows how to read it. That a record
 * was lost shows in the page only, and so does what the lost one was: every listener is told, and
 * errs closed.
 */
#include "broker/bpf/hub.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/bpf/hub_internal.h"
#include "broker/bpf/load.h"
#include "broker/bpf/objects.h"
#include "broker/bpf/record.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define HELLO BPF_PROBE_COUNT

struct listener {
	bpf_hub_fn fn;
	void *data;
};

struct bpf_hub {
	struct loop *loop;
	struct loop_watch *watch;
	struct ring_buffer *ring;
	struct bpf_shared *page;
	bool works;
	bool heard_hello;
	char why[192]; /* it does not work */
	uint64_t dropped_known, bad;
	struct bpf_loaded loaded[BPF_PROBE_COUNT + 1]; /* the last one: hello */
	struct bpf_probe_status status[BPF_PROBE_COUNT];
	struct listener listener[BPF_RECORD_COUNT];
};

static size_t page_size(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct bpf_shared) + page - 1) / page * page;
}

static void hub_tell(struct bpf_hub *hub, const struct bpf_record *rec)
{
	const struct listener *l = &hub->listener[rec->kind];

	if (rec->kind == BPF_RECORD_HELLO)
		hub->heard_hello = true;
	if (l->fn)
		l->fn(l->data, rec);
}

/* Called by libbpf for each record. Goes on whatever a record is. */
static int hub_take(void *data, void *bytes, size_t size)
{
	struct bpf_hub *hub = data;
	struct bpf_record rec;

	if (bpf_record_parse(bytes, size, &rec) == 0)
		hub_tell(hub, &rec);
	else if (!hub->bad++)
		log_warning("a record of an eBPF program makes no sense and is passed over");
	return 0;
}

static void hub_check_dropped(struct bpf_hub *hub)
{
	uint64_t dropped = bpf_hub_dropped(hub);

	if (dropped == hub->dropped_known)
		return;
	log_warning("the eBPF ring was full; what was lost counts as seen",
		    LOG_UINT("records", dropped - hub->dropped_known));
	hub->dropped_known = dropped;
	for (int i = 0; i < BPF_RECORD_COUNT; i++)
		if (hub->listener[i].fn)
			hub->listener[i].fn(hub->listener[i].data, NULL);
}

static void hub_ready(void *data, int fd, int events)
{
	struct bpf_hub *hub = data;

	ring_buffer__consume(hub->ring);
	hub_check_dropped(hub);
}

int bpf_hub_map(const struct bpf_hub *hub, const char *name)
{
	for (int i = HELLO; hub && i >= 0; i--) {
		const struct bpf_object *object = hub->loaded[i].object;
		struct bpf_map *map = object ? bpf_object__find_map_by_name(object, name) : NULL;

		if (map)
			return bpf_map__fd(map);
	}
	return -ENOENT;
}

struct bpf_shared *bpf_hub_page(const struct bpf_hub *hub)
{
	return bpf_hub_works(hub) ? hub->page : NULL;
}

/* Run the first program, and see whether its record arrives. */
static int hub_say_hello(struct bpf_hub *hub)
{
	struct bpf_program *program =
		bpf_object__find_program_by_name(hub->loaded[HELLO].object, "hello");
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int r = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

	if (r < 0)
		return r;
	r = ring_buffer__consume(hub->ring);
	if (r < 0)
		return r;
	return hub->heard_hello ? 0 : -EIO;
}

static int hub_start(struct bpf_hub *hub)
{
	void *page;
	int r = bpf_load(&hub->loaded[HELLO], &bpf_objects_hello, NULL, 0, hub->why,
			 sizeof(hub->why));

	if (r < 0)
		return r;
	page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
		    bpf_hub_map(hub, "shared"), 0);
	if (page == MAP_FAILED)
		return -errno;
	hub->page = page;
	hub->ring = ring_buffer__new(bpf_hub_map(hub, "records"), hub_take, hub, NULL);
	if (!hub->ring)
		return -errno;
	r = hub_say_hello(hub);
	if (r < 0)
		return r;
	return loop_watch(hub->loop, bpf_hub_map(hub, "records"), POLLIN, hub_ready, hub,
			  &hub->watch);
}

void bpf_hub_free(struct bpf_hub *hub)
{
	if (!hub)
		return;
	loop_unwatch(hub->watch);
	for (int i = 0; i <= HELLO; i++)
		bpf_unload(&hub->loaded[i]);
	ring_buffer__free(hub->ring);
	if (hub->page)
		munmap(hub->page, page_size());
	free(hub);
}

int bpf_hub_new(struct bpf_hub **out, struct loop *loop)
{
	struct bpf_hub *hub = calloc(1, sizeof(*hub));
	int r;

	if (!hub)
		return -ENOMEM;
	hub->loop = loop;
	for (int i = 0; i < BPF_PROBE_COUNT; i++)
		hub->status[i] =
			(struct bpf_probe_status){.name = bpf_objects[i].name, .tier = "none"};
	bpf_load_quiet();
	r = hub_start(hub);
	hub->works = r == 0;
	if (r < 0 && !hub->why[0])
		snprintf(hub->why, sizeof(hub->why), "the first program did not answer: %s",
			 strerror(-r));
	*out = hub;
	return 0;
}

bool bpf_hub_works(const struct bpf_hub *hub)
{
	return hub && hub->works;
}

int bpf_hub_attach(struct bpf_hub *hub, enum bpf_probe probe)
{
	struct bpf_probe_status *s;
	int r;

	if (!hub)
		return -EOPNOTSUPP;
	s = &hub->status[probe];
	if (hub->loaded[probe].object)
		return 0;
	s->wanted = true;
	if (!hub->works) {
		memcpy(s->detail, hub->why, sizeof(s->detail));
		return -EOPNOTSUPP;
	}
	r = bpf_load(&hub->loaded[probe], &bpf_objects[probe], hub->loaded, HELLO + 1, s->detail,
		     sizeof(s->detail));
	s->tier = r == 0 ? hub->loaded[probe].variant->tier : "none";
	return r;
}

void bpf_hub_detach(struct bpf_hub *hub, enum bpf_probe probe)
{
	if (!hub)
		return;
	bpf_unload(&hub->loaded[probe]);
	hub->status[probe].wanted = false;
	hub->status[probe].tier = "none";
	hub->status[probe].detail[0] = '\0';
}

int bpf_hub_status(const struct bpf_hub *hub, enum bpf_probe probe, struct bpf_probe_status *out)
{
	if (!hub || (unsigned int)probe >= BPF_PROBE_COUNT)
		return -ENOENT;
	*out = hub->status[probe];
	return 0;
}

void bpf_hub_listen(struct bpf_hub *hub, enum bpf_record_kind kind, bpf_hub_fn fn, void *data)
{
	if (hub)
		hub->listener[kind] = (struct listener){.fn = fn, .data = data};
}

/* The program notes the time and takes the switch then; here it is the other way round. */
bool bpf_hub_arm(struct bpf_hub *hub, enum bpf_record_kind kind, uint64_t known_ns)
{
	if (!bpf_hub_works(hub))
		return false;
	__atomic_exchange_n(&hub->page->armed[kind], 1, __ATOMIC_SEQ_CST);
	return bpf_hub_last(hub, kind) > known_ns;
}

uint64_t bpf_hub_last(const struct bpf_hub *hub, enum bpf_record_kind kind)
{
	if (!bpf_hub_works(hub))
		return 0;
	return __atomic_load_n(&hub->page->last_ns[kind], __ATOMIC_SEQ_CST);
}

uint64_t bpf_hub_dropped(const struct bpf_hub *hub)
{
	return bpf_hub_works(hub) ? __atomic_load_n(&hub->page->dropped, __ATOMIC_RELAXED) : 0;
}

void bpf_hub_zone_limit(struct bpf_hub *hub, int32_t limit_mc)
{
	if (bpf_hub_works(hub))
		__atomic_store_n(&hub->page->zone_limit_mc, limit_mc, __ATOMIC_RELAXED);
}

bool bpf_hub_asleep(const struct bpf_hub *hub)
{
	return bpf_hub_works(hub) && __atomic_load_n(&hub->page->asleep, __ATOMIC_SEQ_CST);
}
