/* SPDX-License-Identifier: MIT */
/*
 * Reading the program of job.json: nested loops of dispatches to a flat array; see job.h.
 *
 * A loop's step is written before its body and finished behind it, when its end and the
 * dispatches inside it are known. The array may move while it grows: steps are spoken of by index.
 */
#include "libbroker/job/job_read.h"

#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_FIRST 16
#define TEXT_SHOWN  48

struct program_reader {
	struct job *job;
	uint32_t room;
	const char *counters[JOB_LOOP_DEPTH]; /* of the loops around; the document's strings */
	uint32_t depth;
	uint32_t parent;
};

static int read_steps(struct program_reader *p, const struct json_node *n, uint64_t *dispatches);

/* A zeroed step at the end of the program: its index. */
static int add_step(struct program_reader *p, const struct json_node *n)
{
	struct job *job = p->job;
	struct job_step *s;

	if (job->n_steps == JOB_STEPS_MAX)
		return json_read_fail(n, -E2BIG,
				      "the program has more than %d loops and dispatches; "
				      "use loops for what repeats",
				      JOB_STEPS_MAX);
	if (job->n_steps == p->room) {
		uint32_t room = p->room ? 2 * p->room : STEPS_FIRST;

		s = realloc(job->steps, room * sizeof(*s));
		if (!s)
			return json_read_fail(n, -ENOMEM, "out of memory");
		job->steps = s;
		p->room = room;
	}
	s = &job->steps[job->n_steps];
	*s = (struct job_step){.depth = p->depth, .parent = p->parent, .dispatches = 1};
	return (int)job->n_steps++;
}

static int read_counter(const struct program_reader *p, const struct json_node *n, const char **out)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char rest[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	char clean[TEXT_SHOWN];
	const char *name = NULL;
	int r = json_read_text(n, &name);

	if (r < 0)
		return r;
	json_read_clean(clean, sizeof(clean), name);
	if (!*name || strlen(name) > JOB_NAME_MAX || !strchr(letters, *name) ||
	    name[strspn(name, rest)])
		return json_read_fail(n, -EINVAL,
				      "\"%s\" is no name of a counter: 1 to %d of A-Z a-z 0-9 _ "
				      "beginning with a letter or _",
				      clean, JOB_NAME_MAX);
	if (!strcmp(name, "min") || !strcmp(name, "max"))
		return json_read_fail(n, -EINVAL,
				      "\"%s\" is a function; name the counter otherwise", name);
	for (uint32_t i = 0; i < p->depth; i++)
		if (!strcmp(p->counters[i], name))
			return json_read_fail(n, -EINVAL,
					      "\"%s\" is the counter of a loop around this one; "
					      "name it otherwise",
					      clean);
	*out = name;
	return 0;
}

static int read_body(struct program_reader *p, const struct json_node *n, uint32_t index,
		     uint64_t *dispatches)
{
	uint32_t parent = p->parent;
	int r;

	p->depth++;
	p->parent = index;
	r = read_steps(p, n, dispatches);
	p->parent = parent;
	p->depth--;
	return r;
}

