/* SPDX-License-Identifier: MIT */
/* Looking at the gate's page; see gate_page.h. */
#include "libbroker/proto/gate_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "libbroker/util/cleanup.h"

#define TRIES 1000000

/* As the gate core names them, which this library does not link. */
static const char *const names[IDLEGATE_HOLD_COUNT] = {
	[IDLEGATE_HOLD_USER_ACTIVE] = "user-active", [IDLEGATE_HOLD_NOT_CHARGING] = "not-charging",
	[IDLEGATE_HOLD_DRAINING] = "draining",       [IDLEGATE_HOLD_BATTERY_LOW] = "battery-low",
	[IDLEGATE_HOLD_BATTERY_HOT] = "battery-hot", [IDLEGATE_HOLD_ZONE_HOT] = "zone-hot",
	[IDLEGATE_HOLD_SUSPENDING] = "suspending",   [IDLEGATE_HOLD_GPU_BUSY] = "gpu-busy",
	[IDLEGATE_HOLD_CPU_BUSY] = "cpu-busy",       [IDLEGATE_HOLD_SCHEDULE] = "schedule",
	[IDLEGATE_HOLD_PAUSED] = "paused",           [IDLEGATE_HOLD_BROKER_GONE] = "broker-gone",
	[IDLEGATE_HOLD_SENSOR_LOST] = "sensor-lost",
};

int gate_page_read(const struct idlegate_page *page, struct idlegate_page *out)
{
	const volatile struct idlegate_page *p = page;

	for (unsigned int i = 0; i < TRIES; i++) {
		__u32 seq = __atomic_load_n(&page->seq, __ATOMIC_ACQUIRE);

		if (seq & 1)
			continue;
		*out = (struct idlegate_page){
			.magic = p->magic,
			.version = p->version,
			.seq = seq,
			.holds = p->holds,
			.changed_ns = p->changed_ns,
			.input_ns = p->input_ns,
			.closes = p->closes,
			.opens = p->opens,
			.facts = p->facts,
		};
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&page->seq, __ATOMIC_RELAXED) == seq)
			return 0;
	}
	return -EAGAIN;
}

void gate_page_names(__u32 holds, char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned int h = 0; h < IDLEGATE_HOLD_COUNT && at < size; h++)
		if (holds & IDLEGATE_HOLD_BIT(h))
			at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "",
					       names[h]);
}

int gate_page_glance(const char *device, struct idlegate_page *page, struct idlegate_info *info)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	void *at;
	int r;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, IDLEGATE_IOC_INFO, info) < 0)
		return -errno;
	at = mmap(NULL, IDLEGATE_PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	r = gate_page_read(at, page);
	munmap(at, IDLEGATE_PAGE_SIZE);
	if (r == 0 &&
	    (page->magic != IDLEGATE_PAGE_MAGIC || page->version != IDLEGATE_PAGE_VERSION))
		return -EPROTO;
	return r;
}
