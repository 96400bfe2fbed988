/* SPDX-License-Identifier: MIT */
/* Bundles as directories, their packed form, and the round trip between the two. */
#include <errno.h>
#include <linux/limits.h>

#include "libbroker/job/bundle.h"
#include "libbroker/util/cleanup.h"
#include "tests/unit/bundle_fixture.h"

TestSuite(bundle, .init = fixture_setup, .fini = fixture_teardown);

static struct bundle *open_good(const char *path)
{
	struct error err = {};
	struct bundle *b = NULL;

	cr_assert_eq(bundle_open(&b, path, FIXTURE_LIMIT, &err), 0, "%s: %s", err.where, err.what);
	return b;
}

/* Writes the packed form beside the directory's files; its bytes. */
static struct fixture_tar pack(const struct bundle *b, const char *name)
{
	struct fixture_tar t = {};
	struct error err = {};
	char path[160], *data = NULL;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fixture_dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(bundle_write_tar(b, fd, &err), 0, "%s: %s", err.where, err.what);
	close(fd);
	len = io_read_file(AT_FDCWD, path, FIXTURE_LIMIT, &data);
	cr_assert_geq(len, 0);
	t.data = data;
	t.len = (size_t)len;
	return t;
}

Test(bundle, a_directory)
{
	struct bundle *b = open_good(fixture_dir);
	char x[SHA256_HEX + 1], bytes[8];

	fixture_hex(x, fixture_x, sizeof(fixture_x));
	cr_assert_eq(b->n_blobs, 2, "equal files are one blob: %u", b->n_blobs);
	cr_assert_eq(b->job->n_blobs, 2);
	cr_expect_str_eq(b->job->blobs[0].ref, x);
	cr_expect_eq(b->job->buffers[0].blob, b->job->buffers[1].blob);
	cr_expect_eq(b->blobs[0].size, sizeof(fixture_x));
	cr_assert_eq(pread(b->blobs[0].fd, bytes, 8, 0), 8);
	cr_expect(!memcmp(bytes, fixture_x, 8));
	cr_expect_eq(b->json_len, strlen(b->json));
	cr_expect(strstr(b->json,
			 "{\"version\":1,\"kind\":\"vulkan\",\"name\":\"tiny\",\"buffers\""));
	cr_expect(!strstr(b->json, "x.bin"));
	bundle_free(b);
}

Test(bundle, packed_and_unpacked_are_the_same_and_always_the_same_bytes)
{
	struct bundle *dir = open_good(fixture_dir), *packed, *unpacked;
	struct fixture_tar first = pack(dir, "a.tar"), second;
	char path[PATH_MAX], command[400];

	snprintf(path, sizeof(path), "%s/a.tar", fixture_dir);
	packed = open_good(path);
	cr_expect_str_eq(packed->json, dir->json);
	second = pack(packed, "b.tar");
	cr_assert_eq(first.len, second.len);
	cr_expect(!memcmp(first.data, second.data, first.len));
	snprintf(command, sizeof(command),
		 "cd %s && mkdir out && tar -xf a.tar -C out && gzip -k a.tar && "
		 "touch -d 2001-01-01 x.bin",
		 fixture_dir);
	cr_assert_eq(system(command), 0, "tar(1) reads it");
	snprintf(path, sizeof(path), "%s/out", fixture_dir);
	unpacked = open_good(path);
	cr_expect_str_eq(unpacked->json, dir->json);
	bundle_free(unpacked);
	snprintf(path, sizeof(path), "%s/a.tar.gz", fixture_dir);
	unpacked = open_good(path);
	cr_expect_str_eq(unpacked->json, dir->json);
	free(second.data);
	second = pack(unpacked, "c.tar");
	cr_expect(second.len == first.len && !memcmp(first.data, second.data, first.len));
	free(first.data);
	free(second.data);
	bundle_free(unpacked);
	bundle_free(packed);
	bundle_free(dir);
}

Test(bundle, the_packed_form_is_sorted_and_of_nobody)
{
	struct bundle *b = open_good(fixture_dir);
	struct fixture_tar t = pack(b, "a.tar");
	size_t at = 512 + (b->json_len + 511) / 512 * 512;

	cr_expect_eq(t.len % 512, 0);
	cr_expect_str_eq(t.data, "job.json");
	cr_expect(!memcmp(t.data + 100, "0000444\0000000000\0000000000", 24));
	cr_expect(!memcmp(t.data + 136, "00000000000", 11));
	cr_expect(!memcmp(t.data + at, "blobs/", 6));
	cr_expect_lt(strcmp(t.data + at, t.data + at + 1024), 0);
	cr_expect_eq(at + 2 * 1024 + 1024, t.len);
	free(t.data);
	bundle_free(b);
}

