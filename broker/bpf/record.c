/* SPDX-License-Identifier: MIT */
/*
 * Reading what came through the ring; see record.h.
 *
 * The kernel's own programs wrote it, ours; but who may load programs may also write to a map of
 * ours, and brokerd takes nothing unread. A name that a process gave itself may hold any byte:
 * what cannot be shown becomes a question mark.
 */
#include "broker/bpf/record.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Which fields a kind uses. */
static const struct {
	bool process, arg, value;
} record_uses[BPF_RECORD_COUNT] = {
	[BPF_RECORD_GPU] = {.process = true, .arg = true},
	[BPF_RECORD_GPU_SHARE] = {.process = true, .arg = true},
	[BPF_RECORD_THERMAL] = {.arg = true, .value = true},
	[BPF_RECORD_SUSPEND] = {.arg = true},
};

int bpf_comm_clean(char comm[BPF_COMM_LEN])
{
	size_t len = strnlen(comm, BPF_COMM_LEN);
	int r = len == BPF_COMM_LEN ? -EBADMSG : 0;

	if (r < 0)
		len--;
	for (size_t i = 0; i < len; i++)
		if (comm[i] < ' ' || comm[i] > '~')
			comm[i] = '?';
	memset(comm + len, 0, BPF_COMM_LEN - len);
	return r;
}

int bpf_record_parse(const void *data, size_t size, struct bpf_record *out)
{
	struct bpf_record r;

	if (size != sizeof(r))
		return -EBADMSG;
	memcpy(&r, data, sizeof(r));
	if (r.version != BPF_RECORD_VERSION || r.kind >= BPF_RECORD_COUNT || !r.at_ns)
		return -EBADMSG;
	if (!record_uses[r.kind].process && (r.tgid || r.comm[0]))
		return -EBADMSG;
	if ((!record_uses[r.kind].arg && r.arg) || (!record_uses[r.kind].value && r.value))
		return -EBADMSG;
	if (bpf_comm_clean(r.comm) < 0)
		return -EBADMSG;
	*out = r;
	return 0;
}
