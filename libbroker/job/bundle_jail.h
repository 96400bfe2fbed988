/* SPDX-License-Identifier: MIT */
/* The rights of the child that unpacks a stranger's tar: none. */
#ifndef LIBBROKER_JOB_BUNDLE_JAIL_H
#define LIBBROKER_JOB_BUNDLE_JAIL_H

#include <stdint.h>

#include "libbroker/util/error.h"

#define BUNDLE_JAIL_INPUT  3
#define BUNDLE_JAIL_SOCKET 4

/**
 * bundle_jail_enter() - in a fresh child, which can only read, compute, and send files after it
 * @input: becomes BUNDLE_JAIL_INPUT; @socket: BUNDLE_JAIL_SOCKET; all others are closed
 * @file_max: bytes of the largest file it may write
 * Return: 0; -errno with words: then it must exit at once.
 */
int bundle_jail_enter(int input, int socket, uint64_t file_max, struct error *err);

#endif
