/* SPDX-License-Identifier: MIT */
/* Sizing of slices; see size.h. */
#include "broker/worker/size.h"

#define RISE    0.5 /* weight of a measurement above the estimate */
#define FALL    0.125 /* and of one below it */
#define OUTLIER 2.0 /* times the estimate */

static int bucket_of(uint64_t groups)
{
	return 63 - __builtin_clzll(groups | 1);
}

/* Of the buckets seen: the largest at or below @b, or -1. */
static int seen_below(const struct size_kernel *k, int b)
{
	uint64_t mask = k->seen & (b == 63 ? ~0ull : (2ull << b) - 1);

	return mask ? bucket_of(mask) : -1;
}

static int seen_above(const struct size_kernel *k, int b)
{
	uint64_t mask = b == 63 ? 0 : k->seen & ~((2ull << b) - 1);

	return mask ? __builtin_ctzll(mask) : -1;
}

static double estimate(const struct size_kernel *k, uint64_t groups)
{
	int b = bucket_of(groups);
	int below = seen_below(k, b), above = seen_above(k, b);
	double best = below >= 0 ? k->ns_per_group[below] * (double)groups : -1;

	if (above >= 0) {
		double whole = k->ns_per_group[above] * 2.0 * (double)(1ull << above);

		if (best < 0 || whole < best)
			best = whole;
	}
	return best;
}

uint64_t size_estimate_ns(const struct size_kernel *k, uint64_t groups)
{
	double ns = k->seen ? estimate(k, groups) : -1;

	if (ns < 0 || ns >= 1e18)
		return SIZE_UNKNOWN;
	return ns < 1 ? 1 : (uint64_t)ns;
}

uint64_t size_groups(const struct size_kernel *k, uint64_t budget_ns)
{
	uint64_t low = 1, high;

	if (!k->largest)
		return 1;
	if (__builtin_mul_overflow(k->largest, SIZE_GROWTH, &high))
		high = UINT64_MAX / 2;
	while (low < high) {
		uint64_t middle = low + (high - low + 1) / 2;

		if (size_estimate_ns(k, middle) <= budget_ns)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

void size_learn(struct size_kernel *k, uint64_t groups, double ns)
{
	double measured = ns / (double)groups;
	int b = bucket_of(groups);
	double *mine = &k->ns_per_group[b];

	if (!k->started) {
		k->started = true;
		return;
	}
	if (groups > k->largest)
		k->largest = groups;
	if (!(k->seen & 1ull << b)) {
		k->seen |= 1ull << b;
		*mine = measured;
		return;
	}
	if (measured > OUTLIER * *mine) {
		if (k->outliers & 1ull << b) {
			*mine = measured;
			k->seen = 1ull << b;
			k->largest = groups;
		} else {
			*mine *= 1 + RISE;
		}
		k->outliers ^= 1ull << b;
		return;
	}
	k->outliers &= ~(1ull << b);
	*mine += (measured > *mine ? RISE : FALL) * (measured - *mine);
}
