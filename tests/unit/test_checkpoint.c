/* SPDX-License-Identifier: MIT */
/* The checkpoint's file: what was written comes back; any other byte anywhere is refused. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/worker/checkpoint.h"

static uint32_t first[100], second[7];

static void describe(struct checkpoint *c)
{
	*c = (struct checkpoint){.job = {1, 2, 3},
				 .cursor = {.step = 3, .counters = {4, 5}, .passed = 77},
				 .n_parts = 2,
				 .part = {{.index = 0, .data = first, .size = sizeof(first)},
					  {.index = 2, .data = second, .size = sizeof(second)}}};
}

static int written(void)
{
	int fd = io_memfd("checkpoint", NULL, 0);
	struct checkpoint c;

	for (uint32_t i = 0; i < 100; i++)
		first[i] = i * 3;
	memset(second, 9, sizeof(second));
	describe(&c);
	cr_assert_eq(checkpoint_write(fd, &c), 0);
	memset(first, 0, sizeof(first));
	memset(second, 0, sizeof(second));
	return fd;
}

Test(checkpoint, what_was_written_comes_back)
{
	int fd = written();
	struct checkpoint c, wanted;

	describe(&wanted);
	describe(&c);
	c.cursor = (struct program_cursor){};
	cr_assert_eq(checkpoint_read(fd, &c, NULL), 0);
	cr_assert_arr_eq(&c.cursor, &wanted.cursor, sizeof(c.cursor));
	for (uint32_t i = 0; i < 100; i++)
		cr_assert_eq(first[i], i * 3);
	cr_assert_eq(second[6], 0x09090909);
}

Test(checkpoint, any_changed_byte_is_refused)
{
	int fd = written();
	off_t size = lseek(fd, 0, SEEK_END);

	for (off_t at = 0; at < size; at++) {
		struct error err = {.what = ""};
		struct checkpoint c;
		uint8_t byte;
		int r;

		describe(&c);
		cr_assert_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 0x10;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
		r = checkpoint_read(fd, &c, &err);
		cr_assert(r == -EBADMSG || r == -ESTALE, "byte %d: %d", (int)at, r);
		cr_assert_str_not_empty(err.what);
		byte ^= 0x10;
		cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
	}
}

Test(checkpoint, any_other_length_is_refused)
{
	int fd = written();
	off_t size = lseek(fd, 0, SEEK_END);
	struct checkpoint c;

	describe(&c);
	cr_assert_eq(pwrite(fd, "x", 1, size), 1);
	cr_assert_eq(checkpoint_read(fd, &c, NULL), -EBADMSG);
	while (size-- > 0) {
		describe(&c);
		cr_assert_eq(ftruncate(fd, size), 0);
		cr_assert_eq(checkpoint_read(fd, &c, NULL), -EBADMSG, "%d bytes", (int)size);
	}
}

Test(checkpoint, that_of_another_job_is_refused)
{
	int fd = written();
	struct checkpoint c;
	struct error err;

	describe(&c);
	c.job[31] = 1;
	cr_assert_eq(checkpoint_read(fd, &c, &err), -ESTALE);
	cr_assert_str_eq(err.what, "it belongs to another job.json");
	describe(&c);
	c.part[1].index = 1;
	cr_assert_eq(checkpoint_read(fd, &c, &err), -EBADMSG);
	describe(&c);
	c.part[1].size -= 4;
	cr_assert_eq(checkpoint_read(fd, &c, &err), -EBADMSG);
	describe(&c);
	c.n_parts = 1;
	cr_assert_eq(checkpoint_read(fd, &c, &err), -EBADMSG);
}
