/* SPDX-License-Identifier: MIT */
/*
 * libidlebroker: talk to brokerd, which lends this device's GPU to jobs while its owner does
 * not need it. Link with `pkg-config --libs idlebroker`.
 *
 * A connection is used by one thread at a time. Calls block until the broker has answered and
 * return 0 or more on success, a negative errno on failure; idlebroker_error() has the words.
 * The codes that calls share:
 *   -EACCES      not permitted to this user
 *   -ENOENT      no such job or output
 *   -EINVAL      an argument, a bundle or a configuration is wrong
 *   -EDQUOT      over a limit of the broker's configuration
 *   -EIO         the broker's disk or database does not take it
 *   -ETIMEDOUT   no answer within idlebroker_set_timeout()
 *   -EBUSY       the connection watches (see idlebroker_watch())
 *   -ECONNRESET  the broker is gone; connect again
 *   -EPROTO      the broker's answer was not understood
 *   -ENOMEM
 * After -ETIMEDOUT, -ECONNRESET or -EPROTO only idlebroker_close() makes sense.
 *
 * Results are made by the library, handed over by a pointer to a pointer, and freed whole with
 * idlebroker_free(). Later releases may append fields, so a program never copies a struct by
 * value, and lists are arrays of pointers with NULL at the end. Texts are UTF-8 and may come
 * from strangers (a job's name, say): make them safe before they reach a terminal.
 */
#ifndef IDLEBROKER_H
#define IDLEBROKER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

#define IDLEBROKER_SOCKET "/run/idlebroker/broker"

struct idlebroker; /* a connection */

enum idlebroker_job_state {
	IDLEBROKER_JOB_QUEUED = 0, /* waits, or was interrupted and will resume */
	IDLEBROKER_JOB_RUNNING = 1,
	IDLEBROKER_JOB_DONE = 2, /* this and what follows are ends */
	IDLEBROKER_JOB_FAILED = 3,
	IDLEBROKER_JOB_CANCELLED = 4,
};
#define IDLEBROKER_STATE_BIT(state) (1u << (state))

enum idlebroker_job_phase {
	IDLEBROKER_PHASE_WAITING = 0,
	IDLEBROKER_PHASE_STARTING = 1,
	IDLEBROKER_PHASE_RUNNING = 2,
	IDLEBROKER_PHASE_PARKED = 3, /* it has a worker; the device is free of it */
	IDLEBROKER_PHASE_ENDED = 4,
};

/* Times: seconds since 1970, 0 = not yet or none. Texts may be NULL where it says so. */
struct idlebroker_job {
	uint64_t id;
	uint32_t uid;
	int32_t priority; /* -10 to 10 */
	int32_t state; /* enum idlebroker_job_state */
	int32_t phase; /* enum idlebroker_job_phase */
	const char *name;
	const char *waits_for; /* a sentence, or NULL */
	const char *reason; /* why it failed or was cancelled, or NULL */
	const char *device; /* id of the device that it is on, or NULL */
	int64_t submitted_s, started_s, ended_s, deadline_s;
	uint64_t device_ns; /* time on the device so far */
	uint64_t device_limit_ns; /* 0 = none */
	uint64_t dispatches_done, dispatches_total; /* the progress */
	uint64_t memory; /* bytes of device memory */
	uint32_t runs; /* how often a worker was started for it */
	int32_t checkpoint; /* 1: there is one on the disk */
};

struct idlebroker_output {
	const char *name;
	const char *sha256; /* 64 hexadecimal digits */
	uint64_t size;
};

/* One reason why the gate is closed. */
struct idlebroker_hold {
	const char *name; /* "user-active" … */
	const char *why; /* a sentence for the owner */
	const char *clears; /* what will clear it */
	uint64_t age_ns; /* set for so long */
	uint64_t clear_in_ns; /* clears by itself then; UINT64_MAX: not by time alone */
};

struct idlebroker_gate_change {
	int64_t at_s;
	uint64_t ago_ns;
	const char *const *set; /* names of holds, NULL at the end; as the next two */
	const char *const *cleared;
	const char *const *holds; /* after the change; none: open */
};

struct idlebroker_gate {
	int32_t open; /* 1: open, no hold is set */
	uint32_t reserved;
	uint64_t opens, closes; /* since the broker started */
	const struct idlebroker_hold *const *holds;
	const struct idlebroker_gate_change *const *history; /* newest first, 20 at most */
};

struct idlebroker_device {
	const char *id; /* stable over reboots */
	const char *name, *driver;
	const char *node; /* "/dev/dri/renderD128", or NULL */
	int32_t software; /* 1: a software device */
	int32_t usable; /* 1: allowed, and able to compute */
	uint64_t job; /* that has a worker on it now; 0 = none */
};

/**
 * idlebroker_connect() - open a connection
 * @path: the socket; NULL: $IDLEBROKER_SOCKET, else IDLEBROKER_SOCKET
 * @out: written always: on failure a dead connection that holds the words, or NULL if there is
 *       no memory even for that
 * Return: 0; -ENOENT or -ECONNREFUSED: no broker there; -EACCES.
 */
