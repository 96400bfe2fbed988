/* SPDX-License-Identifier: MIT */
/* Looking at the gate's page: one moment, its words, and no module. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "kmod/core/gate.h"
#include "libbroker/proto/gate_page.h"

Test(gate_page, all_fields_of_one_moment)
{
	struct idlegate_page out, page = {
					  .magic = IDLEGATE_PAGE_MAGIC,
					  .version = 1,
					  .seq = 8,
					  .holds = 5,
					  .changed_ns = 11,
					  .input_ns = 12,
					  .closes = 13,
					  .opens = 14,
					  .facts = 15,
				  };

	memset(&out, 0xff, sizeof(out));
	cr_assert_eq(gate_page_read(&page, &out), 0);
	cr_assert_eq(memcmp(&out, &page, sizeof(page)), 0);
}

Test(gate_page, a_writer_that_died_in_the_middle)
{
	struct idlegate_page out, page = {.seq = 7};

	cr_assert_eq(gate_page_read(&page, &out), -EAGAIN);
}

Test(gate_page, the_names_are_those_of_the_core)
{
	char text[512], small[8];

	for (u32 h = 0; h < IDLEGATE_HOLD_COUNT; h++) {
		gate_page_names(IDLEGATE_HOLD_BIT(h), text, sizeof(text));
		cr_assert_str_eq(text, gate_hold_info(h)->name);
	}
	gate_page_names(0, text, sizeof(text));
	cr_assert_str_eq(text, "");
	gate_page_names(IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_USER_ACTIVE) |
				IDLEGATE_HOLD_BIT(IDLEGATE_HOLD_PAUSED) | 1u << 31,
			text, sizeof(text));
	cr_assert_str_eq(text, "user-active, paused");
	gate_page_names(IDLEGATE_HOLD_MASK, small, sizeof(small));
	cr_assert_lt(strlen(small), sizeof(small));
}

Test(gate_page, no_module)
{
	struct idlegate_page page;
	struct idlegate_info info;

	cr_assert_eq(gate_page_glance("/nonexistent/idlegate", &page, &info), -ENOENT);
	cr_assert_eq(gate_page_glance("/dev/null", &page, &info), -ENOTTY);
}
