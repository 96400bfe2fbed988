/* SPDX-License-Identifier: MIT */
/* The kernel's thermal family through libnl; see thermal_netlink.h. */
#include "broker/sources/thermal_netlink.h"

#include <errno.h>
#include <linux/thermal.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <stdlib.h>

#include "libbroker/util/cleanup.h"

struct thermal_netlink {
	struct nl_sock *sock;
	struct loop_watch *watch;
	int sampling_group; /* negative: none */
	bool sampling;
	bool event; /* seen in this call */
	thermal_netlink_fn fn;
	void *data;
};

void thermal_message_parse(struct nlmsghdr *h, struct thermal_message *out)
{
	struct nlattr *attr[THERMAL_GENL_ATTR_MAX + 1];
	struct genlmsghdr *g;

	*out = (struct thermal_message){.kind = THERMAL_MESSAGE_OTHER};
	if (!genlmsg_valid_hdr(h, 0))
		return;
	g = nlmsg_data(h);
	switch (g->cmd) {
	case THERMAL_GENL_SAMPLING_TEMP:
		if (genlmsg_parse(h, 0, attr, THERMAL_GENL_ATTR_MAX, NULL) < 0 ||
		    !attr[THERMAL_GENL_ATTR_TZ_ID] || !attr[THERMAL_GENL_ATTR_TZ_TEMP] ||
		    nla_len(attr[THERMAL_GENL_ATTR_TZ_ID]) < (int)sizeof(uint32_t) ||
		    nla_len(attr[THERMAL_GENL_ATTR_TZ_TEMP]) < (int)sizeof(uint32_t))
			return;
		out->kind = THERMAL_MESSAGE_SAMPLE;
		out->zone = nla_get_u32(attr[THERMAL_GENL_ATTR_TZ_ID]);
		out->temp_mc = (int32_t)nla_get_u32(attr[THERMAL_GENL_ATTR_TZ_TEMP]);
		return;
	case THERMAL_GENL_EVENT_CDEV_ADD:
	case THERMAL_GENL_EVENT_CDEV_DELETE:
	case THERMAL_GENL_EVENT_CDEV_STATE_UPDATE:
	case THERMAL_GENL_EVENT_TZ_GOV_CHANGE:
	case THERMAL_GENL_EVENT_CPU_CAPABILITY_CHANGE:
		return; /* what cools, not what is hot */
	default:
		out->kind = THERMAL_MESSAGE_EVENT; /* also one that a later kernel adds */
	}
}

static int thermal_message(struct nl_msg *msg, void *data)
{
	struct thermal_netlink *t = data;
	struct thermal_message m;

	thermal_message_parse(nlmsg_hdr(msg), &m);
	if (m.kind == THERMAL_MESSAGE_SAMPLE)
		t->fn(t->data, &m);
	else if (m.kind == THERMAL_MESSAGE_EVENT)
		t->event = true;
	return NL_OK;
}

static void thermal_ready(void *data, int fd, int events)
{
	struct thermal_netlink *t = data;
	int r = nl_recvmsgs_default(t->sock);

	/* Lost messages may have been events. */
	if (t->event || r == -NLE_NOMEM) {
		t->event = false;
		t->fn(t->data, &(struct thermal_message){.kind = THERMAL_MESSAGE_EVENT});
	}
}

void thermal_netlink_sample(struct thermal_netlink *t, bool on)
{
	if (!t || t->sampling_group < 0 || t->sampling == on)
		return;
	if (on && nl_socket_add_membership(t->sock, t->sampling_group) < 0)
		return;
	if (!on)
		nl_socket_drop_membership(t->sock, t->sampling_group);
	t->sampling = on;
}

void thermal_netlink_free(struct thermal_netlink *t)
{
	if (!t)
		return;
	loop_unwatch(t->watch);
	if (t->sock)
		nl_socket_free(t->sock);
	free(t);
}

DEFINE_CLEANUP(struct thermal_netlink, thermal_netlink, thermal_netlink_free)

int thermal_netlink_new(struct thermal_netlink **out, struct loop *loop, thermal_netlink_fn fn,
			void *data)
{
	_cleanup_(cleanup_thermal_netlinkp) struct thermal_netlink *t = calloc(1, sizeof(*t));
	int group, r;

	if (!t)
		return -ENOMEM;
	t->fn = fn;
	t->data = data;
	t->sock = nl_socket_alloc();
	if (!t->sock)
		return -ENOMEM;
	if (genl_connect(t->sock) < 0)
		return -EPROTONOSUPPORT;
	group = genl_ctrl_resolve_grp(t->sock, THERMAL_GENL_FAMILY_NAME,
				      THERMAL_GENL_EVENT_GROUP_NAME);
	if (group < 0)
		return -ENOENT;
	t->sampling_group = genl_ctrl_resolve_grp(t->sock, THERMAL_GENL_FAMILY_NAME,
						  THERMAL_GENL_SAMPLING_GROUP_NAME);
	nl_socket_disable_seq_check(t->sock);
	if (nl_socket_modify_cb(t->sock, NL_CB_VALID, NL_CB_CUSTOM, thermal_message, t) < 0 ||
	    nl_socket_add_membership(t->sock, group) < 0 || nl_socket_set_nonblocking(t->sock) < 0)
		return -EPERM;
	r = loop_watch(loop, nl_socket_get_fd(t->sock), POLLIN, thermal_ready, t, &t->watch);
	if (r < 0)
		return r;
	*out = steal_ptr(t);
	return 0;
}
