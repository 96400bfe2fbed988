/* SPDX-License-Identifier: MIT */
/* Generic netlink by hand; see the header. */
#include "tests/phone/suite/genl_client.h"

#include "tests/phone/suite/suite.h"

#include <errno.h>
#include <linux/idlegate.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int gnl_open(void)
{
	struct timeval limit = {.tv_sec = 5};
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	CHECK(fd >= 0, "a netlink socket: %s", strerror(errno));
	CHECK(!bind(fd, (void *)&address, sizeof(address)), "bind: %s", strerror(errno));
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), "a time limit: %s",
	      strerror(errno));
	return fd;
}

void gnl_begin(struct gnl_message *m, uint16_t family, uint8_t cmd, uint16_t flags)
{
	struct genlmsghdr *g = NLMSG_DATA(&m->head);

	memset(m, 0, sizeof(*m));
	m->head.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	m->head.nlmsg_type = family;
	m->head.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	g->cmd = cmd;
	g->version = IDLEGATE_GENL_VERSION;
}

void gnl_put(struct gnl_message *m, uint16_t type, const void *data, size_t size)
{
	size_t at = NLMSG_ALIGN(m->head.nlmsg_len);
	struct nlattr *a = (struct nlattr *)(m->bytes + at);

	if (at + NLA_HDRLEN + NLA_ALIGN(size) > sizeof(m->bytes))
		return;
	a->nla_type = type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + size);
	memcpy((char *)a + NLA_HDRLEN, data, size);
	m->head.nlmsg_len = (uint32_t)(at + NLA_HDRLEN + NLA_ALIGN(size));
}

void gnl_put_u8(struct gnl_message *m, uint16_t type, uint8_t value)
{
	gnl_put(m, type, &value, sizeof(value));
}

void gnl_put_u64(struct gnl_message *m, uint16_t type, uint64_t value)
{
	gnl_put(m, type, &value, sizeof(value));
}

int gnl_receive(int fd, struct gnl_message *m)
{
	ssize_t n = recv(fd, m->bytes, sizeof(m->bytes), 0);

	if (n < 0)
		return -errno;
	CHECK(NLMSG_OK(&m->head, (size_t)n), "a message of %zd bytes says that it has %u", n,
	      m->head.nlmsg_len);
	return m->head.nlmsg_type;
}

int gnl_ask(int fd, struct gnl_message *m, struct gnl_message *answer)
{
	static uint32_t sequence;
	struct gnl_message in;

	m->head.nlmsg_seq = ++sequence;
	m->head.nlmsg_flags |= NLM_F_ACK;
	if (send(fd, m, m->head.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		int type = gnl_receive(fd, &in);

		if (type == -ENOBUFS)
			continue; /* too many events between */
		CHECK(type >= 0, "no answer to command %u: %s",
		      ((struct genlmsghdr *)NLMSG_DATA(&m->head))->cmd, strerror(-type));
		if (in.head.nlmsg_seq != sequence)
			continue; /* an event between */
		if (type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(&in.head))->error;
		if (answer)
			*answer = in;
	}
}

const void *gnl_attr(const struct gnl_message *m, uint16_t type, size_t *size)
{
	size_t at = NLMSG_LENGTH(GENL_HDRLEN), end = m->head.nlmsg_len;

	while (at + NLA_HDRLEN <= end) {
		const struct nlattr *a = (const struct nlattr *)(m->bytes + at);

		CHECK(a->nla_len >= NLA_HDRLEN && at + a->nla_len <= end,
		      "an attribute of %u bytes in a message of %zu", a->nla_len, end);
		if ((a->nla_type & NLA_TYPE_MASK) == type) {
			if (size)
				*size = (size_t)a->nla_len - NLA_HDRLEN;
			return (const char *)a + NLA_HDRLEN;
		}
		at += NLA_ALIGN(a->nla_len);
	}
	return NULL;
}

uint64_t gnl_u64(const struct gnl_message *m, uint16_t type)
{
	size_t size = 0;
	const void *data = gnl_attr(m, type, &size);
	uint64_t value = 0;

	CHECK(data, "the message has no attribute %u", type);
	CHECK(size == 1 || size == 4 || size == 8, "attribute %u has %zu bytes", type, size);
	memcpy(&value, data, size);
	return value;
}

/* The group is in a list of lists of attributes. */
static uint32_t find_group(const struct gnl_message *m)
{
	size_t size = 0, group_size;
	const char *groups = gnl_attr(m, CTRL_ATTR_MCAST_GROUPS, &size);
	uint32_t id = 0;

	for (size_t at = 0; groups && at + NLA_HDRLEN <= size;) {
		const struct nlattr *group = (const void *)(groups + at);
		struct gnl_message inner;
		const char *name;

		gnl_begin(&inner, 0, 0, 0);
		group_size = (size_t)group->nla_len - NLA_HDRLEN;
		memcpy(inner.bytes + inner.head.nlmsg_len, (const char *)group + NLA_HDRLEN,
		       group_size);
		inner.head.nlmsg_len += (uint32_t)group_size;
		name = gnl_attr(&inner, CTRL_ATTR_MCAST_GRP_NAME, NULL);
		if (name && !strcmp(name, IDLEGATE_GENL_MCGRP))
			id = (uint32_t)gnl_u64(&inner, CTRL_ATTR_MCAST_GRP_ID);
		at += NLA_ALIGN(group->nla_len);
	}
	return id;
}

int gnl_resolve(int fd, const char *name, struct gnl_family *family)
{
	struct gnl_message m, answer = {};
	const uint16_t *id;

	gnl_begin(&m, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	gnl_put(&m, CTRL_ATTR_FAMILY_NAME, name, strlen(name) + 1);
	int ret = gnl_ask(fd, &m, &answer);
	if (ret)
		return ret;
	id = gnl_attr(&answer, CTRL_ATTR_FAMILY_ID, NULL);
	CHECK(id, "the family %s has no number", name);
	family->id = *id;
	family->group = find_group(&answer);
	return 0;
}

struct gnl_family gnl_family(int fd)
{
	struct gnl_family family = {};
	int ret = gnl_resolve(fd, IDLEGATE_GENL_NAME, &family);

	CHECK(!ret, "the netlink family %s: %s", IDLEGATE_GENL_NAME, strerror(-ret));
	CHECK(family.group, "the netlink family has no group %s", IDLEGATE_GENL_MCGRP);
	return family;
}

void gnl_subscribe(int fd, uint32_t group)
{
	CHECK(!setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)),
	      "subscribe: %s", strerror(errno));
}
