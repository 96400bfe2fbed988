/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the case table in the kernel, with the kernel's compiler and flags. */
#include "selftest_run.h"

#include <linux/module.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "selftest/gate_cases.h"

int selftest_run(void)
{
	struct gate *scratch = kmalloc(sizeof(*scratch), GFP_KERNEL);
	struct gate_case_failure failure;
	u32 failed = 0;

	if (!scratch)
		return -ENOMEM;
	for (u32 i = 0; i < gate_cases_count; i++) {
		const struct gate_case *c = &gate_cases[i];

		if (gate_case_run(c, scratch, &failure))
			continue;
		failed++;
		pr_err("%s: self-test: %s: step %u: holds %#x, not %#x; deadline %u, not %u\n",
		       KBUILD_MODNAME, c->name, failure.step, failure.holds,
		       c->step[failure.step].holds, failure.deadline_ms,
		       c->step[failure.step].deadline_ms);
	}
	kfree(scratch);
	pr_info("%s: self-test: %u of %u cases passed\n", KBUILD_MODNAME, gate_cases_count - failed,
		gate_cases_count);
	return failed ? -EILSEQ : 0;
}
