/* SPDX-License-Identifier: MIT */
/*
 * The service manager's notification protocol, spoken plainly: a datagram of VARIABLE=value lines
 * to $NOTIFY_SOCKET. Without the variable nothing is sent. See sd_notify(3), "Standalone
 * implementations".
 */
#ifndef BROKER_NOTIFY_H
#define BROKER_NOTIFY_H

/** notify_send() - e.g. "READY=1\nSTATUS=open"; returns 1 sent, 0 nobody listens, -errno */
int notify_send(const char *state);

/** notify_reloading() - RELOADING=1 with the time the protocol asks for */
int notify_reloading(void);

#endif
