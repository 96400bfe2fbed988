/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mistakes: one mistake of a driver for each checker of the debug kernel, made on purpose.
 *
 * A lane that is green because nothing looked is worth nothing. So before the real module is
 * tested, this one is loaded once for each kind, and each must be found in the kernel's log.
 * The mistake is made at load, which then fails with ECANCELED: nothing stays loaded.
 */
#include <linux/hrtimer.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *what = "";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "leak, use, sleep, order or timer");

static DEFINE_SPINLOCK(first);
static DEFINE_SPINLOCK(second);

/* Memory that nobody points to any more: kmemleak. */
static noinline void leak(void)
{
	void *volatile lost = kmalloc(200, GFP_KERNEL);

	lost = NULL;
}

/* Memory used after it was freed: KASAN. */
static noinline void use(void)
{
	volatile char *gone = kmalloc(32, GFP_KERNEL);

	if (!gone)
		return;
	kfree((void *)gone);
	gone[3] = 1;
}

/* Sleeping under a spinlock: DEBUG_ATOMIC_SLEEP. */
static noinline void sleep(void)
{
	spin_lock(&first);
	might_sleep();
	spin_unlock(&first);
}

/* Two locks in both orders, though never at once: PROVE_LOCKING. */
static noinline void order(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);
	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	spin_unlock(&second);
}

static enum hrtimer_restart expired(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

/* Memory freed while its timer is armed: DEBUG_OBJECTS. */
static noinline void timer(void)
{
	struct hrtimer *t = kmalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return;
	hrtimer_init(t, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	t->function = expired;
	hrtimer_start(t, ms_to_ktime(60000), HRTIMER_MODE_REL);
	kfree(t);
}

static const struct {
	const char *name;
	void (*make)(void);
} mistakes[] = {
	{"leak", leak}, {"use", use}, {"sleep", sleep}, {"order", order}, {"timer", timer},
};

static int __init mistakes_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (!strcmp(what, mistakes[i].name)) {
			mistakes[i].make();
			return -ECANCELED;
		}
	}
	return -EINVAL;
}

module_init(mistakes_init);
MODULE_DESCRIPTION("Mistakes that the debug kernel must find");
MODULE_LICENSE("GPL");
