/* SPDX-License-Identifier: MIT */
/* Built without libsystemd: there is no logind; see logind.h. */
#include "broker/sources/logind.h"

#include <errno.h>

int logind_new(struct logind **out, struct loop *loop, logind_fn fn, void *data)
{
	return -EOPNOTSUPP;
}

void logind_free(struct logind *l)
{
}

void logind_release(struct logind *l)
{
}
