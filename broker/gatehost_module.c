/* SPDX-License-Identifier: MIT */
/*
 * The backend over the kernel module: the owner's end of /dev/idlegate (linux/idlegate.h).
 *
 * The kernel judges, publishes and enforces; this file hands it the facts of the sensors that stay
 * in user space, and reads what changed: after each own call, so that the caller finds its fact
 * told, and when the loop finds the device readable. The holds are asked of the page, as any
 * worker does, and are never older than the events.
 *
 * A call that fails for another reason than its contents means that the host is gone: what it
 * published may stand still and be open, so the facade lets go of it at once.
 */
#include "broker/gatehost_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/gatehost_uapi.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define EVENTS_A_READ IDLEGATE_EVENTS
#define LOOK_MS       5000u /* the duty controller steers by it */
#define WATCHABLE                                                                  \
	(GATE_SENSOR_BIT(GATE_SENSOR_INPUT) | GATE_SENSOR_BIT(GATE_SENSOR_POWER) | \
	 GATE_SENSOR_BIT(GATE_SENSOR_THERMAL) | GATE_SENSOR_BIT(GATE_SENSOR_SUSPEND))

struct module {
	struct gatehost_backend base;
	char device[256];
	int fd; /* the owner's */
	int page_fd;
	const struct idlegate_page *page;
	struct loop_watch *watch;
	struct gate_policy policy;
	uint32_t watched;
};

static void module_free(struct gatehost_backend *b);

static inline void cleanup_modulep(struct module **m)
{
	if (*m)
		module_free(&(*m)->base);
}

