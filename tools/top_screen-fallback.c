/* SPDX-License-Identifier: MIT */
/* A build without ncurses (WITH_NCURSES=0): `top` has no screen. */
#include "tools/top.h"

int top_screen(struct top_run *run)
{
	return ctl_error(CTL_FAILED,
			 "this brokerctl was built without ncurses; top --once prints one "
			 "screen as text, top --json --once as JSON");
}
