/* SPDX-License-Identifier: MIT */
/* The duty controller; see duty.h. */
#include "broker/sched/duty.h"

#define NS_PER_MS       1000000ull
#define GAIN_P_PERMILLE 80 /* for each degree */
#define GAIN_I_PERMILLE 1 /* for each degree and second */
#define SCALE           1000000ll /* of the integral, in mC times ms, to a permille */
#define ERROR_MAX_MC    100000
#define GAP_MAX_MS      10000

void duty_init(struct duty *d, int32_t target_mc)
{
	*d = (struct duty){.target_mc = target_mc,
			   .integral = DUTY_MAX_PERMILLE / 2 * SCALE,
			   .permille = DUTY_MAX_PERMILLE};
}

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

/* Whole milliseconds since the last update; what is left of one is kept for the next. */
static int64_t elapsed_ms(struct duty *d, uint64_t now_ns)
{
	uint64_t ms;

	if (!d->last_ns || now_ns < d->last_ns) {
		d->last_ns = now_ns;
		return 0;
	}
	ms = (now_ns - d->last_ns) / NS_PER_MS;
	d->last_ns += ms * NS_PER_MS;
	return ms > GAP_MAX_MS ? GAP_MAX_MS : (int64_t)ms;
}

uint32_t duty_update(struct duty *d, int32_t temp_mc, uint64_t now_ns)
{
	int64_t error, p, ms, wanted;

	if (temp_mc == DUTY_TEMP_UNKNOWN)
		return d->permille;
	ms = elapsed_ms(d, now_ns);
	error = clamp((int64_t)d->target_mc - temp_mc, -ERROR_MAX_MC, ERROR_MAX_MC);
	p = error * GAIN_P_PERMILLE / 1000;
	wanted = p + d->integral / SCALE;
	if (!(wanted >= DUTY_MAX_PERMILLE && error > 0) &&
	    !(wanted <= DUTY_MIN_PERMILLE && error < 0))
		d->integral = clamp(d->integral + error * ms * GAIN_I_PERMILLE, 0,
				    DUTY_MAX_PERMILLE * SCALE);
	d->permille =
		(uint32_t)clamp(p + d->integral / SCALE, DUTY_MIN_PERMILLE, DUTY_MAX_PERMILLE);
	return d->permille;
}

uint64_t duty_rest_ns(uint32_t permille, uint64_t busy_ns)
{
	uint64_t rest;

	if (permille >= DUTY_MAX_PERMILLE)
		return 0;
	if (permille < DUTY_MIN_PERMILLE)
		permille = DUTY_MIN_PERMILLE;
	if (__builtin_mul_overflow(busy_ns, DUTY_MAX_PERMILLE - permille, &rest))
		return UINT64_MAX / permille;
	return rest / permille;
}
