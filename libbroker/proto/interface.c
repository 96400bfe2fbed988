/* SPDX-License-Identifier: MIT */
/* The interface definition as a string; the build makes the included file from the .varlink one. */
#include "libbroker/proto/interface.h"

const char interface_text[] =
#include "io_idlebroker.inc"
	;
