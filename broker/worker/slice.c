/* SPDX-License-Identifier: MIT */
/* Planning of slices; see slice.h. */
#include "broker/worker/slice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A box smaller than this share of the quantum is not worth a start of its own. */
#define FILL_ENOUGH(budget) ((budget) - (budget) / 8)

void slice_planner_init(struct slice_planner *p, const struct job *job,
			struct slice_kernel *kernels, const uint32_t groups_max[3])
{
	*p = (struct slice_planner){
		.job = job, .kernels = kernels, .parts_limit = SLICE_PARTS_START};
	memcpy(p->groups_max, groups_max, sizeof(p->groups_max));
}

static int check_groups(const struct slice_planner *p, const struct program_dispatch *d,
			uint64_t *total, struct error *err)
{
	char where[64];

	snprintf(where, sizeof(where), "kernel %.48s", d->kernel->name);
	for (int i = 0; i < 3; i++)
		if (d->groups[i] > p->groups_max[i])
			return error_set(err, -ERANGE, where,
					 "groups[%d] is %u; this device takes at most %u", i,
					 d->groups[i], p->groups_max[i]);
	if (cut_total(d->groups, total) < 0)
		return error_set(err, -ERANGE, where, "groups multiply to more than 64 bits hold");
	return 0;
}

/*
 * How many workgroups of this dispatch to take now; 0: none, the slice is full. A batch that
 * only the growth bound keeps small ends its slice: it is a step into the unknown.
 */
static uint64_t choose(const struct slice_kernel *k, const struct slice *s, uint64_t left,
		       uint64_t budget_ns, bool *last)
{
	uint64_t room = budget_ns > s->estimate_ns ? budget_ns - s->estimate_ns : 0;
	uint64_t want = left;

	if (!k->size.largest) {
		*last = true;
		return s->n ? 0 : k->whole ? left : 1;
	}
	if (!k->whole)
		want = size_groups(&k->size, room);
	if (want > left)
		want = left;
	if (s->n && size_estimate_ns(&k->size, want) > room)
		return 0;
	*last = want < left && want >= k->size.largest * SIZE_GROWTH;
	return want;
}

static void add_part(struct slice *s, const struct slice_planner *p,
		     const struct program_dispatch *d, const struct program_cursor *cursor,
		     uint64_t want)
{
	struct slice_part *part = &s->part[s->n++];
	const struct size_kernel *size = &p->kernels[d->kernel_index].size;

	part->kernel = d->kernel_index;
	part->step = cursor->step;
	part->n_push = d->n_push;
	memcpy(part->push, d->push, d->n_push * sizeof(d->push[0]));
	part->groups = cut_next(d->groups, cursor->groups_done, want, &part->box);
	part->barrier = cursor->groups_done == 0;
	part->estimate_ns = size_estimate_ns(size, part->groups);
	if (part->estimate_ns == SIZE_UNKNOWN)
		s->first = true;
	else
		s->estimate_ns += part->estimate_ns;
}

int slice_plan(struct slice_planner *p, struct program_cursor *cursor, uint64_t budget_ns,
	       struct slice *out, struct error *err)
{
	unsigned int skipped = 0;
	bool last = false;

	out->n = 0;
	out->first = out->cut_short = false;
	out->estimate_ns = 0;
	while (!last && !program_at_end(cursor, p->job) && skipped < SLICE_SKIP_MAX) {
		struct program_dispatch d;
		uint64_t total, want;
		int r = program_dispatch(cursor, p->job, &d, err);

		if (r == 0)
			r = check_groups(p, &d, &total, err);
		if (r < 0)
			return r;
		if (total == 0 || cursor->groups_done >= total) {
			program_next(cursor, p->job);
			skipped++;
			continue;
		}
		if (out->n == p->parts_limit) {
			out->cut_short = true;
			break;
		}
		want = choose(&p->kernels[d.kernel_index], out, total - cursor->groups_done,
			      budget_ns, &last);
		if (want == 0)
			break;
		add_part(out, p, &d, cursor, want);
		cursor->groups_done += out->part[out->n - 1].groups;
		if (cursor->groups_done == total)
			program_next(cursor, p->job);
		if (out->estimate_ns >= FILL_ENOUGH(budget_ns))
			break;
	}
	out->after = *cursor;
	return 0;
}

void slice_learn(struct slice_planner *p, const struct slice *s, uint64_t ns, uint64_t quantum_ns)
{
	if (s->cut_short && ns < quantum_ns && p->parts_limit < SLICE_PARTS_MAX)
		p->parts_limit *= 2;
	else if (ns > 2 * quantum_ns && p->parts_limit > SLICE_PARTS_START)
		p->parts_limit /= 2;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct slice_part *part = &s->part[i];
		double share = (double)ns;

		if (s->n > 1)
			share *= (double)part->estimate_ns / (double)s->estimate_ns;
		size_learn(&p->kernels[part->kernel].size, part->groups, share);
	}
}
