/* SPDX-License-Identifier: MIT */
/*
 * job.json: one good document, read field by field, and a table of what can be wrong with it.
 * Each bad row replaces one piece of the good text, and expects the path and words of the error.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libbroker/job/job.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/clock.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const char good[] =
	"{\"version\": 1, \"kind\": \"vulkan\", \"name\": \"train\", \"priority\": -3,\n"
	" \"limits\": {\"memory\": 100000, \"device_time_s\": 1.5, \"deadline_s\": 60},\n"
	" \"buffers\": {\n"
	"  \"x\": {\"size\": 4096, \"blob\": \"x.bin\", \"use\": \"input\"},\n"
	"  \"w\": {\"size\": 1024, \"blob\": \"" HASH "\", \"use\": \"output\"},\n"
	"  \"t\": {\"size\": 64}},\n"
	" \"kernels\": {\n"
	"  \"fwd\": {\"spirv\": \"fwd.spv\", \"entry\": \"forward\",\n"
	"   \"bindings\": {\"0\": \"x\", \"1\": \"w\"},\n"
	"   \"specialization\": {\"3\": {\"u32\": 64}, \"4\": {\"i32\": -1}, \"5\": {\"f32\": 1}},\n"
	"   \"push\": [\"u32\", \"f32\", \"i32\"]},\n"
	"  \"sum\": {\"spirv\": \"sum.spv\", \"bindings\": {\"0\": \"t\"}}},\n"
	" \"program\": [\n"
	"  {\"loop\": \"epoch\", \"count\": 10, \"body\": [\n"
	"   {\"loop\": \"step\", \"count\": 20, \"body\": [\n"
	"    {\"dispatch\": \"fwd\", \"groups\": [\"(step+63)/64\", 2, 3],\n"
	"     \"push\": [\"epoch*3\", 0.05, -7], \"bind\": {\"0\": \"t\"}}]},\n"
	"   {\"dispatch\": \"sum\", \"groups\": [1]}]},\n"
	"  {\"dispatch\": \"sum\", \"groups\": [5, 6]}],\n"
	" \"outputs\": [\"w\"]}\n";

/* The good text with @find replaced once. */
static char *with(const char *find, const char *replace)
{
	const char *at = strstr(good, find);
	char *out = NULL;

	cr_assert(at, "the good document has no %s", find);
	cr_assert(asprintf(&out, "%.*s%s%s", (int)(at - good), good, replace, at + strlen(find)) >=
		  0);
	return out;
}

Test(job_parse, the_good_document)
{
	struct error err = {};
	struct job *j;

	cr_assert_eq(job_parse(&j, good, sizeof(good) - 1, &err), 0, "%s: %s", err.where, err.what);
	cr_expect_str_eq(j->name, "train");
	cr_expect_eq(j->priority, -3);
	cr_expect_eq(j->limit_memory, 100000);
	cr_expect_eq(j->limit_device_ns, 1500 * NS_PER_MS);
	cr_expect_eq(j->limit_wall_ns, 60 * NS_PER_S);
	cr_expect_eq(j->memory, 4096 + 1024 + 64);
	cr_expect_eq(j->dispatches, 10 * 21 + 1);
	cr_assert_eq(j->n_blobs, 4);
	cr_expect_str_eq(j->blobs[0].ref, "x.bin");
	cr_expect_not(j->blobs[0].is_hash);
	cr_expect_str_eq(j->blobs[1].ref, HASH);
	cr_expect(j->blobs[1].is_hash);
	cr_assert_eq(j->n_buffers, 3);
	cr_expect_eq(j->buffers[1].use, JOB_BUFFER_OUTPUT);
	cr_expect_eq(j->buffers[1].blob, 1);
	cr_expect_eq(j->buffers[2].use, JOB_BUFFER_SCRATCH);
	cr_expect_eq(j->buffers[2].blob, -1);
	cr_assert_eq(j->n_outputs, 1);
	cr_expect_eq(j->outputs[0], 1);
	job_free(j);
}

