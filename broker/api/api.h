/* SPDX-License-Identifier: MIT */
/*
 * The socket: Varlink, interface io.idlebroker. Clients are strangers: each has a bounded input
 * buffer, a bounded output queue (a client that does not read is dropped), a bound on calls in
 * flight, and descriptors it sent are closed with it. Who may do what goes by SO_PEERCRED and
 * SO_PEERGROUPS: group `broker` may submit and see its own jobs; root and group `broker-admin`
 * administer.
 */
#ifndef BROKER_API_API_H
#define BROKER_API_API_H

#include "broker/broker.h"

struct api;

/** api_new() - listen; -EADDRINUSE when a live brokerd has the socket (a dead one's is replaced) */
int api_new(struct api **out, struct loop *loop, struct broker *broker, const char *path,
	    uint32_t max_clients, struct error *err);
void api_free(struct api *api); /* drops the clients and removes the socket */
uint32_t api_clients(const struct api *api);

#endif