static int read_loop(struct program_reader *p, const struct json_node *n,
		     const struct json_node *name, uint64_t *dispatches)
{
	static const char *const keys[] = {"loop", "count", "body", NULL};
	struct json_node count, body;
	struct job_step *s;
	int64_t times = 0;
	uint64_t inside = 0;
	int index, r = json_read_object(n, keys);

	if (r >= 0 && p->depth == JOB_LOOP_DEPTH)
		r = json_read_fail(n, -E2BIG, "loops are nested more than %d deep", JOB_LOOP_DEPTH);
	if (r >= 0)
		r = read_counter(p, name, &p->counters[p->depth]);
	if (r >= 0)
		r = json_read_need(n, "count", "how often the body runs, 1 or more", &count);
	if (r >= 0)
		r = json_read_int(&count, 1, (int64_t)JOB_DISPATCHES_MAX, &times);
	if (r >= 0)
		r = json_read_need(n, "body", "an array of loops and dispatches", &body);
	if (r >= 0)
		r = index = add_step(p, n);
	if (r >= 0)
		r = read_body(p, &body, (uint32_t)index, &inside);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(inside, (uint64_t)times, dispatches) ||
	    *dispatches > JOB_DISPATCHES_MAX)
		return json_read_fail(
			&count, -E2BIG,
			"%lld times the %llu dispatches of the body; at most %llu in all",
			(long long)times, (unsigned long long)inside,
			(unsigned long long)JOB_DISPATCHES_MAX);
	s = &p->job->steps[index];
	s->kind = JOB_STEP_LOOP;
	s->count = (uint64_t)times;
	s->end = p->job->n_steps;
	s->dispatches = *dispatches;
	memcpy(s->name, p->counters[p->depth], strlen(p->counters[p->depth]) + 1);
	return 0;
}

static int read_text_expr(const struct program_reader *p, const struct json_node *n, bool may_float,
			  struct expr *out)
{
	char why[96];
	const char *text = NULL;
	int r = json_read_text(n, &text);

	if (r < 0)
		return r;
	r = expr_parse(out, text, p->counters, p->depth, why);
	if (r < 0)
		return json_read_fail(n, r, "%s", why);
	if (!out->n && !may_float)
		return json_read_fail(n, -EINVAL,
				      "must be a whole number; a fraction is for f32 alone");
	return 0;
}

/* A number or the text of an expression. */
static int read_value(const struct program_reader *p, const struct json_node *n, enum job_type type,
		      struct expr *out)
{
	int64_t min = type == JOB_I32 ? INT32_MIN : 0;
	int64_t max = type == JOB_I32 ? INT32_MAX : UINT32_MAX, v = 0;
	double d = json_number_value(n->value);
	int r;

	if (json_is_string(n->value))
		return read_text_expr(p, n, type == JOB_F32, out);
	if (!json_is_number(n->value))
		return json_read_fail(n, -EINVAL,
				      "must be a number or an expression such as \"i * 4 + 1\"");
	if (type == JOB_F32) {
		if (d > (double)FLT_MAX || d < -(double)FLT_MAX)
			return json_read_fail(n, -EINVAL, "does not fit a 32-bit float");
		expr_float(out, (float)d);
		return 0;
	}
	r = json_read_int(n, min, max, &v);
	if (r < 0)
		return r;
	r = expr_const(out, v);
	return r < 0 ? json_read_fail(n, r, "out of memory") : 0;
}

static int read_groups(const struct program_reader *p, const struct json_node *n,
		       struct job_step *s)
{
	int r = json_read_array(n, 1, 3, "group counts: x, y and z");

	for (size_t i = 0; r >= 0 && i < 3; i++) {
		struct json_node item = json_read_item(n, i);

		r = item.value ? read_value(p, &item, JOB_U32, &s->groups[i])
			       : expr_const(&s->groups[i], 1);
	}
	return r;
}

static int read_push(const struct program_reader *p, const struct json_node *n, struct job_step *s)
{
	const struct job_kernel *k = &p->job->kernels[s->kernel];
	struct json_node part;
	int r;

	if (!json_read_find(n, "push", &part)) {
		if (!k->n_push)
			return 0;
		return json_read_fail(n, -EINVAL,
				      "lacks the key \"push\": the kernel \"%s\" takes %u values",
				      k->name, k->n_push);
	}
	r = json_read_array(&part, k->n_push, k->n_push, "values, as the kernel's \"push\" says");
	if (r < 0 || !k->n_push)
		return r;
	s->push = calloc(k->n_push, sizeof(*s->push));
	if (!s->push)
		return json_read_fail(&part, -ENOMEM, "out of memory");
	for (uint32_t i = 0; r >= 0 && i < k->n_push; i++) {
		struct json_node item = json_read_item(&part, i);

		r = read_value(p, &item, k->push[i], &s->push[i]);
	}
	return r;
}

