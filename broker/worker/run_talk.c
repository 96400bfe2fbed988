/* SPDX-License-Identifier: MIT */
/* Parking, checkpoints, eviction and the end: the device is free in all of them; see run.h. */
#include "broker/worker/run_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/worker/watchdog.h"
#include "libbroker/util/clock.h"

static int say(struct run *r, uint32_t type, const char *text)
{
	struct worker_msg msg = {.type = type,
				 .flags = type == WORKER_MSG_PARKED ? (uint32_t)r->serial : 0,
				 .device_ns = r->device_ns,
				 .dispatches_done = r->done.passed};
	int e;

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	e = control_send(r->control, &msg);
	return e < 0 ? RUN_EXIT(1) : RUN_ON;
}

int run_fail(struct run *r, const struct error *err)
{
	char text[WORKER_TEXT_MAX];

	snprintf(text, sizeof(text), "%.120s%s%.255s", err->where, *err->where ? ": " : "",
		 err->what);
	say(r, WORKER_MSG_FAILED, text);
	return RUN_EXIT(1);
}

void run_note(struct run *r, const char *fmt, ...)
{
	char text[WORKER_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(r, WORKER_MSG_NOTE, text);
}

static int protocol_error(struct run *r, uint32_t type)
{
	struct error err;

	error_set(&err, -EPROTO, "control socket", "message %u was not expected now", type);
	return run_fail(r, &err);
}

/* The next packet of type @want, past any WAKE; @fds has its descriptors. */
static int await(struct run *r, uint32_t want, struct control_fds *fds)
{
	for (;;) {
		struct worker_msg msg;
		int e = control_receive(r->control, &msg, fds);

		if (e == -EPIPE)
			return RUN_EXIT(0);
		if (e < 0)
			return RUN_EXIT(1);
		if (page_load(&r->pages.grant->state) == GRANT_STOP)
			return RUN_EXIT(0);
		if (msg.type == want)
			return RUN_ON;
		control_fds_close(fds);
		if (msg.type != WORKER_MSG_WAKE)
			return protocol_error(r, msg.type);
	}
}

int run_take_wake(struct run *r)
{
	struct control_fds fds;

	return await(r, WORKER_MSG_WAKE, &fds);
}

static int say_parked(struct run *r)
{
	lease_park(&r->lease);
	page_store(&r->pages.report->in_flight, 0);
	page_store(&r->pages.report->parked_ns, clock_now_ns());
	page_store(&r->pages.report->state, REPORT_PARKED);
	if (r->parked && r->parked_serial == r->serial)
		return RUN_ON;
	r->parked = true;
	r->parked_serial = r->serial;
	return say(r, WORKER_MSG_PARKED, "");
}

int run_park(struct run *r)
{
	int e = say_parked(r);

	watchdog_rest();
	return e ? e : run_take_wake(r);
}

static bool moved_on(const struct run *r)
{
	return memcmp(&r->saved, &r->done, sizeof(r->saved)) != 0;
}

static int to_host(struct run *r)
{
	VkResult result = vk_submit_to_host(&r->submit);
	struct error err;

	if (result == VK_SUCCESS)
		return RUN_ON;
	error_set(&err, -EIO, NULL, "%s", vk_result_text(result));
	return run_fail(r, &err);
}

/* What was written of a file that stays unfinished must not keep the disk full. */
static void give_back(const int *fds, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (ftruncate(fds[i], 0) < 0)
			continue; /* it is swept later */
}

static int write_checkpoint(struct run *r, int fd)
{
	struct checkpoint c;
	int e;

	task_checkpoint(&r->task, &r->done, &c);
	e = checkpoint_write(fd, &c);
	if (e < 0) {
		give_back(&fd, 1);
		run_note(r, "the checkpoint could not be written: %s; the last one stays",
			 strerror(-e));
		return RUN_ON;
	}
	r->saved = r->done;
	page_store(&r->pages.report->checkpoints, r->pages.report->checkpoints + 1);
	return say(r, WORKER_MSG_CHECKPOINT_WRITTEN, "");
}

int run_checkpoint(struct run *r)
{
	struct control_fds fds = {.n = 0};
	int e = RUN_ON;

	if (moved_on(r)) {
		watchdog_rest();
		e = to_host(r);
		lease_park(&r->lease);
		if (!e)
			e = say(r, WORKER_MSG_CHECKPOINT_WANT, "");
		if (!e)
			e = await(r, WORKER_MSG_CHECKPOINT_FILE, &fds);
		if (!e && fds.n) /* without a descriptor: not now */
			e = write_checkpoint(r, fds.fd[0]);
		control_fds_close(&fds);
	}
	r->checkpoint_at_ns = clock_now_ns() + page_load(&r->pages.grant->checkpoint_every_ns);
	return e;
}

int run_evict(struct run *r)
{
	int e = say_parked(r);

	if (!e)
		e = run_checkpoint(r);
	if (!e)
		e = say(r, WORKER_MSG_EVICTED, "");
	return e ? e : RUN_EXIT(0);
}

static int write_output(const struct run *r, uint32_t i, int fd)
{
	const struct vk_buffer *b = &r->task.buffers.buffer[r->task.job->outputs[i]];
	uint64_t at = 0;

	while (at < b->size) {
		ssize_t n = pwrite(fd, (const char *)b->data + at, b->size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (uint64_t)n;
	}
	return 0;
}

int run_finish(struct run *r)
{
	struct control_fds fds = {.n = 0};
	int e, w = 0;

	watchdog_rest();
	e = to_host(r);
	lease_park(&r->lease);
	page_store(&r->pages.report->in_flight, 0);
	page_store(&r->pages.report->state, REPORT_FINISHED);
	if (!e)
		e = say(r, WORKER_MSG_OUTPUTS_WANT, "");
	if (!e)
		e = await(r, WORKER_MSG_OUTPUT_FILES, &fds);
	if (!e && fds.n != r->task.job->n_outputs)
		e = protocol_error(r, WORKER_MSG_OUTPUT_FILES);
	for (uint32_t i = 0; !e && w == 0 && i < fds.n; i++)
		w = write_output(r, i, fds.fd[i]);
	if (w < 0)
		give_back(fds.fd, fds.n);
	control_fds_close(&fds);
	if (!e && w < 0) {
		run_note(r, "the outputs could not be written: %s", strerror(-w));
		e = say(r, WORKER_MSG_EVICTED, "");
	} else if (!e) {
		e = say(r, WORKER_MSG_DONE, "");
	}
	return e ? e : RUN_EXIT(0);
}