Test(job_parse, kernels_and_program_of_the_good_document)
{
	struct error err = {};
	struct job_kernel *k;
	struct job_step *s;
	struct job *j;
	float one = 1.0f;

	cr_assert_eq(job_parse(&j, good, sizeof(good) - 1, &err), 0);
	cr_assert_eq(j->n_kernels, 2);
	k = &j->kernels[0];
	cr_expect_str_eq(k->entry, "forward");
	cr_expect_str_eq(j->kernels[1].entry, "main");
	cr_expect_str_eq(j->blobs[k->blob].ref, "fwd.spv");
	cr_assert_eq(k->n_bindings, 2);
	cr_expect(k->bindings[1].binding == 1 && k->bindings[1].buffer == 1);
	cr_assert_eq(k->n_spec, 3);
	cr_expect(k->spec[0].id == 3 && k->spec[0].bits == 64 && k->spec[1].bits == UINT32_MAX);
	cr_expect(!memcmp(&k->spec[2].bits, &one, 4) && k->spec[2].type == JOB_F32);
	cr_assert_eq(k->n_push, 3);
	cr_assert_eq(j->n_steps, 5);
	s = j->steps;
	cr_expect(s[0].kind == JOB_STEP_LOOP && s[0].end == 4 && s[0].count == 10);
	cr_expect_eq(s[0].parent, JOB_NO_PARENT);
	cr_expect(s[1].kind == JOB_STEP_LOOP && s[1].end == 3 && s[1].depth == 1);
	cr_expect_str_eq(s[1].name, "step");
	cr_expect(s[2].kind == JOB_STEP_DISPATCH && s[2].depth == 2 && s[2].parent == 1);
	cr_expect(s[2].push[1].n == 0 && s[2].push[1].constant == 0.05f);
	cr_assert_eq(s[2].n_bind, 1);
	cr_expect_eq(s[2].bind[0].buffer, 2);
	cr_expect(s[3].kernel == 1 && s[3].parent == 0 && !s[3].push);
	cr_expect(s[4].depth == 0 && s[4].parent == JOB_NO_PARENT);
	job_free(j);
}

struct bad {
	const char *find, *replace;
	int code;
	const char *where, *what;
};

