/* SPDX-License-Identifier: MIT */
/* Structs for a fuzzer; see the header. */
#include "tests/phone/suite/fuzz_structs.h"

#include "tests/phone/suite/gate_client.h"
#include "tests/phone/suite/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

uint32_t fuzz_pick(uint64_t *random, uint32_t n)
{
	return (uint32_t)((suite_random(random) >> 32) * n >> 32);
}

uint64_t fuzz_value(uint64_t *random)
{
	static const uint64_t limits[] = {
		0,
		1,
		2,
		7,
		8,
		31,
		32,
		33,
		255,
		4096,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		0x100000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0xffffffffffffffff,
		60000,
		60001,
	};
	uint64_t r = suite_random(random);

	switch (r >> 62) {
	case 0:
		return r & 0xff;
	case 1:
		return suite_random(random);
	default:
		return limits[fuzz_pick(random, ARRAY_LEN(limits))];
	}
}

void fuzz_spoil(void *data, size_t size, uint64_t *random)
{
	unsigned char *bytes = data;
	uint32_t changes = 1 + fuzz_pick(random, 3);

	for (uint32_t i = 0; i < changes && size >= 8; i++) {
		size_t at = fuzz_pick(random, (uint32_t)size);
		uint64_t value = fuzz_value(random);

		switch (fuzz_pick(random, 4)) {
		case 0:
			bytes[at] ^= (unsigned char)(1u << (value & 7));
			break;
		case 1:
			bytes[at] = (unsigned char)value;
			break;
		case 2:
			memcpy(bytes + (at & ~3ul) % (size - 3), &value, 4);
			break;
		default:
			memcpy(bytes + (at & ~7ul) % (size - 7), &value, 8);
		}
	}
}

static void make_fact(struct idlegate_fact *f, uint64_t *random)
{
	bool good = fuzz_pick(random, 4);

	f->kind = fuzz_pick(random, 12);
	switch (f->kind) {
	case IDLEGATE_FACT_POWER:
		f->on = good ? 3 : fuzz_pick(random, 8);
		f->temp_mc = good ? 25000 : (int32_t)fuzz_value(random);
		f->capacity = good ? 90 : (int32_t)fuzz_value(random);
		break;
	case IDLEGATE_FACT_ZONE:
		f->id = fuzz_pick(random, IDLEGATE_ZONES);
		f->temp_mc = good ? 30000 : (int32_t)fuzz_value(random);
		f->set_mc = fuzz_pick(random, 2) ? IDLEGATE_VALUE_UNKNOWN : 60000;
		f->clear_mc = fuzz_pick(random, 2) ? IDLEGATE_VALUE_UNKNOWN : 50000;
		break;
	case IDLEGATE_FACT_ZONE_GONE:
		f->id = fuzz_pick(random, IDLEGATE_ZONES);
		break;
	case IDLEGATE_FACT_SENSOR:
		f->id = fuzz_pick(random, 7);
		f->on = good ? 3 : 1 + fuzz_pick(random, 3);
		break;
	case IDLEGATE_FACT_SCHEDULE:
		f->on = good;
		break;
	case IDLEGATE_FACT_PAUSE:
		f->on = !good;
		if (f->on)
			f->until_ns = fuzz_pick(random, 2)
					      ? IDLEGATE_NEVER
					      : suite_now_ns() + fuzz_pick(random, 5000000);
		break;
	case IDLEGATE_FACT_TICK:
	case IDLEGATE_FACT_INPUT:
		break;
	default:
		f->on = !good;
	}
}

static void make_zones(struct idlegate_zones *z, uint64_t *random)
{
	z->n = fuzz_pick(random, 4) ? fuzz_pick(random, 5) : fuzz_pick(random, IDLEGATE_ZONES + 1);
	for (uint32_t i = 0; i < z->n; i++) {
		snprintf(z->zone[i].name, sizeof(z->zone[i].name), "%s-%u",
			 fuzz_pick(random, 2) ? "vsoc" : "zone", i);
		z->zone[i].set_mc = fuzz_pick(random, 2) ? IDLEGATE_VALUE_UNKNOWN : 60000;
		z->zone[i].clear_mc = fuzz_pick(random, 2) ? IDLEGATE_VALUE_UNKNOWN : 50000;
	}
}

