/* SPDX-License-Identifier: MIT */
/* The gate for clients: its holds with their words, its last changes, and the owner's pause. */
#include "broker/api/api_internal.h"

#define PAUSE_MAX_S (366ll * 24 * 3600)

json_t *holds_json(uint32_t holds)
{
	json_t *list = json_array();

	for (uint32_t h = 0; h < IDLEGATE_HOLD_COUNT; h++)
		if (holds & IDLEGATE_HOLD_BIT(h))
			json_array_append_new(list, json_string(gate_hold_info(h)->name));
	return list;
}

static json_int_t ago(uint64_t then_ns, uint64_t now_ns)
{
	return then_ns < now_ns ? (json_int_t)(now_ns - then_ns) : 0;
}

static json_t *hold_json(const struct idlegate_state *gate, uint32_t h, uint64_t now_ns)
{
	const struct gate_hold_info *info = gate_hold_info(h);
	json_t *j = json_pack("{s:s, s:s, s:s, s:I}", "name", info->name, "why", info->why,
			      "clears", info->clears, "age_ns", ago(gate->since_ns[h], now_ns));

	if (j && gate->clear_at_ns[h] != IDLEGATE_NEVER)
		json_object_set_new(j, "clear_in_ns",
				    json_integer(ago(now_ns, gate->clear_at_ns[h])));
	return j;
}

static json_t *history_json(struct gatehost *g, uint64_t now_ns)
{
	struct gatehost_change changes[GATEHOST_HISTORY];
	unsigned int n = gatehost_history(g, changes);
	json_t *list = json_array();

	for (unsigned int i = 0; i < n; i++)
		json_array_append_new(list, json_pack("{s:I, s:I, s:o, s:o, s:o}", "at_s",
						      (json_int_t)changes[i].at_s, "ago_ns",
						      ago(changes[i].at_ns, now_ns), "set",
						      holds_json(changes[i].set), "cleared",
						      holds_json(changes[i].cleared), "holds",
						      holds_json(changes[i].holds)));
	return list;
}

json_t *gate_json(struct api *api)
{
	struct gatehost *g = broker_gate(api->broker);
	json_t *holds = json_array(), *j;
	struct idlegate_state gate;
	uint64_t now;

	gatehost_state(g, &gate);
	now = clock_now_ns();
	for (uint32_t h = 0; h < IDLEGATE_HOLD_COUNT; h++)
		if (gate.holds & IDLEGATE_HOLD_BIT(h))
			json_array_append_new(holds, hold_json(&gate, h, now));
	j = json_pack("{s:b, s:o, s:I, s:I, s:o}", "open", gate.holds == 0, "holds", holds, "opens",
		      (json_int_t)gate.opens, "closes", (json_int_t)gate.closes, "history",
		      history_json(g, now));
	if (j && gate.changed_ns)
		json_object_set_new(j, "changed_ago_ns", json_integer(ago(gate.changed_ns, now)));
	if (j && gate.input_ns)
		json_object_set_new(j, "input_ago_ns", json_integer(ago(gate.input_ns, now)));
	return j;
}

void method_get_gate(struct call *call)
{
	call_reply(call, json_pack("{s:o}", "gate", gate_json(call->api)));
}

void method_pause(struct call *call)
{
	json_t *param = call_param(call, "seconds");
	json_int_t seconds = json_integer_value(param);

	if (param && (seconds < 1 || seconds > PAUSE_MAX_S)) {
		call_invalid_why(call, "seconds", "it takes 1 to %lld, or nothing: until Resume",
				 PAUSE_MAX_S);
		return;
	}
	broker_pause(call->api->broker, (uint64_t)seconds * NS_PER_S);
	call_reply(call, NULL);
}

void method_resume(struct call *call)
{
	broker_resume(call->api->broker);
	call_reply(call, NULL);
}
