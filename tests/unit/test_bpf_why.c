/* SPDX-License-Identifier: MIT */
/* Why an eBPF program is not there: the reason that helps the owner comes first. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "broker/bpf/loader/why.h"

static const struct bpf_why_world well = {.may_bpf = true, .may_perfmon = true};

static const struct {
	struct bpf_why_world world;
	int r;
	const char *says;
} cases[] = {
	{{.may_bpf = true, .may_perfmon = true}, -524, "cannot attach in this way"},
	{{.may_bpf = true, .may_perfmon = true}, -ESRCH, "module is not loaded"},
	{{.may_bpf = true, .may_perfmon = true}, -ENOSYS, "CONFIG_BPF_SYSCALL"},
	{{.may_bpf = true, .may_perfmon = true}, -EPERM, "not permitted"},
	{{.may_bpf = true, .may_perfmon = true, .no_btf = true}, -ESRCH, "CONFIG_DEBUG_INFO_BTF"},
	{{.may_bpf = true, .may_perfmon = true, .locked_down = true}, -EINVAL, "locked down"},
	{{.may_bpf = true}, -EPERM, "CAP_PERFMON"},
	{{.may_perfmon = true}, -EPERM, "CAP_BPF"},
	{{}, -EPERM, "CAP_BPF and CAP_PERFMON"},
	{{.no_btf = true}, -ENOMEM, "memory"},
};

Test(bpf_why, each_reason_has_its_words)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_not_null(strstr(bpf_why(cases[i].r, &cases[i].world), cases[i].says),
				   "case %zu: %s", i, bpf_why(cases[i].r, &cases[i].world));
}

Test(bpf_why, an_error_without_words_of_ours_has_those_of_the_system)
{
	cr_assert_str_eq(bpf_why(-EMFILE, &well), strerror(EMFILE));
}

Test(bpf_why, only_confidentiality_forbids_to_look)
{
	cr_assert(bpf_why_locked_down("none integrity [confidentiality]\n"));
	cr_assert_not(bpf_why_locked_down("none [integrity] confidentiality\n"));
	cr_assert_not(bpf_why_locked_down("[none] integrity confidentiality\n"));
	cr_assert_not(bpf_why_locked_down(""));
}