int idlebroker_connect(struct idlebroker **out, const char *path);

/** idlebroker_close() - end a connection; NULL is fine. Jobs go on. */
void idlebroker_close(struct idlebroker *c);

/** idlebroker_error() - words for the last failure; never NULL; valid until the next call */
const char *idlebroker_error(const struct idlebroker *c);

/** idlebroker_free() - free a result, with all it points to; NULL is fine */
void idlebroker_free(const void *result);

/** idlebroker_version() - of the library: "1.2.3"; static */
const char *idlebroker_version(void);

/** idlebroker_set_timeout() - for each answer, in ms (not in _wait()); -1, as at first: for ever */
void idlebroker_set_timeout(struct idlebroker *c, int ms);

/**
 * idlebroker_submit() - hand in a bundle: a directory or tar file with job.json and its blobs
 * Checks it, asks which blobs the broker lacks, and sends those alone.
 * Return: 0 with *@id when all of it is on the broker's disk; -EINVAL: the words name the path
 * in job.json; -ENOENT: no such file; -EFBIG; -EDQUOT; -EIO …
 */
int idlebroker_submit(struct idlebroker *c, const char *path, uint64_t *id);

/**
 * idlebroker_list() - jobs that this user may see, in the order of their ids
 * @states: bits of IDLEBROKER_STATE_BIT(); 0 = all
 * @out: array with NULL at the end; idlebroker_free()
 * Return: how many.
 */
int idlebroker_list(struct idlebroker *c, unsigned int states,
		    const struct idlebroker_job *const **out);

/** idlebroker_show() - one job; idlebroker_free() */
int idlebroker_show(struct idlebroker *c, uint64_t id, const struct idlebroker_job **out);

/** idlebroker_wait() - block until the job has ended, however; idlebroker_free() */
int idlebroker_wait(struct idlebroker *c, uint64_t id, const struct idlebroker_job **out);

/** idlebroker_outputs() - of a job that is done (else -EINVAL); as idlebroker_list() */
int idlebroker_outputs(struct idlebroker *c, uint64_t id,
		       const struct idlebroker_output *const **out);

/**
 * idlebroker_fetch() - one output of a job that is done
 * @size: may be NULL
 * @sha256: 64 hexadecimal digits and a zero byte; may be NULL
 * Return: a descriptor at its start, for reading; the caller closes it.
 */
int idlebroker_fetch(struct idlebroker *c, uint64_t id, const char *output, uint64_t *size,
		     char sha256[65]);

/** idlebroker_cancel() - Return: 0; -EALREADY: it had ended. */
int idlebroker_cancel(struct idlebroker *c, uint64_t id);

/** idlebroker_logs() - the last lines about a job, as one text; idlebroker_free() */
int idlebroker_logs(struct idlebroker *c, uint64_t id, const char **out);

/** idlebroker_get_gate() - open or closed, why, and the last changes; idlebroker_free() */
int idlebroker_get_gate(struct idlebroker *c, const struct idlebroker_gate **out);

/** idlebroker_devices() - as idlebroker_list() */
int idlebroker_devices(struct idlebroker *c, const struct idlebroker_device *const **out);

/** idlebroker_pause() - close the gate for @seconds; 0: until idlebroker_resume() */
int idlebroker_pause(struct idlebroker *c, uint64_t seconds);
int idlebroker_resume(struct idlebroker *c);

/** idlebroker_reload() - have the configuration read again; -EINVAL: the old one stays */
int idlebroker_reload(struct idlebroker *c);

/* What a watch tells; one of the two is not NULL. Both are the library's, for the call alone. */
typedef void (*idlebroker_watch_fn)(void *data, const struct idlebroker_job *job,
				    const struct idlebroker_gate *gate);

/**
 * idlebroker_watch() - hear of changes, the present state first
 * @id: one job, until it has ended; 0: the gate and all jobs that this user may see
 * The connection then serves idlebroker_dispatch() only; other calls return -EBUSY.
 */
int idlebroker_watch(struct idlebroker *c, uint64_t id, idlebroker_watch_fn fn, void *data);

/** idlebroker_get_fd() - to poll for POLLIN; the library's. -EBADF on a dead connection */
int idlebroker_get_fd(const struct idlebroker *c);

/**
 * idlebroker_dispatch() - call the watch function for what has arrived
 * @timeout_ms: how long to wait for the first; 0: not at all; -1: for ever
 * The function may close nothing and make no call on this connection.
 * Return: how many calls were made (0: none arrived in time); -ENODATA: the watch has ended,
 * and the connection can be used again; -EINTR: a signal came.
 */
int idlebroker_dispatch(struct idlebroker *c, int timeout_ms);

/**
 * idlebroker_call() - any method of the interface io.idlebroker, JSON in and out
 * @method: "Status"
 * @parameters: a JSON object, or NULL
 * @out: the reply's parameters, a JSON object; idlebroker_free(). Descriptors are not offered.
 */
int idlebroker_call(struct idlebroker *c, const char *method, const char *parameters,
		    const char **out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
