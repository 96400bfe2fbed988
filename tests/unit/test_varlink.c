/* SPDX-License-Identifier: MIT */
/* Framing: every cut of the stream, every limit from both sides, and what is no message. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/proto/interface.h"
#include "libbroker/proto/varlink.h"

static int next(struct varlink_reader *r, json_t **out)
{
	struct error err = {};
	int result = varlink_reader_next(r, out, &err);

	if (result < 0)
		cr_assert(err.what[0], "an error without words");
	return result;
}

/* One message of its own reader: what next() says. */
static int single(const char *text, size_t len)
{
	struct varlink_reader r;
	json_t *message = NULL;
	int result;

	varlink_reader_init(&r);
	result = varlink_reader_push(&r, text, len);
	if (!result)
		result = next(&r, &message);
	json_decref(message);
	varlink_reader_deinit(&r);
	return result;
}

Test(varlink, any_cut_of_the_stream_gives_the_same_messages)
{
	static const char stream[] = "{\"a\":1}\0{\"b\":\"\xc3\xa4\"}\0{\"c\":[{}]}";
	const size_t len = sizeof(stream); /* the last NUL included */

	for (size_t cut = 0; cut <= len; cut++) {
		struct varlink_reader r;
		json_t *message;
		int seen = 0;

		varlink_reader_init(&r);
		cr_assert_eq(varlink_reader_push(&r, stream, cut), 0);
		for (int part = 0; part < 2; part++) {
			while (next(&r, &message) == 1) {
				const char *key = json_object_iter_key(json_object_iter(message));

				cr_assert_eq(key[0], 'a' + seen++);
				json_decref(message);
			}
			if (!part)
				cr_assert_eq(varlink_reader_push(&r, stream + cut, len - cut), 0);
		}
		cr_assert_eq(seen, 3, "cut at %zu", cut);
		cr_assert_null(r.buf, "an empty reader keeps no buffer");
		varlink_reader_deinit(&r);
	}
}

Test(varlink, byte_by_byte)
{
	static const char stream[] = "{\"method\":\"a.b\"}";
	struct varlink_reader r;
	json_t *message = NULL;

	varlink_reader_init(&r);
	for (size_t i = 0; i < sizeof(stream); i++) {
		cr_assert_eq(next(&r, &message), 0);
		cr_assert_eq(varlink_reader_push(&r, stream + i, 1), 0);
	}
	cr_assert_eq(next(&r, &message), 1);
	json_decref(message);
	varlink_reader_deinit(&r);
	varlink_reader_deinit(&r);
}