static const struct bad bad_syntax[] = {
	{good, "", -EINVAL, "line 1", "not valid JSON in UTF-8"},
	{"\"outputs\": [\"w\"]}\n", "", -EINVAL, "line", "not valid JSON in UTF-8"},
	{"\"train\"",
	 "\"tr\xff"
	 "in\"",
	 -EINVAL, "line 1", "unable to decode byte 0xff"},
	{"\"train\"", "\"tr\\u0000in\"", -EINVAL, "line 1", "not valid JSON in UTF-8"},
	{"\"train\"", "\"\xed\xa0\x80\"", -EINVAL, "line 1", "not valid JSON in UTF-8"},
	{"\"w\"]}\n", "\"w\"]} x", -EINVAL, "line", "not valid JSON in UTF-8"},
	{"\"name\": \"train\"", "\"name\": \"a\", \"name\": \"b\"", -EINVAL, "line 1", "duplicate"},
	{"\"t\": {\"size\": 64}", "\"x\": {\"size\": 64}", -EINVAL, "line 6", "duplicate"},
	{"4096", "99999999999999999999", -EINVAL, "line 4", "too big integer"},
	{"0.05", "1e999", -EINVAL, "line", "real number overflow"},
	{"\"train\"", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", -EINVAL, "", "nested more than 32 deep"},
};

static const struct bad bad_head[] = {
	{good, "[]", -EINVAL, "", "must be an object, is an array"},
	{"\"version\": 1,", "", -EINVAL, "", "lacks the key \"version\""},
	{"\"version\": 1,", "\"version\": 2,", -EINVAL, "version", "2 is not supported"},
	{"\"version\": 1,", "\"version\": \"1\",", -EINVAL, "version", "is a string"},
	{"\"vulkan\"", "\"exec\"", -EINVAL, "kind", "\"exec\" is not supported by this version"},
	{"\"kind\": \"vulkan\",", "", -EINVAL, "", "lacks the key \"kind\""},
	{"\"vulkan\"", "7", -EINVAL, "kind", "must be a string, is an integer"},
	{"\"priority\"", "\"prio\"", -EINVAL, "",
	 "unknown key \"prio\"; the keys here are: version, kind, name, priority, limits"},
	{"\"priority\"", "\"p\\n\\u00e9\"", -EINVAL, "", "unknown key \"p???\""},
	{"\"name\": \"train\",", "", -EINVAL, "", "lacks the key \"name\""},
	{"\"train\"", "\"\"", -EINVAL, "name", "is no name"},
	{"\"train\"", "\"a b\"", -EINVAL, "name", "\"a b\" is no name"},
	{"\"train\"", "\".a\"", -EINVAL, "name", "is no name"},
	{"\"train\"", "\"-a\"", -EINVAL, "name", "is no name"},
	{"\"train\"", "\"" HASH "0\"", -EINVAL, "name", "is no name: 1 to 64"},
	{"-3", "11", -E2BIG, "priority", "from -10 to 10, is 11"},
	{"-3", "-11", -EINVAL, "priority", "from -10 to 10, is -11"},
	{"-3", "1.0", -EINVAL, "priority", "is a number with a fraction"},
	{"-3", "null", -EINVAL, "priority", "is null"},
	{"\"memory\": 100000", "\"memory\": 5183", -E2BIG, "limits.memory", "take 5184 bytes"},
	{"\"memory\": 100000", "\"memory\": 0", -EINVAL, "limits.memory", "is 0"},
	{"\"memory\": 100000", "\"memory\": 99999999999999", -E2BIG, "limits.memory", "must be"},
	{"\"memory\"", "\"ram\"", -EINVAL, "limits", "unknown key \"ram\""},
	{"1.5", "0", -EINVAL, "limits.device_time_s", "seconds from 0.001"},
	{"1.5", "-1", -EINVAL, "limits.device_time_s", "seconds from 0.001"},
	{"1.5", "true", -EINVAL, "limits.device_time_s", "seconds from 0.001"},
	{"60}", "1e300}", -E2BIG, "limits.deadline_s", "to 31622400"},
};

static const struct bad bad_buffers[] = {
	{"4096", "0", -EINVAL, "buffers.x.size", "must be from 4"},
	{"4096", "-4", -EINVAL, "buffers.x.size", "is -4"},
	{"4096", "4098", -EINVAL, "buffers.x.size", "multiple of 4, is 4098"},
	{"4096", "4096.0", -EINVAL, "buffers.x.size", "must be an integer"},
	{"4096", "17179869184", -E2BIG, "limits.memory", "the buffers take"},
	{"4096", "17179869188000", -E2BIG, "buffers.x.size", "must be from 4 to 17179869184"},
	{"\"t\": {\"size\": 64}",
	 "\"a\": {\"size\": 17179869184}, \"b\": {\"size\": 17179869184},"
	 "\"c\": {\"size\": 17179869184}, \"d\": {\"size\": 17179869184}",
	 -E2BIG, "buffers.d.size", "the buffers up to this one take 68719481856 bytes"},
	{"\"size\": 4096, ", "", -EINVAL, "buffers.x", "lacks the key \"size\""},
	{"\"size\": 4096, ", "\"length\": 4096, ", -EINVAL, "buffers.x",
	 "unknown key \"length\"; the keys here are: size, blob, use"},
	{"\"blob\": \"x.bin\", ", "", -EINVAL, "buffers.x", "an input buffer needs its contents"},
	{"\"input\"", "\"in\"", -EINVAL, "buffers.x.use", "none of: scratch, input, output"},
	{"x.bin", "../x.bin", -EINVAL, "buffers.x.blob", "is no file name"},
	{"x.bin", "a/x.bin", -EINVAL, "buffers.x.blob", "is no file name"},
	{"x.bin", "/x.bin", -EINVAL, "buffers.x.blob", "is no file name"},
	{"x.bin", ".x", -EINVAL, "buffers.x.blob", "is no file name"},
	{"x.bin", "", -EINVAL, "buffers.x.blob", "is no file name"},
	{"\"x.bin\"", "[]", -EINVAL, "buffers.x.blob", "must be a string"},
	{"\"x\": {\"size\"", "\"x y\": {\"size\"", -EINVAL, "buffers[\"x y\"]",
	 "is no name of a buffer"},
	{"{\"size\": 64}", "64", -EINVAL, "buffers.t", "must be an object"},
};

static const struct bad bad_kernels[] = {
	{"\"spirv\": \"fwd.spv\", ", "", -EINVAL, "kernels.fwd", "lacks the key \"spirv\""},
	{"\"fwd.spv\"", "\"a b\"", -EINVAL, "kernels.fwd.spirv", "is no file name"},
	{"\"forward\"", "\"\"", -EINVAL, "kernels.fwd.entry", "is no name"},
	{"\"forward\"", "3", -EINVAL, "kernels.fwd.entry", "must be a string"},
	{"\"0\": \"x\"", "\"0\": \"y\"", -EINVAL, "kernels.fwd.bindings.0",
	 "there is no buffer \"y\""},
	{"\"0\": \"x\"", "\"x\": \"x\"", -EINVAL, "kernels.fwd.bindings.x", "\"0\" to \"63\""},
	{"\"0\": \"x\"", "\"00\": \"x\"", -EINVAL, "kernels.fwd.bindings.00",
	 "number of a binding"},
	{"\"0\": \"x\"", "\"64\": \"x\"", -E2BIG, "kernels.fwd.bindings.64", "\"0\" to \"63\""},
	{"\"0\": \"x\"", "\"-1\": \"x\"", -EINVAL, "kernels.fwd.bindings.-1",
	 "number of a binding"},
	{"\"0\": \"x\"", "\"0\": 1", -EINVAL, "kernels.fwd.bindings.0", "must be a string"},
	{"{\"0\": \"t\"}}},", "{}}},", -EINVAL, "kernels.sum.bindings", "is empty"},
	{", \"bindings\": {\"0\": \"t\"}}}", "}}", -EINVAL, "kernels.sum",
	 "lacks the key \"bindings\""},
	{"{\"u32\": 64}", "64", -EINVAL, "kernels.fwd.specialization.3", "must be an object"},
	{"{\"u32\": 64}", "{}", -EINVAL, "kernels.fwd.specialization.3", "one value with its type"},
	{"{\"u32\": 64}", "{\"u32\": 1, \"f32\": 1}", -EINVAL, "kernels.fwd.specialization.3",
	 "one value"},
	{"{\"u32\": 64}", "{\"u64\": 64}", -EINVAL, "kernels.fwd.specialization.3",
	 "unknown key \"u64\"; the keys here are: u32, i32, f32"},
	{"{\"u32\": 64}", "{\"u32\": -1}", -EINVAL, "kernels.fwd.specialization.3.u32", "is -1"},
	{"{\"u32\": 64}", "{\"u32\": 4294967296}", -E2BIG, "kernels.fwd.specialization.3.u32",
	 "to 4294967295"},
	{"{\"f32\": 1}", "{\"f32\": 1e39}", -EINVAL, "kernels.fwd.specialization.5.f32",
	 "32-bit float"},
	{"{\"f32\": 1}", "{\"f32\": \"1\"}", -EINVAL, "kernels.fwd.specialization.5.f32",
	 "must be a number"},
	{"\"3\": {", "\"4294967296\": {", -E2BIG, "kernels.fwd.specialization.4294967296",
	 "number of a specialization constant"},
	{"\"u32\", \"f32\", \"i32\"", "\"u32\", \"f64\", \"i32\"", -EINVAL, "kernels.fwd.push[1]",
	 "none of: u32, i32, f32"},
	{"\"u32\", \"f32\", \"i32\"]",
	 "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,"
	 "33]",
	 -E2BIG, "kernels.fwd.push", "0 to 32 types, holds 33"},
};

static const struct bad bad_program[] = {
	{"\"loop\": \"epoch\"", "\"for\": \"epoch\"", -EINVAL, "program[0]",
	 "the key \"loop\" or the key \"dispatch\""},
	{"\"loop\": \"epoch\"", "\"loop\": \"2x\"", -EINVAL, "program[0].loop",
	 "is no name of a counter"},
	{"\"loop\": \"epoch\"", "\"loop\": \"\"", -EINVAL, "program[0].loop",
	 "is no name of a counter"},
	{"\"loop\": \"epoch\"", "\"loop\": \"min\"", -EINVAL, "program[0].loop", "is a function"},
	{"\"loop\": \"step\"", "\"loop\": \"epoch\"", -EINVAL, "program[0].body[0].loop",
	 "is the counter of a loop around"},
	{"\"count\": 10", "\"count\": 0", -EINVAL, "program[0].count", "is 0"},
	{"\"count\": 10", "\"count\": -1", -EINVAL, "program[0].count", "is -1"},
	{"\"count\": 10", "\"count\": \"10\"", -EINVAL, "program[0].count", "must be an integer"},
	{"\"count\": 10", "\"count\": 1099511627776", -E2BIG, "program[0].count",
	 "times the 21 dispatches"},
	{"\"count\": 10", "\"count\": 9223372036854775807", -E2BIG, "program[0].count", "must be"},
	{"\"count\": 10, ", "", -EINVAL, "program[0]", "lacks the key \"count\""},
	{"\"count\": 10", "\"count\": 10, \"dispatch\": \"fwd\"", -EINVAL, "program[0]",
	 "unknown key \"dispatch\""},
	{"{\"dispatch\": \"sum\", \"groups\": [1]}", "[]", -EINVAL, "program[0].body[1]",
	 "must be an object"},
	{"{\"dispatch\": \"sum\", \"groups\": [1]}",
	 "{\"loop\": \"i\", \"count\": 2, \"body\": []}", -EINVAL, "program[0].body[1].body",
	 "holds 0"},
	{"{\"dispatch\": \"sum\", \"groups\": [1]}",
	 "{\"loop\":\"a\",\"count\":1,\"body\":[{\"loop\":\"b\",\"count\":1,\"body\":["
	 "{\"loop\":\"c\",\"count\":1,\"body\":[{\"loop\":\"d\",\"count\":1,\"body\":["
	 "{\"loop\":\"e\",\"count\":1,\"body\":[{\"loop\":\"f\",\"count\":1,\"body\":["
	 "{\"dispatch\": \"sum\", \"groups\": [1]}]}]}]}]}]}]}",
	 -E2BIG, "program[0].body[1].body[0].body[0].body[0].body[0].body[0]",
	 "nested more than 6 deep"},
	{"\"dispatch\": \"fwd\"", "\"dispatch\": \"bwd\"", -EINVAL,
	 "program[0].body[0].body[0].dispatch", "there is no kernel \"bwd\""},
	{"\"(step+63)/64\"", "\"(stp+63)/64\"", -EINVAL, "program[0].body[0].body[0].groups[0]",
	 "\"stp\" is no loop counter in scope (epoch, step)"},
	{"\"(step+63)/64\"", "\"0.5\"", -EINVAL, "program[0].body[0].body[0].groups[0]",
	 "must be a whole number"},
	{"\"(step+63)/64\"", "0.5", -EINVAL, "program[0].body[0].body[0].groups[0]",
	 "must be an integer"},
	{"\"(step+63)/64\"", "-1", -EINVAL, "program[0].body[0].body[0].groups[0]", "is -1"},
	{"\"(step+63)/64\"", "null", -EINVAL, "program[0].body[0].body[0].groups[0]",
	 "must be a number or an expression"},
	{"\"(step+63)/64\"", "\"64/step\"", -ERANGE, "program[0].body[0].body[0].groups[0]",
	 "divides by zero at epoch = 0, step = 0"},
	{"\"(step+63)/64\"", "\"18-step\"", -ERANGE, "program[0].body[0].body[0].groups[0]",
	 "is -1; a group count is from 0 to 4294967295 at epoch = 9, step = 19"},
	{"\"(step+63)/64\"", "\"4294967295\"", 0, "", ""},
	{"[\"(step+63)/64\", 2, 3]", "[1000000, 1000000, 2]", -ERANGE,
	 "program[0].body[0].body[0].groups", "over 1099511627776 workgroups"},
	{"[5, 6]", "[5, 6, 7, 8]", -E2BIG, "program[1].groups", "holds 4"},
	{"[5, 6]", "[]", -EINVAL, "program[1].groups", "holds 0"},
	{"[5, 6]", "5", -EINVAL, "program[1].groups", "must be an array"},
	{", \"groups\": [5, 6]", "", -EINVAL, "program[1]", "lacks the key \"groups\""},
	{"[5, 6]", "[\"epoch\"]", -EINVAL, "program[1].groups[0]", "\"epoch\" is no loop counter"},
	{"\"epoch*3\", 0.05, -7", "1, 2", -EINVAL, "program[0].body[0].body[0].push",
	 "exactly 3 values"},
	{"\"epoch*3\", 0.05, -7", "-1, 2, 3", -EINVAL, "program[0].body[0].body[0].push[0]",
	 "is -1"},
	{"\"epoch*3\", 0.05, -7", "\"0-1\", 2, 3", -ERANGE, "program[0].body[0].body[0].push[0]",
	 "does not fit u32 at epoch = 0"},
	{"\"epoch*3\", 0.05, -7", "1, 2, \"2147483648\"", -ERANGE,
	 "program[0].body[0].body[0].push[2]", "does not fit i32"},
	{"\"epoch*3\", 0.05, -7", "1, 2, 2147483648", -E2BIG, "program[0].body[0].body[0].push[2]",
	 "to 2147483647"},
	{"\"epoch*3\", 0.05, -7", "1, 1e39, 3", -EINVAL, "program[0].body[0].body[0].push[1]",
	 "32-bit float"},
	{"\"push\": [\"epoch*3\", 0.05, -7], ", "", -EINVAL, "program[0].body[0].body[0]",
	 "the kernel \"fwd\" takes 3 values"},
	{"[5, 6]", "[5, 6], \"push\": [1]", -EINVAL, "program[1].push", "exactly 0 values"},
	{"{\"0\": \"t\"}}]", "{\"2\": \"t\"}}]", -EINVAL, "program[0].body[0].body[0].bind",
	 "has no binding 2"},
	{"{\"0\": \"t\"}}]", "{\"0\": \"q\"}}]", -EINVAL, "program[0].body[0].body[0].bind.0",
	 "there is no buffer \"q\""},
	{"[\"w\"]", "[]", -EINVAL, "outputs", "holds 0"},
	{"[\"w\"]", "\"w\"", -EINVAL, "outputs", "must be an array"},
	{"[\"w\"]", "[\"q\"]", -EINVAL, "outputs[0]", "there is no buffer \"q\""},
	{"[\"w\"]", "[\"x\"]", -EINVAL, "outputs[0]", "is no output"},
	{"[\"w\"]", "[\"w\", \"w\"]", -EINVAL, "outputs[1]", "stands here twice"},
	{",\n \"outputs\": [\"w\"]", "", -EINVAL, "", "lacks the key \"outputs\""},
};

static void check_rows(const struct bad *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *text = with(rows[i].find, rows[i].replace);
		struct job *j = NULL;
		struct error err = {};
		int r = job_parse(&j, text, strlen(text), &err);

		cr_expect_eq(r, rows[i].code, "%s: %d (%s: %s)", rows[i].replace, r, err.where,
			     err.what);
		if (!strncmp(rows[i].where, "line", 4))
			cr_expect(!strncmp(err.where, rows[i].where, strlen(rows[i].where)),
				  "%s: at %s", rows[i].replace, err.where);
		else
			cr_expect_str_eq(err.where, rows[i].where, "%s (%s)", rows[i].replace,
					 err.what);
		cr_expect(strstr(err.what, rows[i].what), "%s: says %s", rows[i].replace, err.what);
		cr_expect(r < 0 ? !j : !!j);
		job_free(j);
	}
}

