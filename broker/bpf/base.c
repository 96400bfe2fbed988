/* SPDX-License-Identifier: MIT */
/*
 * The ring and the page; see base.h. The first program runs in this process and not in the one that
 * loaded it, for it notes as which process the kernel knows the one that runs it (bpf/hello.bpf.c).
 */
#include "broker/bpf/base.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/bpf/record.h"
#include "broker/bpf/sys.h"

static size_t page_size(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (sizeof(struct bpf_shared) + page - 1) / page * page;
}

static void on_hello(void *data, const void *bytes, size_t size)
{
	struct bpf_record rec;
	bool *heard = data;

	if (bpf_record_parse(bytes, size, &rec) == 0 && rec.kind == BPF_RECORD_HELLO)
		*heard = true;
}

static int say_hello(struct bpf_base *b, int hello)
{
	bool heard = false;
	int r = bpf_sys_run(hello);

	if (r == 0)
		r = bpf_ring_read(&b->ring, on_hello, &heard);
	if (r < 0)
		return r;
	return heard ? 0 : -EIO;
}

static int map_page(struct bpf_base *b)
{
	struct bpf_map_info info;
	int r = bpf_sys_map_info(b->shared, &info);
	void *page;

	if (r < 0)
		return r;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(struct bpf_shared))
		return -EBADMSG;
	page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, b->shared, 0);
	if (page == MAP_FAILED)
		return -errno;
	b->page = page;
	return 0;
}

int bpf_base_open(struct bpf_base *b, int records, int shared, int hello)
{
	int r;

	*b = (struct bpf_base){.records = records, .shared = shared};
	r = map_page(b);
	if (r == 0)
		r = bpf_ring_open(&b->ring, records);
	if (r == 0)
		r = say_hello(b, hello);
	if (r < 0)
		bpf_base_close(b);
	return r;
}

void bpf_base_close(struct bpf_base *b)
{
	bpf_ring_close(&b->ring);
	if (b->page)
		munmap(b->page, page_size());
	if (b->records >= 0)
		close(b->records);
	if (b->shared >= 0)
		close(b->shared);
	*b = BPF_BASE_NONE;
}