Test(bundle, a_file_that_changes_while_it_is_packed_is_noticed)
{
	struct bundle *b = open_good(fixture_dir);
	struct error err = {};
	int fd = open("/dev/null", O_WRONLY);

	fixture_file("x.bin", "87654321", 8);
	fixture_file("x2.bin", "87654321", 8);
	cr_expect_eq(bundle_write_tar(b, fd, &err), -EINVAL);
	cr_expect(strstr(err.what, "changed while"), "%s", err.what);
	fixture_file("x.bin", "8765", 4);
	fixture_file("x2.bin", "8765", 4);
	cr_expect_eq(bundle_write_tar(b, fd, &err), -EINVAL);
	cr_expect(strstr(err.what, "changed while"), "%s", err.what);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	cr_expect_eq(bundle_write_tar(b, fd, &err), -ENOSPC);
	close(fd);
	bundle_free(b);
}

static void expect_refused(const char *path, uint64_t limit, int code, const char *where,
			   const char *what)
{
	struct error err = {};
	struct bundle *b = NULL;
	int r = bundle_open(&b, path, limit, &err);

	cr_expect_eq(r, code, "%s: %d, %s: %s", what, r, err.where, err.what);
	cr_expect_str_eq(err.where, where, "%s: %s", err.where, err.what);
	cr_expect(strstr(err.what, what), "%s: %s", what, err.what);
	cr_expect_null(b);
}

static void shell(const char *command)
{
	char line[400];

	snprintf(line, sizeof(line), "cd %s && %s", fixture_dir, command);
	cr_assert_eq(system(line), 0, "%s", command);
}

Test(bundle, what_a_directory_must_not_be)
{
	static const struct {
		const char *change, *undo;
		int code;
		const char *where, *what;
	} rows[] = {
		{"mv job.json j", "mv j job.json", -ENOENT, "job.json", "no such file"},
		{"mv job.json j; ln -s j job.json", "mv j job.json", -EINVAL, "job.json",
		 "is a symbolic link"},
		{"mv job.json j; mkdir job.json", "rmdir job.json; mv j job.json", -EINVAL,
		 "job.json", "is no regular file"},
		{"mv job.json j; head -c 262145 /dev/zero >job.json", "mv j job.json", -EFBIG,
		 "job.json", "at most 262144"},
		{"mv job.json j; head -c 100 j >job.json", "mv j job.json", -EINVAL,
		 "line 2, column 50", "not valid JSON"},
		{"mv x.bin x", "mv x x.bin", -ENOENT, "x.bin", "no such file"},
		{"mv x.bin x; ln -s x x.bin", "mv x x.bin", -EINVAL, "x.bin", "is a symbolic link"},
		{"mv x.bin x; ln -s /etc/passwd x.bin", "mv x x.bin", -EINVAL, "x.bin",
		 "is a symbolic link"},
		{"mv x.bin x; mkfifo x.bin", "mv x x.bin", -EINVAL, "x.bin", "is no regular file"},
		{"mv x.bin x; echo 1234567890123456 >x.bin", "mv x x.bin", -EINVAL,
		 "buffers.x.blob", "the blob is 17 bytes long, the buffer 16"},
		{"mv k.spv k; echo this is no SPIR-V at all >k.spv", "mv k k.spv", -EINVAL,
		 "kernels.k.spirv", "bytes long; SPIR-V is"},
		{"mv k.spv k; echo this is no SPIR-V ever. >k.spv", "mv k k.spv", -EINVAL,
		 "kernels.k.spirv", "is no SPIR-V: it begins with 0x73696874"},
		{"mv k.spv k; : >k.spv", "mv k k.spv", -EINVAL, "kernels.k.spirv",
		 "is 0 bytes long"},
		{"mv k.spv k; head -c 4194308 /dev/zero >k.spv", "mv k k.spv", -EFBIG, "k.spv",
		 "at most 1048560 are allowed"},
		{"sed -i.old s/x2.bin/$(printf %064d 0)/ job.json", "mv job.json.old job.json",
		 -ENOENT, "blobs/0000000000000000000000000000000000000000000000000000000000000000",
		 "lies in the folder blobs"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		shell(rows[i].change);
		expect_refused(fixture_dir, FIXTURE_LIMIT, rows[i].code, rows[i].where,
			       rows[i].what);
		shell(rows[i].undo);
	}
	bundle_free(open_good(fixture_dir));
}

Test(bundle, a_directory_past_the_limit)
{
	expect_refused(fixture_dir, 39, -EFBIG, "k.spv", "is 24 bytes long; at most 23");
}

Test(bundle, an_unpacked_blob_must_be_what_its_name_says)
{
	char path[PATH_MAX];
	struct fixture_tar t;
	struct bundle *b = open_good(fixture_dir);

	t = pack(b, "a.tar");
	bundle_free(b);
	shell("mkdir out && tar -xf a.tar -C out && chmod -R u+w out && "
	      "for f in out/blobs/*; do echo 1234567 >$f; done");
	snprintf(path, sizeof(path), "%s/out", fixture_dir);
	expect_refused(path, FIXTURE_LIMIT, -EINVAL, "blobs", "not the one in the name");
	free(t.data);
}

Test(bundle, what_is_no_bundle_at_all)
{
	expect_refused("/nonexistent", FIXTURE_LIMIT, -ENOENT, "/nonexistent", "No such file");
	expect_refused("/dev/null", FIXTURE_LIMIT, -EINVAL, "/dev/null", "neither a directory");
}
