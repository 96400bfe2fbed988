/* SPDX-License-Identifier: MIT */
/* Whole reads and writes, locks, sealed memory files, hexadecimal and SHA-256 of files. */
#ifndef LIBBROKER_UTIL_IO_H
#define LIBBROKER_UTIL_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SHA256_SIZE 32
#define SHA256_HEX  64

/** io_write_all() - until all is written; returns 0 or -errno */
int io_write_all(int fd, const void *data, size_t len);

/** io_read_all() - exactly @len bytes; returns 0, -errno, or -ENODATA at an early end */
int io_read_all(int fd, void *data, size_t len);

/**
 * io_read_file() - a whole file, with a zero byte behind it
 * @dirfd: AT_FDCWD or a directory
 * @max: more than this is -EFBIG
 * Return: length (the caller frees @out) or -errno.
 */
ssize_t io_read_file(int dirfd, const char *path, size_t max, char **out);

/** io_memfd() - a sealable memory file holding @len bytes of @data (may be NULL: zeros) */
int io_memfd(const char *name, const void *data, size_t len);

#define IO_LOCK_PATIENCE_MS 1000u

/**
 * io_lock() - flock() a file for ourselves, waiting @patience_ms for one who has it
 * A process that is killed while it starts another one leaves its locks to that one, until that
 * has called exec(): for a moment, but longer than a restart takes.
 * Return: 0, -EWOULDBLOCK: somebody else has it, or -errno.
 */
int io_lock(int fd, unsigned int patience_ms);

/** io_seal() - no change of content or size from now on; returns 0 or -errno */
int io_seal(int fd);

#define IO_FDS_MAX 200 /* with one message; below the kernel's SCM_MAX_FD of 253 */

/** io_send_fds() - a message with descriptors over a Unix socket; returns 0 or -errno */
int io_send_fds(int sock, const void *data, size_t len, const int *fds, unsigned int nfds);

/**
 * io_recv_fds() - one packet of a Unix socket, with the descriptors that came with it
 * @flags: of recvmsg(2)
 * @nfds: in: the room in @fds, at most IO_FDS_MAX; out: how many came, the caller's from then on
 * Return: its length, 0 at the end, or -errno with no descriptor left: -EMSGSIZE for one that is
 * longer than @len or brought more descriptors than there is room for.
 */
ssize_t io_recv_fds(int sock, void *data, size_t len, int flags, int *fds, unsigned int *nfds);

void hex_encode(char *out, const uint8_t *in, size_t n); /* 2n characters and a zero */
int hex_decode(uint8_t *out, const char *in, size_t n); /* lower case only; -EINVAL */

/** sha256_fd() - of a file from its start, with pread; returns 0 or -errno */
int sha256_fd(int fd, uint8_t out[SHA256_SIZE]);

#endif