static bool kernel_has(const struct job_kernel *k, uint32_t binding)
{
	for (uint32_t i = 0; i < k->n_bindings; i++)
		if (k->bindings[i].binding == binding)
			return true;
	return false;
}

static int read_bind(const struct program_reader *p, const struct json_node *n, struct job_step *s)
{
	const struct job_kernel *k = &p->job->kernels[s->kernel];
	int r = job_read_bindings(p->job, n, s->bind, &s->n_bind);

	for (uint32_t i = 0; r >= 0 && i < s->n_bind; i++)
		if (!kernel_has(k, s->bind[i].binding))
			return json_read_fail(
				n, -EINVAL,
				"the kernel \"%s\" has no binding %u in its \"bindings\"", k->name,
				s->bind[i].binding);
	return r;
}

static int read_kernel_name(const struct program_reader *p, const struct json_node *n,
			    uint32_t *out)
{
	char clean[TEXT_SHOWN];
	const char *name = NULL;
	int r = json_read_text(n, &name);

	if (r < 0)
		return r;
	for (*out = 0; *out < p->job->n_kernels; (*out)++)
		if (!strcmp(p->job->kernels[*out].name, name))
			return 0;
	return json_read_fail(n, -EINVAL,
			      "there is no kernel \"%s\"; it must be one of \"kernels\"",
			      json_read_clean(clean, sizeof(clean), name));
}

static int read_dispatch(struct program_reader *p, const struct json_node *n,
			 const struct json_node *name)
{
	static const char *const keys[] = {"dispatch", "groups", "push", "bind", NULL};
	struct json_node part;
	struct job_step *s;
	uint32_t kernel = 0;
	int r = json_read_object(n, keys);

	if (r >= 0)
		r = read_kernel_name(p, name, &kernel);
	if (r >= 0)
		r = add_step(p, n);
	if (r < 0)
		return r;
	s = &p->job->steps[r];
	s->kind = JOB_STEP_DISPATCH;
	s->kernel = kernel;
	r = json_read_need(n, "groups", "an array of the workgroups in x, y and z", &part);
	if (r >= 0)
		r = read_groups(p, &part, s);
	if (r >= 0)
		r = read_push(p, n, s);
	if (r >= 0 && json_read_find(n, "bind", &part))
		r = read_bind(p, &part, s);
	return r;
}

static int read_step(struct program_reader *p, const struct json_node *n, uint64_t *dispatches)
{
	struct json_node name;
	int r = json_read_object(n, NULL);

	if (r < 0)
		return r;
	if (json_read_find(n, "loop", &name))
		return read_loop(p, n, &name, dispatches);
	*dispatches = 1;
	if (json_read_find(n, "dispatch", &name))
		return read_dispatch(p, n, &name);
	return json_read_fail(n, -EINVAL, "a step has the key \"loop\" or the key \"dispatch\"");
}

static int read_steps(struct program_reader *p, const struct json_node *n, uint64_t *dispatches)
{
	int r = json_read_array(n, 1, JOB_STEPS_MAX, "loops and dispatches");

	*dispatches = 0;
	for (size_t i = 0; r >= 0 && i < json_array_size(n->value); i++) {
		struct json_node item = json_read_item(n, i);
		uint64_t more = 0;

		r = read_step(p, &item, &more);
		if (r < 0)
			return r;
		*dispatches += more;
		if (*dispatches > JOB_DISPATCHES_MAX)
			return json_read_fail(&item, -E2BIG,
					      "the program makes more than %llu dispatches",
					      (unsigned long long)JOB_DISPATCHES_MAX);
	}
	return r;
}

int job_read_program(struct job *job, const struct json_node *n)
{
	struct program_reader p = {.job = job, .parent = JOB_NO_PARENT};

	return read_steps(&p, n, &job->dispatches);
}
