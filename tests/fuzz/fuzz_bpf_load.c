/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a packet between brokerd and broker-bpf; the first one says how many descriptors
 * came with it. What is taken has as many as it says, names that end, differ and can be shown, and
 * either words or a tier; and taken once more it is the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/bpf/load_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int condition)
{
	if (!condition)
		abort();
}

static void want_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	want(len < size);
	for (size_t i = 0; i < len; i++)
		want(text[i] >= ' ' && text[i] <= '~');
}

static void want_names(const char map[][BPF_LOAD_NAME_LEN], uint32_t n)
{
	want(n <= BPF_LOAD_MAPS_MAX);
	for (uint32_t i = 0; i < n; i++) {
		want(map[i][0]);
		want_text(map[i], BPF_LOAD_NAME_LEN);
		for (uint32_t k = 0; k < i; k++)
			want(strcmp(map[i], map[k]) != 0);
	}
}

static void try_request(const uint8_t *data, size_t size, unsigned int n_fds)
{
	static const struct bpf_load_request untouched = {.version = 77};
	struct bpf_load_request q = untouched, again;

	if (bpf_load_request_parse(data, size, n_fds, &q) < 0) {
		want(!memcmp(&q, &untouched, sizeof(q)));
		return;
	}
	want(q.probes && q.probes < 1u << BPF_PROBE_COUNT);
	want(q.n_maps == n_fds);
	want_names(q.map, q.n_maps);
	want(bpf_load_request_parse(&q, sizeof(q), n_fds, &again) == 0);
	want(!memcmp(&q, &again, sizeof(q)));
}

static void try_answer(const uint8_t *data, size_t size, unsigned int n_fds)
{
	static const struct bpf_load_answer untouched = {.version = 77};
	struct bpf_load_answer a = untouched, again;

	if (bpf_load_answer_parse(data, size, n_fds, &a) < 0) {
		want(!memcmp(&a, &untouched, sizeof(a)));
		return;
	}
	want(a.probe <= BPF_LOAD_BASE);
	want(a.error <= 0 && a.error >= -4095);
	want(a.n_links <= BPF_LOAD_LINKS_MAX && a.n_links + a.n_maps == n_fds);
	want(a.error ? !n_fds : n_fds > 0);
	want(!a.error == !a.why[0] && !a.error == !!a.tier[0]);
	want_text(a.tier, sizeof(a.tier));
	want_text(a.why, sizeof(a.why));
	want_names(a.map, a.n_maps);
	want(bpf_load_answer_parse(&a, sizeof(a), n_fds, &again) == 0);
	want(!memcmp(&a, &again, sizeof(a)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	try_request(data + 1, size - 1, data[0]);
	try_answer(data + 1, size - 1, data[0]);
	return 0;
}
