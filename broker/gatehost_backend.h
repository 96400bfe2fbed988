/* SPDX-License-Identifier: MIT */
/*
 * Between gatehost.c and what does the hosting. A backend embeds struct gatehost_backend at its
 * start. It says gatehost_changed() for each change of the holds, in order, and then, when it has
 * nothing more to say, gatehost_tell(), in which the listener may bring the next fact.
 */
#ifndef BROKER_GATEHOST_BACKEND_H
#define BROKER_GATEHOST_BACKEND_H

#include "broker/gatehost.h"

struct gatehost_backend {
	const struct gatehost_backend_ops *ops;
	struct gatehost *host;
};

struct gatehost_backend_ops {
	const char *tier;
	/* -EINVAL: it makes no sense, and something holds for it; other: the backend broke */
	int (*fact)(struct gatehost_backend *b, const struct gate_fact *fact);
	int (*set_policy)(struct gatehost_backend *b, const struct gate_policy *policy);
	uint32_t (*holds)(const struct gatehost_backend *b);
	int (*state)(struct gatehost_backend *b, struct idlegate_state *out);
	int (*page_fd)(const struct gatehost_backend *b);
	void (*free)(struct gatehost_backend *b);
	/* The rest may be NULL. */
	uint32_t (*watched)(const struct gatehost_backend *b);
	int (*look)(struct gatehost_backend *b);
	int (*zones)(struct gatehost_backend *b, const struct idlegate_zones *zones);
	int (*info)(struct gatehost_backend *b, struct idlegate_info *out);
	int (*lease_fd)(struct gatehost_backend *b);
};

/* A new backend says nothing before it is put in place. */
int gatehost_local_new(struct gatehost_backend **out, struct gatehost *host, struct loop *loop,
		       const struct gate_policy *policy);
int gatehost_module_new(struct gatehost_backend **out, struct gatehost *host, struct loop *loop,
			const struct gate_policy *policy, const char *device,
			const struct idlegate_zones *zones, struct error *err);

void gatehost_changed(struct gatehost *g, uint64_t at_ns, uint32_t holds, uint32_t before);
void gatehost_tell(struct gatehost *g);
/** gatehost_broke() - the backend can go on no more; it is freed before this returns */
void gatehost_broke(struct gatehost *g, int error);

#endif
