/* SPDX-License-Identifier: MIT */
/*
 * Generic netlink by hand, for tests that must be able to say also what no library would.
 */
#ifndef TESTS_PHONE_GENL_CLIENT_H
#define TESTS_PHONE_GENL_CLIENT_H

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#define GNL_ROOM 4096

struct gnl_family {
	uint16_t id;
	uint32_t group; /* of events */
};

struct gnl_message {
	union {
		struct nlmsghdr head;
		unsigned char bytes[GNL_ROOM];
	};
};

/** gnl_open() - a generic netlink socket with a time limit of 5 s for receiving; fails the case */
int gnl_open(void);

/** gnl_resolve() - Return: 0, -ENOENT if there is no such family, or another -errno */
int gnl_resolve(int fd, const char *name, struct gnl_family *family);

/** gnl_family() - that of the module; fails the case if there is none */
struct gnl_family gnl_family(int fd);

/** gnl_begin() - an empty message of a command */
void gnl_begin(struct gnl_message *m, uint16_t family, uint8_t cmd, uint16_t flags);

/** gnl_put() - add an attribute; what does not fit is left out */
void gnl_put(struct gnl_message *m, uint16_t type, const void *data, size_t size);
void gnl_put_u8(struct gnl_message *m, uint16_t type, uint8_t value);
void gnl_put_u64(struct gnl_message *m, uint16_t type, uint64_t value);

/**
 * gnl_ask() - send with NLM_F_ACK, and take what comes until the acknowledgement
 * @answer: the last message before it; may be NULL
 * Return: 0 or the error of the acknowledgement
 */
int gnl_ask(int fd, struct gnl_message *m, struct gnl_message *answer);

/** gnl_receive() - one message; Return: its type, or -EAGAIN if none comes in time */
int gnl_receive(int fd, struct gnl_message *m);

/** gnl_attr() - an attribute's data, and its size; NULL if it is not there */
const void *gnl_attr(const struct gnl_message *m, uint16_t type, size_t *size);

/** gnl_u64() - an attribute of 8 bytes, of 4 or of 1; fails the case if it is not there */
uint64_t gnl_u64(const struct gnl_message *m, uint16_t type);

/** gnl_subscribe() - hear the multicast group */
void gnl_subscribe(int fd, uint32_t group);

#endif
