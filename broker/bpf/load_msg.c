/* SPDX-License-Identifier: MIT */
/*
 * Reading what brokerd and broker-bpf say to each other; see load_msg.h. The two are of one build
 * and trust each other; but one of them may be older than the other for a moment of an upgrade, and
 * a descriptor that is taken for another would be a mistake without words.
 */
#include "broker/bpf/load_msg.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define ERRNO_MAX 4095

static bool is_zero(const void *data, size_t size)
{
	const char *bytes = data;

	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Ended, nothing behind its end, and all of it can be shown. */
static bool is_text(const char *text, size_t size)
{
	size_t len = strnlen(text, size);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return len < size && is_zero(text + len, size - len);
}

static bool are_names(const char map[][BPF_LOAD_NAME_LEN], uint32_t n)
{
	if (n > BPF_LOAD_MAPS_MAX)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!map[i][0] || !is_text(map[i], BPF_LOAD_NAME_LEN))
			return false;
		for (uint32_t before = 0; before < i; before++)
			if (!strcmp(map[i], map[before]))
				return false;
	}
	return is_zero(map[n], (size_t)(BPF_LOAD_MAPS_MAX - n) * BPF_LOAD_NAME_LEN);
}

int bpf_load_request_parse(const void *data, size_t size, unsigned int n_fds,
			   struct bpf_load_request *out)
{
	struct bpf_load_request q;

	if (size != sizeof(q))
		return -EBADMSG;
	memcpy(&q, data, sizeof(q));
	if (q.version != BPF_LOAD_VERSION || q.pad)
		return -EBADMSG;
	if (!q.probes || q.probes >> BPF_PROBE_COUNT)
		return -EBADMSG;
	if (!are_names(q.map, q.n_maps) || n_fds != q.n_maps)
		return -EBADMSG;
	*out = q;
	return 0;
}

static bool is_failure(const struct bpf_load_answer *a)
{
	return a->error >= -ERRNO_MAX && a->why[0] && !a->tier[0] && !a->n_links && !a->n_maps;
}

static bool is_success(const struct bpf_load_answer *a)
{
	if (a->error || a->why[0] || !a->tier[0] || !a->n_links)
		return false;
	return a->probe != BPF_LOAD_BASE || (a->n_links == 1 && a->n_maps);
}

int bpf_load_answer_parse(const void *data, size_t size, unsigned int n_fds,
			  struct bpf_load_answer *out)
{
	struct bpf_load_answer a;

	if (size != sizeof(a))
		return -EBADMSG;
	memcpy(&a, data, sizeof(a));
	if (a.version != BPF_LOAD_VERSION || a.pad || a.probe > BPF_LOAD_BASE)
		return -EBADMSG;
	if (!is_text(a.tier, sizeof(a.tier)) || !is_text(a.why, sizeof(a.why)))
		return -EBADMSG;
	if (a.error < 0 ? !is_failure(&a) : !is_success(&a))
		return -EBADMSG;
	if (a.n_links > BPF_LOAD_LINKS_MAX || !are_names(a.map, a.n_maps) ||
	    n_fds != a.n_links + a.n_maps)
		return -EBADMSG;
	*out = a;
	return 0;
}