static void make_policy(struct idlegate_policy *p, uint64_t *random)
{
	*p = gcl_policy_calm();
	p->idle_after_ns = fuzz_pick(random, 4000000);
	p->resume_settle_ns = fuzz_pick(random, 4000000);
	p->dwell_ns[fuzz_pick(random, IDLEGATE_HOLD_COUNT)] = fuzz_pick(random, 4000000);
	p->look_ms = fuzz_pick(random, 3) ? 0 : IDLEGATE_LOOK_MIN_MS + fuzz_pick(random, 1000);
	if (!fuzz_pick(random, 8))
		p->required_sensors = fuzz_pick(random, 128);
	p->require_charging = p->required_sensors & 1u << IDLEGATE_SENSOR_POWER &&
			      fuzz_pick(random, 2);
}

void fuzz_make(union fuzz_struct *out, unsigned long request, uint64_t *random)
{
	size_t size = _IOC_SIZE(request);

	memset(out, 0, size);
	switch (request) {
	case IDLEGATE_IOC_HOST:
		out->host.sensors = fuzz_pick(random, 2) ? 0 : fuzz_pick(random, 128) & GCL_SENSORS;
		break;
	case IDLEGATE_IOC_POLICY:
		make_policy(&out->policy, random);
		break;
	case IDLEGATE_IOC_ZONES:
		make_zones(&out->zones, random);
		break;
	case IDLEGATE_IOC_FACT:
		make_fact(&out->fact, random);
		break;
	case IDLEGATE_IOC_JOIN:
		out->join.limit_ms = 1 + fuzz_pick(random, fuzz_pick(random, 4) ? 2000 : 20);
		out->join.grace_ms = 1 + fuzz_pick(random, out->join.limit_ms);
		break;
	default:
		break;
	}
	if (fuzz_pick(random, 2))
		fuzz_spoil(out, size, random);
}

static bool any(const void *data, size_t size)
{
	const unsigned char *bytes = data;

	while (size--)
		if (*bytes++)
			return true;
	return false;
}

bool fuzz_must_fail(const union fuzz_struct *in, unsigned long request)
{
	bool bad = false;

	switch (request) {
	case IDLEGATE_IOC_HOST:
		return in->host.flags || any(in->host.reserved, sizeof(in->host.reserved)) ||
		       in->host.sensors & ~GCL_SENSORS;
	case IDLEGATE_IOC_POLICY:
		return any(in->policy.reserved, sizeof(in->policy.reserved)) ||
		       any(&in->policy.dwell_ns[IDLEGATE_HOLD_COUNT],
			   sizeof(__u64) * (IDLEGATE_HOLD_ROOM - IDLEGATE_HOLD_COUNT)) ||
		       in->policy.require_charging > 1 || in->policy.required_sensors >= 128;
	case IDLEGATE_IOC_ZONES:
		if (in->zones.n > IDLEGATE_ZONES || in->zones.reserved)
			return true;
		for (uint32_t i = 0; i < IDLEGATE_ZONES; i++)
			bad |= in->zones.zone[i].reserved ||
			       (i >= in->zones.n &&
				any(&in->zones.zone[i], sizeof(in->zones.zone[i])));
		return bad;
	case IDLEGATE_IOC_FACT:
		return in->fact.reserved32 || any(in->fact.reserved, sizeof(in->fact.reserved)) ||
		       in->fact.kind == 10 || in->fact.kind > IDLEGATE_FACT_SENSOR;
	case IDLEGATE_IOC_JOIN:
		return in->join.flags || any(in->join.reserved, sizeof(in->join.reserved)) ||
		       !in->join.grace_ms || in->join.grace_ms > in->join.limit_ms ||
		       in->join.limit_ms > IDLEGATE_LEASE_MAX_MS;
	default:
		return false;
	}
}
