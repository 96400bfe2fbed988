/* SPDX-License-Identifier: MIT */
/*
 * Walking a program; see program.h.
 *
 * A cursor stands on a dispatch, never on a loop: settle() goes into the first dispatch of
 * whatever begins at a step, which every body has. The counters of loops that are not around the
 * cursor are zero, so equal places have equal cursors.
 */
#include "libbroker/job/program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COUNTERS_SHOWN 160

static void settle(struct program_cursor *c, const struct job *job)
{
	while (c->step < job->n_steps && job->steps[c->step].kind == JOB_STEP_LOOP)
		c->counters[job->steps[c->step++].depth] = 0;
}

void program_start(struct program_cursor *c, const struct job *job)
{
	*c = (struct program_cursor){};
	settle(c, job);
}

bool program_at_end(const struct program_cursor *c, const struct job *job)
{
	return c->step >= job->n_steps;
}

void program_next(struct program_cursor *c, const struct job *job)
{
	uint32_t parent;

	if (program_at_end(c, job))
		return;
	parent = job->steps[c->step++].parent;
	c->passed++;
	c->groups_done = 0;
	while (parent != JOB_NO_PARENT && c->step == job->steps[parent].end) {
		const struct job_step *loop = &job->steps[parent];

		if (++c->counters[loop->depth] < loop->count) {
			c->step = parent + 1;
			break;
		}
		c->counters[loop->depth] = 0;
		parent = loop->parent;
	}
	settle(c, job);
}

static uint32_t step_after(const struct job *job, uint32_t i)
{
	return job->steps[i].kind == JOB_STEP_LOOP ? job->steps[i].end : i + 1;
}

/* "program[0].body[2]": as the step stands in the document. */
static void path_of(const struct job *job, uint32_t step, char *out, size_t size)
{
	size_t at = (size_t)snprintf(out, size, "program");
	uint32_t i = 0, index = 0;

	while (at < size) {
		if (i != step && step_after(job, i) <= step) {
			i = step_after(job, i);
			index++;
			continue;
		}
		at += (size_t)snprintf(out + at, size - at, "[%u]", index);
		if (i == step || at >= size)
			return;
		at += (size_t)snprintf(out + at, size - at, ".body");
		i++;
		index = 0;
	}
}

static int fail(const struct program_cursor *c, const struct job *job, const char *part, int index,
		const char *what, struct error *err)
{
	char where[192], at[COUNTERS_SHOWN] = "";
	const struct job_step *s = &job->steps[c->step];
	uint32_t loops[JOB_LOOP_DEPTH], parent = s->parent;
	size_t n;

	path_of(job, c->step, where, sizeof(where));
	n = strlen(where);
	if (index >= 0)
		snprintf(where + n, sizeof(where) - n, ".%s[%d]", part, index);
	else
		snprintf(where + n, sizeof(where) - n, ".%s", part);
	for (uint32_t d = s->depth; d-- > 0; parent = job->steps[parent].parent)
		loops[d] = parent;
	n = 0;
	for (uint32_t d = 0; d < s->depth && n < sizeof(at); d++)
		n += (size_t)snprintf(at + n, sizeof(at) - n, "%s%.32s = %llu", d ? ", " : " at ",
				      job->steps[loops[d]].name,
				      (unsigned long long)c->counters[d]);
	return error_set(err, -ERANGE, where, "%s%s", what, at);
}

static const char *eval_words(int r)
{
	return r == -EDOM ? "divides by zero" : "goes past 64 bits";
}

static int eval_groups(const struct program_cursor *c, const struct job *job,
		       struct program_dispatch *out, struct error *err)
{
	const struct job_step *s = &job->steps[c->step];
	uint64_t total = 1;
	char what[96];

	for (int i = 0; i < 3; i++) {
		int64_t v;
		int r = expr_eval(&s->groups[i], c->counters, &v);

		if (r < 0)
			return fail(c, job, "groups", i, eval_words(r), err);
		if (v < 0 || v > UINT32_MAX) {
			snprintf(what, sizeof(what), "is %lld; a group count is from 0 to %u",
				 (long long)v, UINT32_MAX);
			return fail(c, job, "groups", i, what, err);
		}
		out->groups[i] = (uint32_t)v;
		if (__builtin_mul_overflow(total, (uint64_t)v, &total))
			total = UINT64_MAX;
	}
	if (out->groups[0] && out->groups[1] && out->groups[2] && total > PROGRAM_GROUPS_MAX) {
		snprintf(what, sizeof(what), "x * y * z is over %llu workgroups in one dispatch",
			 (unsigned long long)PROGRAM_GROUPS_MAX);
		return fail(c, job, "groups", -1, what, err);
	}
	return 0;
}

