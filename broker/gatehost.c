/* SPDX-License-Identifier: MIT */
/*
 * The host of the gate in user space; see gatehost.h.
 *
 * The page is a memory file that this process maps for writing first and then seals against
 * every later writable mapping, write and change of size: whoever gets the descriptor can read,
 * and nothing else. There is one writer, this thread; a reader needs no lock but the sequence
 * count (linux/idlegate.h).
 */
#include "broker/gatehost.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "libbroker/util/log.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define NONSENSE_LOG_EVERY_NS (60 * NS_PER_S)

_Static_assert(sizeof(struct idlegate_page) == 136, "the page's layout is what others read");
_Static_assert(sizeof(struct idlegate_page) <= IDLEGATE_PAGE_SIZE, "it must fit the page");
_Static_assert(GATE_NEVER == UINT64_MAX, "a gate without a deadline must disarm the timer");

struct gatehost {
	struct loop *loop;
	struct loop_timer *timer;
	gatehost_fn fn;
	void *data;
	bool telling; /* fn runs */
	uint32_t told; /* the holds that fn knows */
	struct gate_policy policy;
	struct gate gate;
	struct idlegate_page *page; /* shared with others: volatile or atomic stores only */
	int fd;
	uint64_t nonsense_logged_ns;
	unsigned int n_changes; /* all so far; the last ones are in the ring */
	struct gatehost_change ring[GATEHOST_HISTORY];
};

DEFINE_CLEANUP(struct gatehost, gatehost, gatehost_free)

static void store_u64(__u64 *to, uint64_t value)
{
	*(volatile __u64 *)to = value;
}

/* A 64-bit store may tear on a 32-bit machine; the sequence count is there for that. */
static void publish(struct gatehost *g)
{
	struct idlegate_page *p = g->page;
	uint32_t seq = p->seq;

	__atomic_store_n(&p->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&p->holds, g->gate.holds, __ATOMIC_RELAXED);
	store_u64(&p->changed_ns, g->gate.changed_ns);
	store_u64(&p->input_ns, g->gate.input_ns);
	store_u64(&p->closes, g->gate.closes);
	store_u64(&p->opens, g->gate.opens);
	store_u64(&p->facts, g->gate.facts);
	__atomic_store_n(&p->seq, seq + 2, __ATOMIC_RELEASE);
}

static void remember(struct gatehost *g, uint32_t before)
{
	struct gatehost_change *c = &g->ring[g->n_changes++ % GATEHOST_HISTORY];
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*c = (struct gatehost_change){.at_ns = g->gate.changed_ns,
				      .at_s = ts.tv_sec,
				      .set = g->gate.holds & ~before,
				      .cleared = before & ~g->gate.holds,
				      .holds = g->gate.holds};
}

static void tell(struct gatehost *g)
{
	if (g->telling)
		return;
	g->telling = true;
	while (g->told != g->gate.holds) {
		uint32_t before = g->told;

		g->told = g->gate.holds;
		if (g->fn)
			g->fn(g->data, g->told, before);
	}
	g->telling = false;
}

static void complain(struct gatehost *g, const struct gate_fact *fact)
{
	if (g->nonsense_logged_ns && g->gate.now_ns - g->nonsense_logged_ns < NONSENSE_LOG_EVERY_NS)
		return;
	g->nonsense_logged_ns = g->gate.now_ns;
	log_warning("a source told the gate what makes no sense; it holds as sensor-lost",
		    LOG_UINT("fact", fact->kind));
}

static void step(struct gatehost *g, const struct gate_fact *fact)
{
	uint32_t before = g->gate.holds;

	if (gate_step(&g->gate, &g->policy, fact, clock_now_ns()) < 0)
		complain(g, fact);
	publish(g);
	if (g->gate.holds != before)
		remember(g, before);
	loop_timer_at(g->timer, gate_next_deadline(&g->gate));
}

void gatehost_fact(struct gatehost *g, const struct gate_fact *fact)
{
	step(g, fact);
	tell(g);
}

static void deadline(void *data)
{
	gatehost_fact(data, &(struct gate_fact){.kind = GATE_FACT_TICK});
}

static int make_page(struct gatehost *g)
{
	void *at;

	g->fd = io_memfd("idlegate", NULL, IDLEGATE_PAGE_SIZE);
	if (g->fd < 0)
		return g->fd;
	at = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	g->page = at;
	if (fcntl(g->fd, F_ADD_SEALS,
		  F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	g->page->magic = IDLEGATE_PAGE_MAGIC;
	g->page->version = IDLEGATE_PAGE_VERSION;
	return 0;
}

int gatehost_new(struct gatehost **out, struct loop *loop, const struct gate_policy *policy,
		 gatehost_fn fn, void *data)
{
	_cleanup_(cleanup_gatehostp) struct gatehost *g = NULL;
	int r;

	if (gate_policy_check(policy))
		return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	*g = (struct gatehost){.loop = loop, .fn = fn, .data = data, .policy = *policy, .fd = -1};
	r = make_page(g);
	if (r < 0)
		return r;
	r = loop_timer_new(loop, deadline, g, &g->timer);
	if (r < 0)
		return r;
	gate_init(&g->gate, policy, clock_now_ns());
	step(g, &(struct gate_fact){.kind = GATE_FACT_HOST, .on = true});
	g->told = g->gate.holds; /* the caller has no use for a call before this returns */
	*out = steal_ptr(g);
	return 0;
}

void gatehost_free(struct gatehost *g)
{
	if (!g)
		return;
	if (g->timer)
		step(g, &(struct gate_fact){.kind = GATE_FACT_HOST, .on = false});
	loop_timer_free(g->timer);
	if (g->page)
		munmap(g->page, IDLEGATE_PAGE_SIZE);
	cleanup_closep(&g->fd);
	free(g);
}

int gatehost_set_policy(struct gatehost *g, const struct gate_policy *policy)
{
	if (gate_policy_check(policy))
		return -EINVAL;
	g->policy = *policy;
	deadline(g); /* a tick applies it */
	return 0;
}

uint32_t gatehost_holds(const struct gatehost *g)
{
	return g->gate.holds;
}

const struct gate *gatehost_gate(const struct gatehost *g)
{
	return &g->gate;
}

int gatehost_page_fd(const struct gatehost *g)
{
	return g->fd;
}

unsigned int gatehost_history(const struct gatehost *g, struct gatehost_change *out)
{
	unsigned int n = g->n_changes < GATEHOST_HISTORY ? g->n_changes : GATEHOST_HISTORY;

	for (unsigned int i = 0; i < n; i++)
		out[i] = g->ring[(g->n_changes - 1 - i) % GATEHOST_HISTORY];
	return n;
}