Test(varlink, what_is_no_message_is_refused)
{
	static const struct {
		const char *text;
		size_t len;
		int result;
	} cases[] = {
#define TEXT(s) s, sizeof(s)
		{TEXT("{}"), 1},
		{TEXT(""), -EBADMSG},
		{TEXT("[]"), -EBADMSG},
		{TEXT("1"), -EBADMSG},
		{TEXT("{"), -EBADMSG},
		{TEXT("{} {}"), -EBADMSG},
		{TEXT("{\"a\":1,\"a\":2}"), -EBADMSG},
		{TEXT("{\"a\":\"\xff\"}"), -EBADMSG},
		{TEXT("{\"a\":\"\xed\xa0\x80\"}"), -EBADMSG}, /* a surrogate */
		{TEXT("{\"a\":\"\\u0000\"}"), -EBADMSG},
		{TEXT("{\"a\":1e999}"), -EBADMSG},
		{TEXT("{\"a\":99999999999999999999}"), -EBADMSG},
		{TEXT("}}}}"), -EBADMSG},
		{TEXT("{\"\\"), -EBADMSG},
		{TEXT("\x7f"
		      "ELF"),
		 -EBADMSG},
#undef TEXT
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(single(cases[i].text, cases[i].len), cases[i].result, "%s",
			     cases[i].text);
}

static char *nested(unsigned int depth)
{
	char *text = calloc(1, 16 + 2 * depth), *p = text;

	p = stpcpy(p, "{\"a\":");
	memset(p, '[', depth - 1);
	memset(p + depth - 1, ']', depth - 1);
	strcpy(p + 2 * (depth - 1), "}");
	return text;
}

Test(varlink, depth_has_a_limit_and_brackets_in_strings_do_not_count)
{
	char *fits = nested(VARLINK_DEPTH_MAX), *over = nested(VARLINK_DEPTH_MAX + 1);
	char *abyss = nested(400000);

	cr_assert_eq(single(fits, strlen(fits) + 1), 1);
	cr_assert_eq(single(over, strlen(over) + 1), -EBADMSG);
	cr_assert_eq(single(abyss, strlen(abyss) + 1), -EBADMSG);
	memset(abyss + 5, '[', 799998);
	abyss[5] = abyss[800002] = '"';
	strcpy(abyss + 800003, "}");
	cr_assert_eq(single(abyss, strlen(abyss) + 1), 1);
	free(fits);
	free(over);
	free(abyss);
}

Test(varlink, the_number_of_values_has_a_limit)
{
	size_t n = VARLINK_VALUES_MAX - 3;
	char *text = malloc(2 * n + 16), *p;

	for (int over = 0; over < 2; over++) {
		p = stpcpy(text, "{\"a\":[1");
		for (size_t i = 0; i < n + (size_t)over; i++)
			p = stpcpy(p, ",1");
		strcpy(p, "]}");
		cr_assert_eq(single(text, strlen(text) + 1), over ? -EBADMSG : 1);
	}
	free(text);
}

Test(varlink, size_has_a_limit_with_and_without_a_nul)
{
	char *text = malloc(VARLINK_MESSAGE_MAX + 1);
	struct varlink_reader r;
	int err = 0;

	memset(text, 'x', VARLINK_MESSAGE_MAX + 1);
	memcpy(text, "{\"a\":\"", 6);
	memcpy(text + VARLINK_MESSAGE_MAX - 3, "\"}", 3);
	cr_assert_eq(single(text, VARLINK_MESSAGE_MAX), 1);
	memset(text + VARLINK_MESSAGE_MAX - 3, 'x', 3);
	memcpy(text + VARLINK_MESSAGE_MAX - 2, "\"}", 3);
	cr_assert_eq(single(text, VARLINK_MESSAGE_MAX + 1), -EBADMSG);

	varlink_reader_init(&r);
	for (size_t sent = 0; !err; sent += 4096) {
		cr_assert_leq(sent, VARLINK_MESSAGE_MAX);
		cr_assert_leq(r.room, 2 * VARLINK_MESSAGE_MAX);
		err = varlink_reader_push(&r, text, 4096);
	}
	cr_assert_eq(err, -EMSGSIZE);
	varlink_reader_deinit(&r);
	free(text);
}

Test(varlink, whole_messages_that_nobody_takes_have_a_limit)
{
	static const char message[1024] = "{}"; /* and 1022 empty messages */
	struct varlink_reader r;
	size_t sent = 0;

	varlink_reader_init(&r);
	while (!varlink_reader_push(&r, message, sizeof(message)))
		sent += sizeof(message);
	cr_assert_eq(sent, VARLINK_BUFFER_MAX);
	varlink_reader_deinit(&r);
}

static int parse_call(const char *text, struct varlink_call *call)
{
	json_t *message = json_loads(text, 0, NULL);
	struct error err;
	int r;

	cr_assert_not_null(message);
	r = varlink_call_parse(call, message, &err);
	json_decref(message);
	return r;
}

Test(varlink, calls)
{
	static const struct {
		const char *text;
		int result;
		bool more, oneway, parameters;
	} cases[] = {
		{"{\"method\":\"a.B\"}", 0, false, false, false},
		{"{\"method\":\"a.B\",\"parameters\":{}}", 0, false, false, true},
		{"{\"method\":\"a.B\",\"parameters\":null}", 0, false, false, false},
		{"{\"method\":\"a.B\",\"more\":true}", 0, true, false, false},
		{"{\"method\":\"a.B\",\"oneway\":true,\"more\":false}", 0, false, true, false},
		{"{}", -EBADMSG, false, false, false},
		{"{\"method\":1}", -EBADMSG, false, false, false},
		{"{\"method\":\"B\"}", -EBADMSG, false, false, false},
		{"{\"method\":\"a.B\",\"parameters\":[]}", -EBADMSG, false, false, false},
		{"{\"method\":\"a.B\",\"more\":1}", -EBADMSG, false, false, false},
		{"{\"method\":\"a.B\",\"more\":true,\"oneway\":true}", -EBADMSG, false, false,
		 false},
		{"{\"method\":\"a.B\",\"upgrade\":true}", -EBADMSG, false, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct varlink_call call;

		cr_assert_eq(parse_call(cases[i].text, &call), cases[i].result, "%s",
			     cases[i].text);
		if (cases[i].result)
			continue;
		cr_assert_eq(call.more, cases[i].more);
		cr_assert_eq(call.oneway, cases[i].oneway);
		cr_assert_eq(call.parameters != NULL, cases[i].parameters);
	}
}

Test(varlink, replies)
{
	static const struct {
		const char *text;
		int result;
		bool error, continues;
	} cases[] = {
		{"{}", 0, false, false},
		{"{\"parameters\":{\"id\":1}}", 0, false, false},
		{"{\"error\":\"a.B\",\"parameters\":{}}", 0, true, false},
		{"{\"continues\":true}", 0, false, true},
		{"{\"error\":3}", -EBADMSG, false, false},
		{"{\"parameters\":3}", -EBADMSG, false, false},
		{"{\"continues\":\"yes\"}", -EBADMSG, false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *message = json_loads(cases[i].text, 0, NULL);
		struct varlink_reply reply;
		struct error err;

		cr_assert_eq(varlink_reply_parse(&reply, message, &err), cases[i].result, "%s",
			     cases[i].text);
		cr_assert_eq(reply.error != NULL, cases[i].error);
		cr_assert_eq(reply.continues, cases[i].continues);
		json_decref(message);
	}
}

Test(varlink, what_is_encoded_can_be_read_again)
{
	json_t *message = json_pack("{s:s, s:{s:s, s:I}}", "method", "a.B", "parameters", "text",
				    "\"\\\n\xc3\xa4", "n", (json_int_t)-1);
	struct varlink_reader r;
	json_t *again = NULL;
	size_t len;
	char *bytes = varlink_encode(message, &len);

	cr_assert_eq(bytes[len - 1], '\0');
	cr_assert_eq(strlen(bytes), len - 1);
	varlink_reader_init(&r);
	cr_assert_eq(varlink_reader_push(&r, bytes, len), 0);
	cr_assert_eq(next(&r, &again), 1);
	cr_assert(json_equal(message, again));
	json_decref(message);
	json_decref(again);
	free(bytes);
	varlink_reader_deinit(&r);
}

Test(varlink, the_interface_is_compiled_in_whole)
{
	static const char last[] = "error ConfigError (path: string, message: string)\n";
	size_t len = strlen(interface_text);

	cr_assert_eq(strncmp(interface_text, "# Idlebroker", 12), 0);
	cr_assert_not_null(strstr(interface_text, "\ninterface " INTERFACE_NAME "\n"));
	cr_assert_str_eq(interface_text + len - strlen(last), last);
}
