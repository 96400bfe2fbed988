/* SPDX-License-Identifier: MIT */
/* What brokerd and broker-bpf say to each other: what is taken, and what is not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "broker/bpf/load_msg.h"

static struct bpf_load_request request(void)
{
	return (struct bpf_load_request){.version = BPF_LOAD_VERSION,
					 .probes = 1u << BPF_PROBE_INPUT,
					 .n_maps = 2,
					 .map = {"records", "shared"}};
}

static struct bpf_load_answer success(void)
{
	return (struct bpf_load_answer){.version = BPF_LOAD_VERSION,
					.probe = BPF_PROBE_GPU_FENCE,
					.n_links = 2,
					.n_maps = 3,
					.tier = "tracepoints",
					.map = {"gpu_total", "gpu_clients", "gpu_jobs"}};
}

static struct bpf_load_answer failure(void)
{
	return (struct bpf_load_answer){.version = BPF_LOAD_VERSION,
					.probe = BPF_PROBE_INPUT,
					.error = -ESRCH,
					.why = "fentry: it is not there"};
}

static struct bpf_load_answer base(void)
{
	return (struct bpf_load_answer){.version = BPF_LOAD_VERSION,
					.probe = BPF_LOAD_BASE,
					.n_links = 1,
					.n_maps = 2,
					.tier = "run",
					.map = {"records", "shared"}};
}

static int take_q(const struct bpf_load_request *q, unsigned int n_fds)
{
	static const struct bpf_load_request untouched = {.version = 77};
	struct bpf_load_request out = untouched;
	int r = bpf_load_request_parse(q, sizeof(*q), n_fds, &out);

	cr_assert_eq(memcmp(&out, r < 0 ? &untouched : q, sizeof(out)), 0);
	return r;
}

static int take_a(const struct bpf_load_answer *a, unsigned int n_fds)
{
	static const struct bpf_load_answer untouched = {.version = 77};
	struct bpf_load_answer out = untouched;
	int r = bpf_load_answer_parse(a, sizeof(*a), n_fds, &out);

	cr_assert_eq(memcmp(&out, r < 0 ? &untouched : a, sizeof(out)), 0);
	return r;
}

Test(bpf_load_msg, what_is_well_formed_is_taken)
{
	struct bpf_load_request q = request();
	struct bpf_load_answer a = success();

	cr_assert_eq(take_q(&q, 2), 0);
	q = (struct bpf_load_request){.version = BPF_LOAD_VERSION, .probes = 1};
	cr_assert_eq(take_q(&q, 0), 0, "no maps yet");
	cr_assert_eq(take_a(&a, 5), 0);
	a = failure();
	cr_assert_eq(take_a(&a, 0), 0);
	a = base();
	cr_assert_eq(take_a(&a, 3), 0);
}

#define REFUSE_Q(change)                                              \
	do {                                                          \
		struct bpf_load_request q = request();                \
		change;                                               \
		cr_assert_eq(take_q(&q, 2), -EBADMSG, "%s", #change); \
	} while (0)

Test(bpf_load_msg, a_request_that_is_not_is_refused)
{
	struct bpf_load_request good = request(), out;

	REFUSE_Q(q.version++);
	REFUSE_Q(q.pad = 1);
	REFUSE_Q(q.probes = 0);
	REFUSE_Q(q.probes |= 1u << BPF_PROBE_COUNT);
	REFUSE_Q(q.n_maps = 1);
	REFUSE_Q(q.n_maps = 3);
	REFUSE_Q(q.n_maps = ~0u);
	REFUSE_Q(q.map[0][0] = '\0');
	REFUSE_Q(q.map[0][15] = 'x');
	REFUSE_Q(q.map[0][1] = '\n');
	REFUSE_Q(strcpy(q.map[1], q.map[0]));
	REFUSE_Q(strcpy(q.map[7], "more"));
	cr_assert_eq(take_q(&good, 1), -EBADMSG, "a descriptor too few");
	cr_assert_eq(take_q(&good, 3), -EBADMSG, "one too many");
	cr_assert_eq(bpf_load_request_parse(&good, sizeof(good) - 1, 2, &out), -EBADMSG);
	cr_assert_eq(bpf_load_request_parse(&good, sizeof(good) + 1, 2, &out), -EBADMSG);
	cr_assert_eq(bpf_load_request_parse(&good, 0, 2, &out), -EBADMSG);
}

#define REFUSE_A(of, n_fds, change)                                       \
	do {                                                              \
		struct bpf_load_answer a = of();                          \
		change;                                                   \
		cr_assert_eq(take_a(&a, n_fds), -EBADMSG, "%s", #change); \
	} while (0)

Test(bpf_load_msg, an_answer_that_is_not_is_refused)
{
	REFUSE_A(success, 5, a.version = 0);
	REFUSE_A(success, 5, a.pad = 1);
	REFUSE_A(success, 5, a.probe = BPF_LOAD_BASE + 1);
	REFUSE_A(success, 5, a.error = 1);
	REFUSE_A(success, 5, a.error = -ESRCH);
	REFUSE_A(success, 5, a.tier[0] = '\0');
	REFUSE_A(success, 5, memset(a.tier, 'x', sizeof(a.tier)));
	REFUSE_A(success, 5, a.tier[sizeof(a.tier) - 1] = 'x');
	REFUSE_A(success, 5, a.tier[0] = '\x1b');
	REFUSE_A(success, 5, strcpy(a.why, "why not"));
	REFUSE_A(success, 5, (a.n_links = 0, a.n_maps = 5));
	REFUSE_A(success, 5, (a.n_links = 3, a.n_maps = 2));
	REFUSE_A(success, 4, a.pad = 0);
	REFUSE_A(success, 6, a.pad = 0);
	REFUSE_A(success, 5, strcpy(a.map[1], "gpu_total"));
	REFUSE_A(success, 12, a.n_links = BPF_LOAD_LINKS_MAX + 1);
	REFUSE_A(success, 2, a.n_links = ~0u);
	REFUSE_A(success, 1, (a.n_links = ~0u, a.n_maps = 2));
	REFUSE_A(failure, 0, a.error = -4096);
	REFUSE_A(failure, 0, a.error = 0);
	REFUSE_A(failure, 0, a.error = INT32_MIN);
	REFUSE_A(failure, 0, a.why[0] = '\0');
	REFUSE_A(failure, 0, memset(a.why, 'x', sizeof(a.why)));
	REFUSE_A(failure, 0, strcpy(a.tier, "fentry"));
	REFUSE_A(failure, 1, a.pad = 0);
	REFUSE_A(failure, 1, a.n_links = 1);
	REFUSE_A(base, 4, a.n_links = 2);
	REFUSE_A(base, 1, (a.n_maps = 0, memset(a.map, 0, sizeof(a.map))));
}
