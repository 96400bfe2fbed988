/* SPDX-License-Identifier: MIT */
/* Reading a ring as the kernel lays it out, in memory that the test writes like the kernel. */
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "broker/bpf/ring.h"

#define SIZE 64

struct kernel {
	unsigned long consumer, producer;
	_Alignas(8) uint8_t data[2 * SIZE];
	struct bpf_ring ring;
	char heard[64]; /* the first byte of each record */
	size_t sizes;
};

static void kernel_init(struct kernel *k)
{
	*k = (struct kernel){.consumer = 0};
	k->ring = (struct bpf_ring){
		.consumer = &k->consumer, .producer = &k->producer, .data = k->data, .size = SIZE};
}

/* The memory that the kernel maps twice is written twice here. */
static void put(struct kernel *k, uint32_t head, char what)
{
	uint32_t len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);

	for (size_t i = 0; i < 8 + (size_t)len; i++) {
		size_t at = (k->producer + i) % SIZE;
		uint8_t byte = i < 4 ? (uint8_t)(head >> 8 * i) : i < 8 ? 0 : (uint8_t)what;

		k->data[at] = k->data[at + SIZE] = byte;
	}
	k->producer += (8 + len + 7) & ~7ul;
}

static void on_record(void *data, const void *bytes, size_t size)
{
	struct kernel *k = data;

	for (size_t i = 1; i < size; i++)
		cr_assert_eq(((const char *)bytes)[i], *(const char *)bytes);
	strncat(k->heard, bytes, 1);
	k->sizes += size;
}

static int take(struct kernel *k)
{
	return bpf_ring_read(&k->ring, on_record, k);
}

Test(bpf_ring, records_come_in_order_and_round_the_end)
{
	struct kernel k;

	kernel_init(&k);
	cr_assert_eq(take(&k), 0, "an empty one");
	for (int i = 0; i < 10; i++) {
		put(&k, 12, (char)('a' + 2 * i));
		put(&k, 16, (char)('b' + 2 * i));
		cr_assert_eq(take(&k), 0);
		cr_assert_eq(k.consumer, k.producer);
	}
	cr_assert_str_eq(k.heard, "abcdefghijklmnopqrst");
	cr_assert_eq(k.sizes, 10 * (12 + 16));
}

Test(bpf_ring, the_positions_wrap)
{
	struct kernel k;

	kernel_init(&k);
	k.consumer = k.producer = -24ul;
	put(&k, 16, 'a');
	put(&k, 8, 'b');
	cr_assert_eq(take(&k), 0);
	cr_assert_str_eq(k.heard, "ab");
	cr_assert_eq(k.consumer, 16);
}

Test(bpf_ring, one_that_was_thrown_away_is_passed_over)
{
	struct kernel k;

	kernel_init(&k);
	put(&k, 8, 'a');
	put(&k, 8 | BPF_RINGBUF_DISCARD_BIT, 'b');
	put(&k, 8, 'c');
	cr_assert_eq(take(&k), 0);
	cr_assert_str_eq(k.heard, "ac");
	cr_assert_eq(k.consumer, k.producer);
}

Test(bpf_ring, one_that_is_being_written_is_waited_for)
{
	struct kernel k;

	kernel_init(&k);
	put(&k, 8, 'a');
	put(&k, 8 | BPF_RINGBUF_BUSY_BIT, 'b');
	put(&k, 8, 'c');
	cr_assert_eq(take(&k), 0);
	cr_assert_str_eq(k.heard, "a");
	cr_assert_eq(k.consumer, 16);
	k.data[16 + 3] = 0; /* written now */
	cr_assert_eq(take(&k), 0);
	cr_assert_str_eq(k.heard, "abc");
}

Test(bpf_ring, a_length_that_cannot_be_is_not_believed)
{
	static const uint32_t heads[] = {SIZE, 17, 0x3fffffff, 0x3ffffff9};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		struct kernel k;

		kernel_init(&k);
		put(&k, 8, 'a');
		put(&k, 16, 'b');
		memcpy(k.data + 16, &heads[i], sizeof(heads[i]));
		cr_assert_eq(take(&k), -EBADMSG, "%#x", heads[i]);
		cr_assert_str_eq(k.heard, "a");
		cr_assert_eq(k.consumer, k.producer, "it goes on behind it");
		put(&k, 8, 'c');
		cr_assert_eq(take(&k), 0);
		cr_assert_str_eq(k.heard, "ac");
	}
}
