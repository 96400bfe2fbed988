/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Looking: reading batteries and zones sleeps, so it happens in a process or in a work item, one at
 * a time, and what was found goes to the host in one go.
 *
 * Two work items: one that was asked for (an event came, or a deadline), and one that comes again
 * while only looking can tell; the host starts and stops that one, and it is the only timer. The
 * queue is frozen over a suspend: a battery is not read through a bus that sleeps.
 */
#include "look.h"

#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "core/gate.h"
#include "host.h"
#include "watch.h"

static DEFINE_MUTEX(look_mutex); /* one look at a time, and what it looks at stays as it is */
static struct gate_fact look_facts[LOOK_FACTS];
static struct workqueue_struct *look_queue;
static atomic_t look_wanted;

void look_add(struct look *look, const struct gate_fact *fact)
{
	if (!WARN_ON_ONCE(look->n == LOOK_FACTS))
		look->fact[look->n++] = *fact;
}

void look_add_sensor(struct look *look, u32 sensor, u32 state, u32 *told)
{
	if (*told == state)
		return;
	*told = state;
	look_add(look, &(struct gate_fact){
			       .kind = GATE_FACT_SENSOR,
			       .sensor = {.id = sensor, .state = state},
		       });
}

void look_now(u32 sensors)
{
	struct look look = {.fact = look_facts};
	u32 watched;

	mutex_lock(&look_mutex);
	watched = host_watched();
	if (watched & sensors & GATE_SENSOR_BIT(GATE_SENSOR_INPUT))
		watch_input_look(&look);
	if (watched & sensors & GATE_SENSOR_BIT(GATE_SENSOR_POWER))
		watch_power_look(&look);
	if (watched & sensors & GATE_SENSOR_BIT(GATE_SENSOR_THERMAL))
		watch_thermal_look(&look);
	host_looked(look.fact, look.n, sensors == LOOK_ALL);
	mutex_unlock(&look_mutex);
}

static void look_asked(struct work_struct *work)
{
	look_now(atomic_xchg(&look_wanted, 0));
}

static DECLARE_WORK(look_work, look_asked);

static void look_again(struct work_struct *work)
{
	look_now(LOOK_ALL);
}

static DECLARE_DELAYED_WORK(look_later, look_again);

void look_soon(u32 sensors)
{
	atomic_or(sensors, &look_wanted);
	queue_work(look_queue, &look_work);
}

void look_pace(bool on, u32 ms)
{
	static u32 pace_ms; /* 0: it does not come again */

	if (!on)
		cancel_delayed_work(&look_later);
	else if (ms != pace_ms) /* a shorter one must not wait for the end of a longer */
		mod_delayed_work(look_queue, &look_later, msecs_to_jiffies(ms));
	else
		queue_delayed_work(look_queue, &look_later, msecs_to_jiffies(ms));
	pace_ms = on ? ms : 0;
}

void look_change(void (*fn)(const void *data), const void *data)
{
	mutex_lock(&look_mutex);
	fn(data);
	mutex_unlock(&look_mutex);
}

void look_end(void)
{
	cancel_delayed_work_sync(&look_later);
	cancel_work_sync(&look_work);
}

int look_init(void)
{
	look_queue = alloc_workqueue("idlegate", WQ_UNBOUND | WQ_HIGHPRI | WQ_FREEZABLE, 0);
	return look_queue ? 0 : -ENOMEM;
}

void look_exit(void)
{
	destroy_workqueue(look_queue);
}
