/* SPDX-License-Identifier: MIT */
/* The text of libbroker/io.idlebroker.varlink, compiled in: brokerd serves it by introspection. */
#ifndef LIBBROKER_PROTO_INTERFACE_H
#define LIBBROKER_PROTO_INTERFACE_H

#define INTERFACE_NAME "io.idlebroker"

extern const char interface_text[];

#endif