Test(job_parse, bad_syntax)
{
	check_rows(bad_syntax, ARRAY_SIZE(bad_syntax));
}

Test(job_parse, bad_head)
{
	check_rows(bad_head, ARRAY_SIZE(bad_head));
}

Test(job_parse, bad_buffers)
{
	check_rows(bad_buffers, ARRAY_SIZE(bad_buffers));
}

Test(job_parse, bad_kernels)
{
	check_rows(bad_kernels, ARRAY_SIZE(bad_kernels));
}

Test(job_parse, bad_program)
{
	check_rows(bad_program, ARRAY_SIZE(bad_program));
}

Test(job_parse, every_cut_of_the_good_document_is_refused)
{
	for (size_t len = 0; len < sizeof(good) - 3; len++) {
		struct error err = {};
		struct job *j = NULL;

		cr_assert_eq(job_parse(&j, good, len, &err), -EINVAL, "cut at %zu", len);
		cr_assert(err.what[0]);
	}
}

/* One member of "buffers", "program" … repeated until it is too much. */
static char *repeated(const char *find, const char *before, const char *behind, int n)
{
	_cleanup_free_ char *list = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&list, &len);

	for (int i = 0; i < n; i++) {
		fprintf(f, "%s%d%s, ", before, i, behind);
	}
	fputs(find, f);
	fclose(f);
	return with(find, list);
}

