/* SPDX-License-Identifier: MIT */
/*
 * An error for a person: where, and what was wrong and would be right. The errno
 * goes back as the return value; this carries the words.
 */
#ifndef LIBBROKER_UTIL_ERROR_H
#define LIBBROKER_UTIL_ERROR_H

struct error {
	char where[192]; /* a path in a document, a file and line, or empty */
	char what[320];
};

/**
 * error_set() - write the words and hand the code through
 * @err: may be NULL
 * @code: negative errno, returned as it is
 * @where: copied; may be NULL
 */
int error_set(struct error *err, int code, const char *where, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
