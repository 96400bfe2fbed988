/* SPDX-License-Identifier: GPL-2.0-only */
/* The self-test at load: the case table of the unit tests, if built with SELFTEST=1. */
#ifndef IDLEGATE_SELFTEST_RUN_H
#define IDLEGATE_SELFTEST_RUN_H

#ifdef IDLEGATE_SELFTEST
/** selftest_run() - Return: 0, or -EILSEQ: a case failed, and the log says which; -ENOMEM */
int selftest_run(void);
#else
static inline int selftest_run(void)
{
	return 0;
}
#endif

#endif