static int call(const struct module *m, unsigned long request, const void *arg)
{
	int r;

	do
		r = ioctl(m->fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static uint32_t module_holds(const struct gatehost_backend *b)
{
	return __atomic_load_n(&((const struct module *)b)->page->holds, __ATOMIC_ACQUIRE);
}

static int put_policy(struct module *m)
{
	struct idlegate_policy policy;

	gatehost_uapi_policy(&policy, &m->policy, LOOK_MS);
	return call(m, IDLEGATE_IOC_POLICY, &policy);
}

/* All that changed so far. */
static int drain(struct module *m)
{
	struct idlegate_event events[EVENTS_A_READ];
	ssize_t n;

	for (;;) {
		n = read(m->fd, events, sizeof(events));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 || n % (ssize_t)sizeof(*events))
			return n < 0 ? -errno : -EIO;
		for (size_t i = 0; i < (size_t)n / sizeof(*events); i++)
			gatehost_changed(m->base.host, events[i].at_ns, events[i].holds,
					 events[i].before);
		if ((size_t)n < sizeof(events))
			return 0;
	}
}

static void on_event(void *data, int fd, int events)
{
	struct module *m = data;
	struct gatehost *host = m->base.host;
	int r = events < 0 ? events : drain(m);

	if (r == 0 && events & (POLLERR | POLLHUP | POLLNVAL))
		r = -ENODEV;
	if (r < 0)
		gatehost_broke(host, r);
	gatehost_tell(host);
}

/* As the core does where it runs here: sensor-lost for its dwell. */
static int pulse_lost(struct module *m)
{
	struct idlegate_fact f = {
		.kind = IDLEGATE_FACT_SENSOR, .id = GATE_SENSOR_SCHEDULE, .on = GATE_SENSOR_LOST};
	int r = call(m, IDLEGATE_IOC_FACT, &f);

	f.on = GATE_SENSOR_OK;
	return r < 0 ? r : call(m, IDLEGATE_IOC_FACT, &f);
}

static int module_fact(struct gatehost_backend *b, const struct gate_fact *fact)
{
	struct module *m = (struct module *)b;
	struct idlegate_fact f;
	int r = gatehost_uapi_fact(&f, fact);

	if (r == 0)
		r = call(m, IDLEGATE_IOC_FACT, &f);
	if (r == -EINVAL) {
		log_warning("a source told the gate what makes no sense; it holds as sensor-lost",
			    LOG_UINT("fact", fact->kind));
		r = pulse_lost(m);
	}
	return r < 0 ? r : drain(m);
}

static int module_set_policy(struct gatehost_backend *b, const struct gate_policy *policy)
{
	struct module *m = (struct module *)b;
	int r;

	m->policy = *policy;
	r = put_policy(m);
	return r < 0 ? r : drain(m);
}

static int module_state(struct gatehost_backend *b, struct idlegate_state *out)
{
	return call((struct module *)b, IDLEGATE_IOC_STATE, out);
}

static int module_page_fd(const struct gatehost_backend *b)
{
	return ((const struct module *)b)->page_fd;
}

static uint32_t module_watched(const struct gatehost_backend *b)
{
	return ((const struct module *)b)->watched;
}

static int module_look(struct gatehost_backend *b)
{
	struct module *m = (struct module *)b;
	int r = call(m, IDLEGATE_IOC_LOOK, NULL);

	return r < 0 ? r : drain(m);
}

static int module_zones(struct gatehost_backend *b, const struct idlegate_zones *zones)
{
	struct module *m = (struct module *)b;
	int r = call(m, IDLEGATE_IOC_ZONES, zones);

	return r < 0 ? r : drain(m);
}

static int module_info(struct gatehost_backend *b, struct idlegate_info *out)
{
	return call((struct module *)b, IDLEGATE_IOC_INFO, out);
}

static int module_lease_fd(struct gatehost_backend *b)
{
	int fd = open(((struct module *)b)->device, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static void module_free(struct gatehost_backend *b)
{
	struct module *m = (struct module *)b;

	loop_unwatch(m->watch);
	if (m->page)
		munmap((void *)m->page, IDLEGATE_PAGE_SIZE);
	cleanup_closep(&m->page_fd);
	cleanup_closep(&m->fd);
	free(m);
}

static const struct gatehost_backend_ops module_ops = {
	.tier = "module",
	.fact = module_fact,
	.set_policy = module_set_policy,
	.holds = module_holds,
	.state = module_state,
	.page_fd = module_page_fd,
	.free = module_free,
	.watched = module_watched,
	.look = module_look,
	.zones = module_zones,
	.info = module_info,
	.lease_fd = module_lease_fd,
};

static const char *open_words(int r)
{
	switch (r) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return "the module idlegate is not loaded";
	case -EACCES:
	case -EPERM:
		return "it may not be opened: brokerd must be root or in the group 'broker'";
	default:
		return strerror(-r);
	}
}

static int open_device(struct module *m, struct error *err)
{
	struct idlegate_info info;
	int r;

	m->fd = open(m->device, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (m->fd < 0)
		return error_set(err, -errno, m->device, "%s", open_words(-errno));
	r = call(m, IDLEGATE_IOC_INFO, &info);
	if (r < 0)
		return error_set(err, r, m->device, "it is no idlegate: %s", strerror(-r));
	if (info.abi != IDLEGATE_ABI)
		return error_set(err, -EPROTO, m->device,
				 "the module speaks version %u of the interface, this brokerd %u",
				 info.abi, IDLEGATE_ABI);
	m->watched = info.sensors & WATCHABLE;
	return 0;
}

static int host(struct module *m, const struct idlegate_zones *zones, struct error *err)
{
	struct idlegate_host h = {.sensors = 0};
	int r;

	if (!zones)
		m->watched &= ~GATE_SENSOR_BIT(GATE_SENSOR_THERMAL);
	h.sensors = m->watched;
	r = call(m, IDLEGATE_IOC_HOST, &h);
	if (r == -EBUSY)
		return error_set(err, r, m->device, "another process hosts the gate there");
	if (r == -EPERM)
		return error_set(err, r, m->device, "hosting the gate there needs CAP_KILL");
	if (r < 0)
		return error_set(err, r, m->device, "hosting the gate there: %s", strerror(-r));
	return 0;
}

static int map_page(struct module *m, struct error *err)
{
	void *at;

	m->page_fd = open(m->device, O_RDONLY | O_CLOEXEC);
	if (m->page_fd < 0)
		return error_set(err, -errno, m->device, "%s", open_words(-errno));
	at = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ, MAP_SHARED, m->page_fd, 0);
	if (at == MAP_FAILED)
		return error_set(err, -errno, m->device, "mapping its page: %s", strerror(errno));
	m->page = at;
	if (m->page->magic != IDLEGATE_PAGE_MAGIC || m->page->version != IDLEGATE_PAGE_VERSION)
		return error_set(err, -EPROTO, m->device, "its page is of another version");
	return 0;
}

/* The gate cannot open in between: the policy that it starts with wants facts from us. */
static int set_up(struct module *m, const struct idlegate_zones *zones, struct error *err)
{
	struct idlegate_event old[EVENTS_A_READ];
	int r = put_policy(m);

	if (r < 0)
		return error_set(err, r, m->device, "setting the limits: %s", strerror(-r));
	if (m->watched & GATE_SENSOR_BIT(GATE_SENSOR_THERMAL)) {
		r = call(m, IDLEGATE_IOC_ZONES, zones);
		if (r < 0)
			return error_set(err, r, m->device, "naming the thermal zones: %s",
					 strerror(-r));
	}
	/* How it got here is nobody's business; the facade asks for the holds as they are. */
	while (read(m->fd, old, sizeof(old)) > 0)
		;
	return 0;
}

int gatehost_module_new(struct gatehost_backend **out, struct gatehost *gatehost, struct loop *loop,
			const struct gate_policy *policy, const char *device,
			const struct idlegate_zones *zones, struct error *err)
{
	_cleanup_(cleanup_modulep) struct module *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return error_set(err, -ENOMEM, device, "out of memory");
	*m = (struct module){.base = {.ops = &module_ops, .host = gatehost},
			     .policy = *policy,
			     .fd = -1,
			     .page_fd = -1};
	if (strlen(device) >= sizeof(m->device))
		return error_set(err, -ENAMETOOLONG, device, "the path is too long");
	memcpy(m->device, device, strlen(device) + 1);
	r = open_device(m, err);
	if (r == 0)
		r = map_page(m, err);
	if (r == 0)
		r = host(m, zones, err);
	if (r == 0)
		r = set_up(m, zones, err);
	if (r < 0)
		return r;
	r = loop_watch(loop, m->fd, POLLIN, on_event, m, &m->watch);
	if (r < 0)
		return error_set(err, r, device, "%s", strerror(-r));
	*out = &steal_ptr(m)->base;
	return 0;
}