Test(job_parse, counts_are_limited)
{
	static const struct {
		const char *find, *before, *behind;
		int n;
		const char *where, *what;
	} rows[] = {
		{"\"t\": {\"size\": 64}", "\"b", "\": {\"size\": 4}", 62, "buffers",
		 "holds 65 buffers; at most 64"},
		{"\"sum\": {\"spirv\"", "\"k",
		 "\": {\"spirv\": \"k\", \"bindings\": {\"0\": \"x\"}}", 63, "kernels",
		 "holds 65 kernels; at most 64"},
		{"{\"dispatch\": \"sum\", \"groups\": [5, 6]}",
		 "{\"dispatch\": \"sum\", \"groups\": [", "]}", 4092, "program[4093]",
		 "more than 4096 loops and dispatches"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *over =
			repeated(rows[i].find, rows[i].before, rows[i].behind, rows[i].n);
		_cleanup_free_ char *fits =
			repeated(rows[i].find, rows[i].before, rows[i].behind, rows[i].n - 1);
		struct error err = {};
		struct job *j = NULL;

		cr_expect_eq(job_parse(&j, over, strlen(over), &err), -E2BIG);
		cr_expect_str_eq(err.where, rows[i].where);
		cr_expect(strstr(err.what, rows[i].what), "%s", err.what);
		cr_assert_eq(job_parse(&j, fits, strlen(fits), &err), 0, "%s", err.what);
		job_free(j);
	}
}

Test(job_parse, a_document_past_the_limit_is_not_looked_at)
{
	_cleanup_free_ char *text = malloc(JOB_JSON_MAX + 1);
	struct error err = {};
	struct job *j = NULL;

	memset(text, ' ', JOB_JSON_MAX + 1);
	memcpy(text, good, sizeof(good) - 1);
	cr_expect_eq(job_parse(&j, text, JOB_JSON_MAX + 1, &err), -E2BIG);
	cr_expect(strstr(err.what, "262145 bytes"));
	cr_assert_eq(job_parse(&j, text, JOB_JSON_MAX, &err), 0);
	job_free(j);
}

Test(job_parse, an_error_may_go_unheard)
{
	struct job *j = NULL;

	cr_expect_eq(job_parse(&j, "{}", 2, NULL), -EINVAL);
}