static int eval_push(const struct program_cursor *c, const struct job *job, uint32_t i,
		     enum job_type type, uint32_t *out, struct error *err)
{
	const struct expr *e = &job->steps[c->step].push[i];
	float f = e->constant;
	char what[96];
	int64_t v = 0;
	int r = e->n ? expr_eval(e, c->counters, &v) : 0;

	if (r < 0)
		return fail(c, job, "push", (int)i, eval_words(r), err);
	if (type == JOB_F32) {
		if (e->n)
			f = (float)v;
		memcpy(out, &f, sizeof(f));
		return 0;
	}
	if (type == JOB_U32 ? v < 0 || v > UINT32_MAX : v < INT32_MIN || v > INT32_MAX) {
		snprintf(what, sizeof(what), "is %lld, which does not fit %s", (long long)v,
			 type == JOB_U32 ? "u32" : "i32");
		return fail(c, job, "push", (int)i, what, err);
	}
	*out = (uint32_t)v;
	return 0;
}

int program_dispatch(const struct program_cursor *c, const struct job *job,
		     struct program_dispatch *out, struct error *err)
{
	const struct job_step *s = &job->steps[c->step];
	int r;

	*out = (struct program_dispatch){
		.kernel = &job->kernels[s->kernel], .kernel_index = s->kernel, .step = s};
	r = eval_groups(c, job, out, err);
	out->n_push = out->kernel->n_push;
	for (uint32_t i = 0; r >= 0 && i < out->n_push; i++)
		r = eval_push(c, job, i, out->kernel->push[i], &out->push[i], err);
	return r;
}

int program_check(const struct job *job, struct error *err)
{
	struct program_cursor first = {}, last = {};
	struct program_dispatch d;
	int r;

	for (uint32_t i = 0; i < job->n_steps; i++) {
		const struct job_step *s = &job->steps[i];

		if (s->kind == JOB_STEP_LOOP) {
			last.counters[s->depth] = s->count - 1;
			continue;
		}
		first.step = last.step = i;
		r = program_dispatch(&first, job, &d, err);
		if (r >= 0)
			r = program_dispatch(&last, job, &d, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* How many dispatches lie before the cursor, from its step and counters alone. */
static uint64_t rank(const struct program_cursor *c, const struct job *job)
{
	uint64_t before = 0;
	uint32_t i = 0;

	while (i != c->step) {
		const struct job_step *s = &job->steps[i];

		if (step_after(job, i) <= c->step) {
			before += s->dispatches;
			i = step_after(job, i);
		} else {
			before += c->counters[s->depth] * (s->dispatches / s->count);
			i++;
		}
	}
	return before;
}

static bool counters_fit(const struct program_cursor *c, const struct job *job)
{
	bool end = program_at_end(c, job);
	uint32_t depth = end ? 0 : job->steps[c->step].depth;
	uint32_t parent = end ? JOB_NO_PARENT : job->steps[c->step].parent;

	for (uint32_t d = depth; d < JOB_LOOP_DEPTH; d++)
		if (c->counters[d])
			return false;
	for (; parent != JOB_NO_PARENT; parent = job->steps[parent].parent)
		if (c->counters[job->steps[parent].depth] >= job->steps[parent].count)
			return false;
	return true;
}

int program_cursor_valid(const struct program_cursor *c, const struct job *job)
{
	struct program_dispatch d;

	if (c->step > job->n_steps || c->pad || !counters_fit(c, job))
		return -EINVAL;
	if (c->step == job->n_steps)
		return c->passed == job->dispatches && !c->groups_done ? 0 : -EINVAL;
	if (job->steps[c->step].kind != JOB_STEP_DISPATCH || c->passed != rank(c, job))
		return -EINVAL;
	if (!c->groups_done)
		return 0;
	if (program_dispatch(c, job, &d, NULL) < 0)
		return -EINVAL;
	return c->groups_done < (uint64_t)d.groups[0] * d.groups[1] * d.groups[2] ? 0 : -EINVAL;
}
