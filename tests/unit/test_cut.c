/* SPDX-License-Identifier: MIT */
/* Boxes of a dispatch: a table of single cuts, and random dispatches covered exactly once. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/worker/cut.h"
#include "libbroker/util/cleanup.h"

struct cut_case {
	uint32_t groups[3];
	uint64_t position, most;
	struct cut_box box;
};

static const struct cut_case cases[] = {
	{{1, 1, 1}, 0, 1, {{0, 0, 0}, {1, 1, 1}}},
	{{10, 4, 3}, 0, 1, {{0, 0, 0}, {1, 1, 1}}},
	{{10, 4, 3}, 0, 9, {{0, 0, 0}, {9, 1, 1}}},
	{{10, 4, 3}, 9, 500, {{9, 0, 0}, {1, 1, 1}}},
	{{10, 4, 3}, 10, 25, {{0, 1, 0}, {10, 2, 1}}},
	{{10, 4, 3}, 10, 500, {{0, 1, 0}, {10, 3, 1}}},
	{{10, 4, 3}, 40, 79, {{0, 0, 1}, {10, 4, 1}}},
	{{10, 4, 3}, 40, 80, {{0, 0, 1}, {10, 4, 2}}},
	{{10, 4, 3}, 0, UINT64_MAX, {{0, 0, 0}, {10, 4, 3}}},
	{{10, 4, 3}, 119, 5, {{9, 3, 2}, {1, 1, 1}}},
	{{65535, 65535, 65535}, 65535ull * 65535, 65536, {{0, 0, 1}, {65535, 1, 1}}},
};

Test(cut, each_box_is_as_large_as_its_place_allows)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct cut_case *c = &cases[i];
		struct cut_box box;
		uint64_t n = cut_next(c->groups, c->position, c->most, &box);

		cr_assert_arr_eq(&box, &c->box, sizeof(box), "case %zu", i);
		cr_assert_eq(n, (uint64_t)box.count[0] * box.count[1] * box.count[2]);
	}
}

Test(cut, the_total_is_checked)
{
	uint64_t total;

	cr_assert_eq(cut_total((uint32_t[]){3, 4, 5}, &total), 0);
	cr_assert_eq(total, 60);
	cr_assert_eq(cut_total((uint32_t[]){3, 0, 5}, &total), 0);
	cr_assert_eq(total, 0);
	cr_assert_eq(cut_total((uint32_t[]){UINT32_MAX, UINT32_MAX, 2}, &total), -ERANGE);
}

static void mark(uint8_t *seen, const uint32_t g[3], const struct cut_box *b)
{
	for (uint32_t z = 0; z < b->count[2]; z++)
		for (uint32_t y = 0; y < b->count[1]; y++)
			for (uint32_t x = 0; x < b->count[0]; x++) {
				uint64_t at = ((uint64_t)(b->base[2] + z) * g[1] + b->base[1] + y) *
						      g[0] +
					      b->base[0] + x;

				cr_assert_lt(b->base[0] + x, g[0]);
				cr_assert_lt(b->base[1] + y, g[1]);
				cr_assert_lt(b->base[2] + z, g[2]);
				seen[at]++;
			}
}

Test(cut, random_dispatches_are_covered_exactly_once)
{
	unsigned int seed = 1;

	for (int round = 0; round < 2000; round++) {
		uint32_t g[3] = {1 + (uint32_t)rand_r(&seed) % 20, 1 + (uint32_t)rand_r(&seed) % 20,
				 1 + (uint32_t)rand_r(&seed) % 20};
		static uint8_t seen[20 * 20 * 20];
		uint64_t total, at = 0;

		memset(seen, 0, sizeof(seen));
		cr_assert_eq(cut_total(g, &total), 0);
		while (at < total) {
			uint64_t most = 1 + (uint64_t)rand_r(&seed) % (round % 2 ? 900 : 30);
			struct cut_box box;
			uint64_t n = cut_next(g, at, most, &box);

			cr_assert(n >= 1 && n <= most);
			mark(seen, g, &box);
			at += n;
		}
		cr_assert_eq(at, total);
		for (uint64_t i = 0; i < total; i++)
			cr_assert_eq(seen[i], 1);
	}
}
