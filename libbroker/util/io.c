/* SPDX-License-Identifier: MIT */
/* Whole reads and writes; see io.h. */
#include "libbroker/util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "libbroker/util/cleanup.h"

#define HASH_CHUNK (256u << 10)

int io_lock(int fd, unsigned int patience_ms)
{
	for (unsigned int ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms++) {
		if (errno != EWOULDBLOCK || ms == patience_ms)
			return -errno;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return 0;
}

int io_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_read_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t io_read_file(int dirfd, const char *path, size_t max, char **out)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *buf = NULL;
	size_t len = 0, room = 4096;

	if (fd < 0)
		return -errno;
	buf = malloc(room + 1);
	while (buf) {
		ssize_t n = read(fd, buf + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
		if (len == room) {
			char *grown = realloc(buf, 2 * room + 1);

			if (!grown)
				return -ENOMEM;
			buf = grown;
			room *= 2;
		}
	}
	if (!buf)
		return -ENOMEM;
	buf[len] = '\0';
	*out = steal_ptr(buf);
	return (ssize_t)len;
}

int io_memfd(const char *name, const void *data, size_t len)
{
	_cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	if (!data) {
		if (ftruncate(fd, (off_t)len) < 0)
			return -errno;
		return steal_fd(&fd);
	}
	r = io_write_all(fd, data, len);
	if (r < 0)
		return r;
	return steal_fd(&fd);
}

int io_seal(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

int io_send_fds(int sock, const void *data, size_t len, const int *fds, unsigned int nfds)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
	} control = {};
	struct iovec iov = {.iov_base = (void *)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (nfds > IO_FDS_MAX)
		return -E2BIG;
	if (nfds) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : io_write_all(sock, (const char *)data + n, len - (size_t)n);
}

static unsigned int take_fds(struct msghdr *msg, int *fds)
{
	unsigned int n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t came = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds + n, CMSG_DATA(c), came * sizeof(int));
		n += (unsigned int)came;
	}
	return n;
}

ssize_t io_recv_fds(int sock, void *data, size_t len, int flags, int *fds, unsigned int *nfds)
{
	unsigned int room = *nfds < IO_FDS_MAX ? *nfds : IO_FDS_MAX;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(IO_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     /* Not CMSG_SPACE(): in its padding there is room for one more. */
			     .msg_controllen = CMSG_LEN(room * sizeof(int))};
	ssize_t n;

	*nfds = 0;
	do
		n = recvmsg(sock, &msg, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*nfds = take_fds(&msg, fds);
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	while (*nfds)
		close(fds[--*nfds]);
	return -EMSGSIZE;
}

void hex_encode(char *out, const uint8_t *in, size_t n)
{
	sodium_bin2hex(out, 2 * n + 1, in, n);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -EINVAL;
}

int hex_decode(uint8_t *out, const char *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(in[2 * i]);
		int low = high < 0 ? high : hex_digit(in[2 * i + 1]);

		if (low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int sha256_fd(int fd, uint8_t out[SHA256_SIZE])
{
	_cleanup_free_ uint8_t *buf = malloc(HASH_CHUNK);
	crypto_hash_sha256_state state;
	off_t at = 0;

	if (!buf)
		return -ENOMEM;
	crypto_hash_sha256_init(&state);
	for (;;) {
		ssize_t n = pread(fd, buf, HASH_CHUNK, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		crypto_hash_sha256_update(&state, buf, (unsigned long long)n);
		at += n;
	}
	crypto_hash_sha256_final(&state, out);
	return 0;
}
