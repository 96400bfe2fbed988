/* SPDX-License-Identifier: MIT */
/*
 * Durably accepted submissions a second, through the real daemon's socket: one connection with
 * IN-FLIGHT calls pipelined on it. The client does nothing but copy bytes, so that the daemon
 * is what is measured: the call is made once, and only the job's number is written into it.
 *
 * usage: bench_submit SOCKET JOB-JSON SHA256 BLOB COUNT IN-FLIGHT
 * JOB-JSON is a packed job.json with ######## where each job has its number, SHA256 its one
 * blob's name, which is passed along with the first job; that one is not counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libbroker/util/clock.h"

#define CALL_MAX 16384
#define MARK     "########"
#define DIGITS   8
#define JOBS_MAX 99999999u

struct bench {
	int sock;
	char call[CALL_MAX]; /* "{...}\0", with the mark in it */
	size_t len;
	char *mark;
	unsigned int sent, answered, errors;
	char reply[4096]; /* the reply that is being read */
	size_t reply_len;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_submit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void usage(const char *what)
{
	fprintf(stderr, "bench_submit: %s\n", what);
	exit(2);
}

static void make_call(struct bench *b, const char *path, const char *sha256, bool with_fd)
{
	FILE *f = fopen(path, "r");
	size_t n;
	int c;

	if (!f)
		die(path);
	n = (size_t)snprintf(b->call, CALL_MAX,
			     "{\"method\":\"io.idlebroker.Submit\",\"parameters\":{\"blobs\":"
			     "[{\"sha256\":\"%s\"%s}],\"job\":\"",
			     sha256, with_fd ? ",\"fd\":0" : "");
	while ((c = getc(f)) != EOF && n < CALL_MAX - 8) {
		if (c == '"' || c == '\\')
			b->call[n++] = '\\';
		if (c >= ' ')
			b->call[n++] = (char)c;
	}
	if (c != EOF)
		usage("the job is too long");
	fclose(f);
	memcpy(b->call + n, "\"}}", 4);
	b->len = n + 4;
	b->mark = strstr(b->call, MARK);
	if (!b->mark)
		usage("the job has no " MARK);
}

static void number_call(struct bench *b)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%08u", ++b->sent);
	memcpy(b->mark, digits, DIGITS);
}

static void send_all(int sock, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(sock, data, len, MSG_NOSIGNAL);

		if (n < 0)
			die("send");
		data += n;
		len -= (size_t)n;
	}
}

static void send_first(struct bench *b, int blob)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = {.iov_base = b->call, .iov_len = b->len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &blob, sizeof(int));
	number_call(b);
	if (sendmsg(b->sock, &msg, MSG_NOSIGNAL) != (ssize_t)b->len)
		die("sendmsg");
}

static void take_reply(struct bench *b)
{
	b->reply[b->reply_len] = '\0';
	b->reply_len = 0;
	b->answered++;
	if (strstr(b->reply, "\"error\"") && !b->errors++)
		fprintf(stderr, "bench_submit: %s\n", b->reply);
}

/* Waits for at least one reply, and takes all that came. */
static void take_replies(struct bench *b)
{
	unsigned int before = b->answered;

	while (b->answered == before) {
		char buf[16384];
		ssize_t n = recv(b->sock, buf, sizeof(buf), 0);

		if (n <= 0)
			die("recv");
		for (ssize_t i = 0; i < n; i++) {
			if (!buf[i])
				take_reply(b);
			else if (b->reply_len < sizeof(b->reply) - 1)
				b->reply[b->reply_len++] = buf[i];
		}
	}
}

static double submit_all(struct bench *b, unsigned int count, unsigned int in_flight)
{
	size_t len = 0, room = in_flight * b->len;
	char *out = malloc(room);
	uint64_t start = clock_now_ns();

	if (!out)
		die("malloc");
	b->sent = b->answered = 0;
	while (b->answered < count) {
		while (b->sent < count && b->sent - b->answered < in_flight) {
			number_call(b);
			memcpy(out + len, b->call, b->len);
			len += b->len;
		}
		send_all(b->sock, out, len);
		len = 0;
		take_replies(b);
	}
	free(out);
	return count / ((double)(clock_now_ns() - start) / 1e9);
}

static int dial(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(path);
	return sock;
}

int main(int argc, char **argv)
{
	static struct bench b;
	unsigned int count, in_flight;
	double per_s;
	int blob;

	if (argc != 7)
		usage("usage: bench_submit SOCKET JOB-JSON SHA256 BLOB COUNT IN-FLIGHT");
	count = (unsigned int)atoi(argv[5]);
	in_flight = (unsigned int)atoi(argv[6]);
	if (!count || !in_flight || count > JOBS_MAX || in_flight > count)
		usage("1 <= IN-FLIGHT <= COUNT <= 99999999");
	blob = open(argv[4], O_RDONLY | O_CLOEXEC);
	if (blob < 0)
		die(argv[4]);
	b.sock = dial(argv[1]);
	make_call(&b, argv[2], argv[3], true);
	send_first(&b, blob);
	take_replies(&b);
	make_call(&b, argv[2], argv[3], false);
	per_s = submit_all(&b, count, in_flight);
	printf("{\"submit_per_s\": %.0f}\n", per_s);
	return b.errors != 0;
}
