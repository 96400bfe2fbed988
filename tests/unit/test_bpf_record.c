/* SPDX-License-Identifier: MIT */
/* Records of the eBPF ring: what is taken, and what is not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "broker/bpf/record.h"

static struct bpf_record record(unsigned int kind)
{
	return (struct bpf_record){.version = BPF_RECORD_VERSION, .kind = kind, .at_ns = 1};
}

static int parse(const struct bpf_record *r)
{
	unsigned char odd[sizeof(*r) + 1];
	struct bpf_record out;

	memcpy(odd + 1, r, sizeof(*r)); /* at an odd address */
	return bpf_record_parse(odd + 1, sizeof(*r), &out);
}

Test(bpf_record, every_kind_is_taken)
{
	for (unsigned int kind = 0; kind < BPF_RECORD_COUNT; kind++) {
		struct bpf_record r = record(kind);

		cr_assert_eq(parse(&r), 0, "kind %u", kind);
	}
}

Test(bpf_record, what_makes_no_sense_is_refused)
{
	struct bpf_record r;

	r = record(BPF_RECORD_COUNT);
	cr_assert_eq(parse(&r), -EBADMSG, "unknown kind");
	r = record(BPF_RECORD_INPUT);
	r.version++;
	cr_assert_eq(parse(&r), -EBADMSG, "unknown version");
	r = record(BPF_RECORD_INPUT);
	r.at_ns = 0;
	cr_assert_eq(parse(&r), -EBADMSG, "no time");
}

Test(bpf_record, an_input_is_a_time_and_nothing_else)
{
	struct bpf_record r;

	r = record(BPF_RECORD_INPUT);
	r.arg = 30; /* a key code */
	cr_assert_eq(parse(&r), -EBADMSG);
	r = record(BPF_RECORD_INPUT);
	r.value = 1;
	cr_assert_eq(parse(&r), -EBADMSG);
	r = record(BPF_RECORD_INPUT);
	r.tgid = 1;
	cr_assert_eq(parse(&r), -EBADMSG);
	r = record(BPF_RECORD_INPUT);
	strcpy(r.comm, "x");
	cr_assert_eq(parse(&r), -EBADMSG);
}

Test(bpf_record, every_other_length_is_refused)
{
	unsigned char bytes[2 * sizeof(struct bpf_record)] = {};
	struct bpf_record out, r = record(BPF_RECORD_POWER);

	memcpy(bytes, &r, sizeof(r));
	for (size_t n = 0; n <= sizeof(bytes); n++)
		cr_assert_eq(bpf_record_parse(bytes, n, &out), n == sizeof(r) ? 0 : -EBADMSG,
			     "%zu bytes", n);
}

Test(bpf_record, a_name_is_ended_and_can_be_shown)
{
	struct bpf_record out, r = record(BPF_RECORD_GPU);

	memset(r.comm, 'x', sizeof(r.comm));
	cr_assert_eq(bpf_record_parse(&r, sizeof(r), &out), -EBADMSG, "without an end");
	memcpy(r.comm, "a\n\033\377z\0secret", sizeof("a\n\033\377z\0secret"));
	r.comm[15] = '\0';
	cr_assert_eq(bpf_record_parse(&r, sizeof(r), &out), 0);
	cr_assert_str_eq(out.comm, "a???z");
	for (size_t i = 5; i < sizeof(out.comm); i++)
		cr_assert_eq(out.comm[i], 0, "byte %zu", i);
}
