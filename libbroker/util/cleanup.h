/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound release for user space. Declare with _cleanup_(fn) and hand ownership
 * on with steal_ptr()/steal_fd(). A function uses these or goto, never both.
 */
#ifndef LIBBROKER_UTIL_CLEANUP_H
#define LIBBROKER_UTIL_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn)    __attribute__((cleanup(fn)))
#define _cleanup_free_   _cleanup_(cleanup_freep)
#define _cleanup_close_  _cleanup_(cleanup_closep)
#define _cleanup_fclose_ _cleanup_(cleanup_fclosep)

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* Defines cleanup_<name>p() that calls @destroy on a pointer unless it is NULL. */
#define DEFINE_CLEANUP(type, name, destroy)            \
	static inline void cleanup_##name##p(type **p) \
	{                                              \
		if (*p)                                \
			destroy(*p);                   \
	}

#define steal_ptr(p)                         \
	({                                   \
		__typeof__(p) _stolen = (p); \
		(p) = NULL;                  \
		_stolen;                     \
	})

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
