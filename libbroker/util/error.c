/* SPDX-License-Identifier: MIT */
/* Errors for a person; see error.h. Both texts are cut, never overrun. */
#include "libbroker/util/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *err, int code, const char *where, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	snprintf(err->where, sizeof(err->where), "%s", where ? where : "");
	va_start(ap, fmt);
	vsnprintf(err->what, sizeof(err->what), fmt, ap);
	va_end(ap);
	return code;
}
