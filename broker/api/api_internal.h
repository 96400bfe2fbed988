/* SPDX-License-Identifier: MIT */
/*
 * The server inside: users, clients, calls.
 *
 * A client is one connection, a call one message of it that is being answered. Replies go out in
 * the order of the calls. Submit alone may run beside other Submits of its connection; any other
 * call starts when those before it have ended, so a client sees its own effects in order.
 *
 * Nothing is freed or sent while methods run: a client with something to do is put on the
 * server's list, and api_turn(), a timer at the end of the loop's round, does it. So replies of
 * one round leave in one system call, and no callback meets a client that just went.
 *
 * Limits go by uid as well as by connection, so one user cannot take another's share.
 */
#ifndef BROKER_API_API_INTERNAL_H
#define BROKER_API_API_INTERNAL_H

#include <jansson.h>
#include <sys/types.h>

#include "broker/api/api.h"
#include "libbroker/proto/varlink.h"
#include "libbroker/util/error.h"

#define API_CALLS_MAX        128 /* in flight, a connection */
#define API_CALL_FDS_MAX     128 /* descriptors that those calls hold together */
#define API_FDS_MAX          256 /* received and not yet used, a connection */
#define API_USER_FDS_MAX     768 /* the same, and those of calls in flight, a user */
#define API_USER_INPUT_MAX   (8u << 20) /* bytes of unread messages, a user */
#define API_STRANGER_INPUT   (64u << 10) /* bytes of a message of one who may only look */
#define API_OUTPUT_PAUSE     (64u << 10) /* no new call starts while more waits to be sent */
#define API_OUTPUT_MAX       (8u << 20) /* a client with more than this to read is dropped */
#define API_STALL_NS         (30 * NS_PER_S) /* a client that reads nothing for so long, too */
#define API_RESERVED_CLIENTS 16 /* for administrators, beyond the limit */
#define API_READ_CHUNK       (64u << 10)
#define API_TURN_CALLS       128 /* started for one client before others have their turn */
#define API_TICK_NS          (250 * NS_PER_MS)

#define STORE_ALL ((1u << (STORE_CANCELLED + 1)) - 1)

enum api_right {
	API_RIGHT_LOOK, /* gate, devices, sensors: who may connect */
	API_RIGHT_JOBS, /* submit, see and cancel its own */
	API_RIGHT_ADMIN,
};

struct api_peer {
	pid_t pid; /* when it connected; may be gone */
	uid_t uid;
	enum api_right right;
};

struct api_groups { /* (gid_t)-1: there is no such group */
	gid_t broker, admin;
};

struct api_user { /* what the connections of one uid hold together */
	struct api_user *next;
	uid_t uid;
	uint32_t clients;
	uint32_t fds;
	size_t input;
};

struct api_chunk { /* one reply on its way out */
	struct api_chunk *next;
	char *data;
	size_t len;
	int fd; /* goes along, or -1 */
};

struct client;
struct call;

struct method_param {
	const char *name;
	json_type type;
	bool optional; /* null, or left out */
};

#define METHOD_PARAMS_MAX 4

struct method {
	const char *interface, *name;
	enum api_right right;
	bool needs_more; /* has a stream of replies only */
	bool pipelined;
	void (*start)(struct call *call);
	struct method_param params[METHOD_PARAMS_MAX];
};

struct call {
	struct api *api; /* NULL: the server is gone */
	struct client *client; /* NULL: nobody waits for the reply */
	struct call *all_next, **all_prev; /* of the server */
	struct call *next; /* of the client */
	const struct method *method; /* NULL: a message that was no call */
	json_t *message;
	json_t *params; /* borrowed from it; never NULL */
	struct api_peer peer;
	bool more, oneway;
	bool finished;
	bool busy; /* a callback will come with this call */
	uint32_t n_fds; /* descriptors it holds on the user's account */
	struct api_chunk *reply; /* the last one, until it is this call's turn */
	/* The method's own: */
	void *state;
	void (*then)(struct call *call, const struct store_job *row); /* of job_row() */
	void (*drained)(struct call *call); /* all that was replied has been sent */
	void (*abandoned)(struct call *call); /* nobody waits any more, though it is still busy */
	void (*release)(struct call *call); /* of @state; the call ends */
};

struct client {
	struct api *api;
	struct client *next, **prev;
	struct client *turn_next; /* on the server's list of those with something to do */
	bool in_turn;
	int fd;
	struct loop_watch *watch;
	struct api_user *user;
	struct api_peer peer;
	struct varlink_reader reader;
	size_t input; /* as accounted to the user */
	int *fds; /* received, not yet used; -1: one that was refused */
	char *refused_why; /* the last refusal */
	uint32_t n_fds, room_fds;
	struct call *calls, **calls_end;
	uint32_t n_calls, calls_fds;
	struct call *waiting; /* read, but must not start yet */
	struct api_chunk *out, **out_end;
	size_t out_len, out_sent; /* bytes waiting; sent of the first */
	uint64_t stalled_ns; /* since when nothing could be sent; 0: it flows */
	bool starved; /* all messages that came are taken: read on */
	bool closing; /* no more input: send what there is, and go */
	bool peer_shut; /* the peer sends no more, but what it sent may not be read yet */
	bool half_closed; /* all of it is read */
	bool dead; /* drop it in api_turn() */
};

