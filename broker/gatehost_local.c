/* SPDX-License-Identifier: MIT */
/*
 * The backend in user space; see gatehost_backend.h.
 *
 * The page is a memory file that this process maps for writing first and then seals against
 * every later writable mapping, write and change of size: whoever gets the descriptor can read,
 * and nothing else. There is one writer, this thread; a reader needs no lock but the sequence
 * count (linux/idlegate.h). Arms a timer only while a hold has a deadline.
 */
#include "broker/gatehost_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/idlegate.h>
#include <stdlib.h>
#include <sys/mman.h>

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

struct local {
	struct gatehost_backend base;
	struct loop_timer *timer;
	struct gate_policy policy;
	struct gate gate;
	struct idlegate_page *page; /* shared with others: volatile or atomic stores only */
	int fd;
	uint64_t nonsense_logged_ns;
};

static void local_free(struct gatehost_backend *b);

static inline void cleanup_localp(struct local **l)
{
	if (*l)
		local_free(&(*l)->base);
}

static void store_u64(__u64 *to, uint64_t value)
{
	*(volatile __u64 *)to = value;
}

/* A 64-bit store may tear on a 32-bit machine; the sequence count is there for that. */
static void publish(struct local *l)
{
	struct idlegate_page *p = l->page;
	uint32_t seq = p->seq;

	__atomic_store_n(&p->seq, seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&p->holds, l->gate.holds, __ATOMIC_RELAXED);
	store_u64(&p->changed_ns, l->gate.changed_ns);
	store_u64(&p->input_ns, l->gate.input_ns);
	store_u64(&p->closes, l->gate.closes);
	store_u64(&p->opens, l->gate.opens);
	store_u64(&p->facts, l->gate.facts);
	__atomic_store_n(&p->seq, seq + 2, __ATOMIC_RELEASE);
}

static void complain(struct local *l, const struct gate_fact *fact)
{
	if (l->nonsense_logged_ns && l->gate.now_ns - l->nonsense_logged_ns < NONSENSE_LOG_EVERY_NS)
		return;
	l->nonsense_logged_ns = l->gate.now_ns;
	log_warning("a source told the gate what makes no sense; it holds as sensor-lost",
		    LOG_UINT("fact", fact->kind));
}

static int step(struct local *l, const struct gate_fact *fact)
{
	int r = gate_step(&l->gate, &l->policy, fact, clock_now_ns());

	if (r < 0)
		complain(l, fact);
	publish(l);
	loop_timer_at(l->timer, gate_next_deadline(&l->gate));
	return r < 0 ? r : 0;
}

static int local_fact(struct gatehost_backend *b, const struct gate_fact *fact)
{
	struct local *l = (struct local *)b;
	uint32_t before = l->gate.holds;
	int r = step(l, fact);

	if (l->gate.holds != before)
		gatehost_changed(b->host, l->gate.changed_ns, l->gate.holds, before);
	return r;
}

static void deadline(void *data)
{
	struct local *l = data;

	local_fact(&l->base, &(struct gate_fact){.kind = GATE_FACT_TICK});
	gatehost_tell(l->base.host);
}

static int local_set_policy(struct gatehost_backend *b, const struct gate_policy *policy)
{
	((struct local *)b)->policy = *policy;
	return local_fact(b, &(struct gate_fact){.kind = GATE_FACT_TICK});
}

static uint32_t local_holds(const struct gatehost_backend *b)
{
	return ((const struct local *)b)->gate.holds;
}

static int local_state(struct gatehost_backend *b, struct idlegate_state *out)
{
	const struct gate *gate = &((struct local *)b)->gate;

	*out = (struct idlegate_state){
		.holds = gate->holds,
		.lost = gate->lost,
		.now_ns = clock_now_ns(),
		.changed_ns = gate->changed_ns,
		.input_ns = gate->input_ns,
		.closes = gate->closes,
		.opens = gate->opens,
		.facts = gate->facts,
		.next_deadline_ns = gate_next_deadline(gate),
		.hottest_mc = IDLEGATE_VALUE_UNKNOWN,
	};
	for (uint32_t h = 0; h < IDLEGATE_HOLD_COUNT; h++) {
		if (!(gate->holds & IDLEGATE_HOLD_BIT(h)))
			continue;
		out->since_ns[h] = gate->hold[h].since_ns;
		out->clear_at_ns[h] = gate->hold[h].clear_at_ns;
	}
	for (uint32_t i = 0; i < GATE_SENSOR_COUNT; i++)
		out->sensor[i] = (__u8)gate->sensor[i];
	return 0;
}

static int local_page_fd(const struct gatehost_backend *b)
{
	return ((const struct local *)b)->fd;
}

static int make_page(struct local *l)
{
	void *at;

	l->fd = io_memfd("idlegate", NULL, IDLEGATE_PAGE_SIZE);
	if (l->fd < 0)
		return l->fd;
	at = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	l->page = at;
	if (fcntl(l->fd, F_ADD_SEALS,
		  F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	l->page->magic = IDLEGATE_PAGE_MAGIC;
	l->page->version = IDLEGATE_PAGE_VERSION;
	return 0;
}

static void local_free(struct gatehost_backend *b)
{
	struct local *l = (struct local *)b;

	if (l->timer)
		step(l, &(struct gate_fact){.kind = GATE_FACT_HOST, .on = false});
	loop_timer_free(l->timer);
	if (l->page)
		munmap(l->page, IDLEGATE_PAGE_SIZE);
	cleanup_closep(&l->fd);
	free(l);
}

static const struct gatehost_backend_ops local_ops = {
	.tier = "user-space",
	.fact = local_fact,
	.set_policy = local_set_policy,
	.holds = local_holds,
	.state = local_state,
	.page_fd = local_page_fd,
	.free = local_free,
};

int gatehost_local_new(struct gatehost_backend **out, struct gatehost *host, struct loop *loop,
		       const struct gate_policy *policy)
{
	_cleanup_(cleanup_localp) struct local *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	*l = (struct local){.base = {.ops = &local_ops, .host = host}, .policy = *policy, .fd = -1};
	r = make_page(l);
	if (r < 0)
		return r;
	r = loop_timer_new(loop, deadline, l, &l->timer);
	if (r < 0)
		return r;
	gate_init(&l->gate, policy, clock_now_ns());
	step(l, &(struct gate_fact){.kind = GATE_FACT_HOST, .on = true});
	*out = &steal_ptr(l)->base;
	return 0;
}
