/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family: GET for anyone, SET (the `paused` hold) for CAP_SYS_ADMIN, and each
 * change of the holds to the group "events".
 *
 * Changes happen in interrupts, where netlink must not be used, so a work item reads them from the
 * ring of events like any other reader and sends them, each once and in order.
 */
#include "netlink.h"

#include <linux/capability.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#include "core/gate.h"
#include "events.h"
#include "host.h"

static struct genl_family family;

static void send_events(struct work_struct *work);
static DECLARE_WORK(events_work, send_events);
static u64 events_cursor;

static int put_state(struct sk_buff *skb, const struct idlegate_state *s)
{
	if (nla_put_u32(skb, IDLEGATE_A_HOLDS, s->holds) ||
	    nla_put_u64_64bit(skb, IDLEGATE_A_CHANGED_NS, s->changed_ns, IDLEGATE_A_PAD) ||
	    nla_put_u64_64bit(skb, IDLEGATE_A_INPUT_NS, s->input_ns, IDLEGATE_A_PAD) ||
	    nla_put_u64_64bit(skb, IDLEGATE_A_CLOSES, s->closes, IDLEGATE_A_PAD) ||
	    nla_put_u64_64bit(skb, IDLEGATE_A_OPENS, s->opens, IDLEGATE_A_PAD) ||
	    nla_put_u64_64bit(skb, IDLEGATE_A_NEXT_DEADLINE_NS, s->next_deadline_ns,
			      IDLEGATE_A_PAD))
		return -EMSGSIZE;
	return 0;
}

static int put_event(struct sk_buff *skb, const struct idlegate_event *e)
{
	if (nla_put_u32(skb, IDLEGATE_A_HOLDS, e->holds) ||
	    nla_put_u32(skb, IDLEGATE_A_BEFORE, e->before) ||
	    nla_put_u64_64bit(skb, IDLEGATE_A_CHANGED_NS, e->at_ns, IDLEGATE_A_PAD))
		return -EMSGSIZE;
	return 0;
}

static int do_get(struct sk_buff *request, struct genl_info *info)
{
	struct idlegate_state state;
	struct sk_buff *skb;
	void *head;
	int r;

	for (int i = 1; i <= IDLEGATE_A_MAX; i++)
		if (info->attrs[i])
			return -EINVAL;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!skb)
		return -ENOMEM;
	head = genlmsg_put_reply(skb, info, &family, 0, IDLEGATE_CMD_GET);
	host_state(&state);
	r = head ? put_state(skb, &state) : -EMSGSIZE;
	if (r) {
		nlmsg_free(skb);
		return r;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

static int do_set(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *pause = info->attrs[IDLEGATE_A_PAUSE];
	struct nlattr *until = info->attrs[IDLEGATE_A_UNTIL_NS];
	struct gate_fact fact = {.kind = GATE_FACT_PAUSE};

	if (!netlink_capable(request, CAP_SYS_ADMIN))
		return -EPERM;
	if (!pause) {
		GENL_SET_ERR_MSG(info, "the attribute `pause` is missing");
		return -EINVAL;
	}
	fact.pause.on = nla_get_u8(pause);
	if (until && !fact.pause.on) {
		GENL_SET_ERR_MSG(info, "`until-ns` goes with `pause` 1 alone");
		return -EINVAL;
	}
	if (fact.pause.on)
		fact.pause.until_ns = until ? nla_get_u64(until) : GATE_NEVER;
	return host_fact(&fact);
}

#ifdef HAVE_GENL_BIND
/* Who begins to listen hears of no change from before. */
static int begin_to_listen(int group)
{
	flush_work(&events_work);
	return 0;
}
#endif

static const struct nla_policy policy[IDLEGATE_A_MAX + 1] = {
	[IDLEGATE_A_PAUSE] = NLA_POLICY_MAX(NLA_U8, 1),
	[IDLEGATE_A_UNTIL_NS] = {.type = NLA_U64},
};

static const struct genl_small_ops ops[] = {
	{.cmd = IDLEGATE_CMD_GET, .doit = do_get},
	{.cmd = IDLEGATE_CMD_SET, .doit = do_set},
};

static const struct genl_multicast_group groups[] = {
	{.name = IDLEGATE_GENL_MCGRP},
};

static struct genl_family family __ro_after_init = {
	.name = IDLEGATE_GENL_NAME,
	.version = IDLEGATE_GENL_VERSION,
	.maxattr = IDLEGATE_A_MAX,
	.policy = policy,
	.small_ops = ops,
	.n_small_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
#ifdef HAVE_GENL_BIND
	.bind = begin_to_listen,
#endif
	.parallel_ops = true, /* a SET may have to look at batteries first */
	.module = THIS_MODULE,
};

static void send_event(const struct idlegate_event *event)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *head;

	if (!skb)
		return; /* who listens misses one, as when its own queue is full */
	head = genlmsg_put(skb, 0, 0, &family, 0, IDLEGATE_CMD_EVENT);
	if (!head || put_event(skb, event)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&family, skb, 0, 0, GFP_KERNEL); /* -ESRCH: nobody listens */
}

static void send_events(struct work_struct *work)
{
	struct idlegate_event event;

	while (events_next(&events_cursor, &event))
		if (genl_has_listeners(&family, &init_net, 0))
			send_event(&event);
}

void netlink_tell(void)
{
	schedule_work(&events_work);
}

int netlink_init(void)
{
	events_cursor = events_now();
	return genl_register_family(&family);
}

/* Nobody hosts any more, so nothing changes. */
void netlink_exit(void)
{
	cancel_work_sync(&events_work);
	genl_unregister_family(&family);
}
