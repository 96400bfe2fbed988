/* SPDX-License-Identifier: MIT */
/* Reading the kernel's ring buffer; see ring.h. */
#include "broker/bpf/ring.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/bpf/sys.h"

int bpf_ring_open(struct bpf_ring *out, int map)
{
	struct bpf_ring r = {.page = (size_t)sysconf(_SC_PAGESIZE)};
	struct bpf_map_info info;
	void *p;
	int e = bpf_sys_map_info(map, &info);

	if (e < 0)
		return e;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EINVAL;
	r.size = info.max_entries;
	p = mmap(NULL, r.page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	if (p == MAP_FAILED)
		return -errno;
	r.consumer = p;
	p = mmap(NULL, r.page + 2 * r.size, PROT_READ, MAP_SHARED, map, (off_t)r.page);
	if (p == MAP_FAILED) {
		e = -errno;
		munmap(r.consumer, r.page);
		return e;
	}
	r.producer = p;
	r.data = (const uint8_t *)p + r.page;
	*out = r;
	return 0;
}

void bpf_ring_close(struct bpf_ring *r)
{
	if (!r->consumer)
		return;
	munmap(r->consumer, r->page);
	munmap((void *)r->producer, r->page + 2 * r->size);
	*r = (struct bpf_ring){.size = 0};
}

int bpf_ring_read(struct bpf_ring *r, bpf_ring_fn fn, void *data)
{
	unsigned long at = *r->consumer;
	unsigned long end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);

	while (at != end) {
		const uint8_t *head = r->data + (at & (r->size - 1));
		uint32_t len = __atomic_load_n((const uint32_t *)head, __ATOMIC_ACQUIRE);
		unsigned long whole = len & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

		if (len & BPF_RINGBUF_BUSY_BIT)
			return 0; /* being written: the kernel wakes us again */
		whole = (whole + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		if (whole > end - at || whole > r->size) {
			__atomic_store_n(r->consumer, end, __ATOMIC_RELEASE);
			return -EBADMSG;
		}
		if (!(len & BPF_RINGBUF_DISCARD_BIT))
			fn(data, head + BPF_RINGBUF_HDR_SZ, len & ~BPF_RINGBUF_DISCARD_BIT);
		at += whole;
		__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
		if (at == end)
			end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	}
	return 0;
}
