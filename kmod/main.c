/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * idlegate: closes the gate to a lent GPU in the very context that sees its owner come back, and
 * has processes stopped that do not leave it. linux/idlegate.h specifies the interface.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "device.h"
#include "gatepage.h"
#include "host.h"
#include "lease.h"
#include "look.h"
#include "netlink.h"
#include "selftest_run.h"

static int __init idlegate_init(void)
{
	int r = selftest_run();

	if (r)
		return r;
	r = gatepage_init();
	if (r)
		return r;
	lease_init();
	host_init();
	r = look_init();
	if (r)
		goto err_page;
	r = netlink_init();
	if (r)
		goto err_look;
	r = device_node_init();
	if (r)
		goto err_netlink;
	return 0;

err_netlink:
	netlink_exit();
err_look:
	look_exit();
err_page:
	gatepage_exit();
	return r;
}

/* No file is open and no page mapped: nobody hosts, and no lease is joined. */
static void __exit idlegate_exit(void)
{
	device_node_exit();
	netlink_exit();
	look_exit();
	host_exit();
	lease_exit();
	gatepage_exit();
}

module_init(idlegate_init);
module_exit(idlegate_exit);

MODULE_DESCRIPTION("Idlebroker's gate: closes in the kernel when the owner comes back");
MODULE_AUTHOR("The Idlebroker authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(IDLEBROKER_VERSION);