struct api {
	struct loop *loop;
	struct broker *broker;
	char *path;
	ino_t inode; /* of the socket's name: what is removed at the end */
	int fd; /* listens */
	int lock; /* held as long as this brokerd has the socket */
	struct loop_watch *watch;
	struct loop_timer *turn, *tick;
	struct api_groups groups;
	struct api_user *users;
	struct client *clients, *turn_list;
	struct call *calls;
	uint32_t n_clients, max_clients;
	uint64_t started_ns;
	uint64_t refused_told_ns;
	bool accept_paused;
	char chunk[API_READ_CHUNK];
};

/* api.c */
void api_want_turn(struct client *c);
void api_want_tick(struct api *api);

/* peer.c */
void peer_groups_find(struct api_groups *out);
/** peer_identify() - who is at the other end of @fd; 0 or -errno */
int peer_identify(int fd, const struct api_groups *groups, struct api_peer *out);

/* passed_fd.c */
/**
 * passed_fd_check() - is it safe to read from without ever waiting for a stranger?
 * @peer: who passed it, whose mounts are looked at too; 0: nobody
 * Return: 0 for a sealed memory file or a readable regular file of a local file system;
 * -EINVAL with words. Makes no call that a file system in user space could hold up.
 */
int passed_fd_check(int fd, pid_t peer, struct error *err);
/** passed_fd_close() - any of a stranger's; one that fails the check, off the loop's thread */
void passed_fd_close(int fd);

/* client.c */
int client_new(struct api *api, int fd, const struct api_peer *peer, struct api_user *user);
void client_free(struct client *c);
void client_turn(struct client *c); /* replies out, new calls in */
void client_tick(struct client *c, uint64_t now_ns);
bool client_needs_tick(const struct client *c);
void client_charge_fds(struct client *c, int32_t n);

/* client_out.c */
int client_push(struct client *c, json_t *message, int fd); /* takes both over */
void client_push_chunk(struct client *c, struct api_chunk *chunk);
int client_send(struct client *c); /* as much as goes; 0 or -errno of a dead peer */
struct api_chunk *chunk_new(json_t *message, int fd);
void chunk_free(struct api_chunk *chunk);

/* call.c */
struct call *call_new(struct client *c, json_t *message);
void call_free(struct call *call);
void call_start(struct call *call, const struct varlink_call *parsed);
/** call_reply() - the last reply; @params (may be NULL) and @fd are taken over */
void call_reply(struct call *call, json_t *params);
void call_reply_fd(struct call *call, json_t *params, int fd);
/** call_reply_more() - one of several; only when the caller asked for more */
void call_reply_more(struct call *call, json_t *params);
/** call_error() - @name with its interface; @params (may be NULL) are taken over */
void call_error(struct call *call, const char *name, json_t *params);
void call_invalid(struct call *call, const char *parameter);
void call_invalid_why(struct call *call, const char *parameter, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** call_fail() - an -errno with words as one of the interface's errors */
void call_fail(struct call *call, int code, const struct error *err);
void call_not_found(struct call *call, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void call_denied(struct call *call, const char *what);
/**
 * call_resume() - at the start of a callback that was given the call
 * Return: false when nobody waits any more: the call is gone then.
 */
bool call_resume(struct call *call);
bool call_may_see(const struct call *call, uint32_t uid);
json_t *call_param(const struct call *call, const char *name); /* NULL also for null */
/** call_take_fds() - the next @n of the connection, to @out; returns how many there were */
uint32_t call_take_fds(struct call *call, uint32_t n, int *out);
/** call_close_after() - the stream of descriptors may be out of step: reply, then hang up */
void call_close_after(struct call *call);

/* method_table.c */
const struct method *method_find(const char *name, size_t len, bool *interface_known);

/* job_json.c */
json_t *job_json(struct api *api, const struct store_job *row);
bool job_ended(const struct store_job *row);
/** job_row() - the row of parameter "id", if the caller may see it; else the call gets its error */
void job_row(struct call *call, void (*then)(struct call *call, const struct store_job *row));

/* methods_gate.c */
json_t *gate_json(struct api *api);
json_t *holds_json(uint32_t holds);

/* The methods. */
void method_get_info(struct call *call);
void method_get_interface_description(struct call *call);
void method_submit(struct call *call);
void method_missing_blobs(struct call *call);
void method_list(struct call *call);
void method_show(struct call *call);
void method_watch(struct call *call);
void method_wait(struct call *call);
void method_watch_gate(struct call *call);
void method_outputs(struct call *call);
void method_fetch(struct call *call);
void method_cancel(struct call *call);
void method_logs(struct call *call);
void method_get_gate(struct call *call);
void method_devices(struct call *call);
void method_usage(struct call *call);
void method_doctor(struct call *call);
void method_pause(struct call *call);
void method_resume(struct call *call);
void method_reload(struct call *call);
void method_status(struct call *call);

#endif
