/* SPDX-License-Identifier: MIT */
/* Hostile tars through the whole way: file, jailed child, checks; and the jail by itself. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "libbroker/job/bundle.h"
#include "libbroker/job/bundle_jail.h"
#include "libbroker/util/cleanup.h"
#include "tests/unit/bundle_fixture.h"

TestSuite(bundle_tar, .init = fixture_setup, .fini = fixture_teardown);

#define ZERO_HEX "0000000000000000000000000000000000000000000000000000000000000000"

static const char filler[512] = "no zeros only";

static int open_tar(const struct fixture_tar *t, struct bundle **b, struct error *err)
{
	char path[160];

	fixture_file("t.tar", t->data ? t->data : "", t->len);
	snprintf(path, sizeof(path), "%s/t.tar", fixture_dir);
	return bundle_open(b, path, FIXTURE_LIMIT, err);
}

static void make_dotdot(struct fixture_tar *t)
{
	tar_good(t);
	tar_file(t, "blobs/../../x", "x", 1);
	tar_end(t);
}

static void make_dotdot_at_the_end(struct fixture_tar *t)
{
	tar_raw(t, "blobs/..", '5', NULL, 0, "", 0);
	tar_good(t);
	tar_end(t);
}

static void make_absolute(struct fixture_tar *t)
{
	tar_file(t, "/job.json", "{}", 2);
	tar_end(t);
}

static void make_symlink(struct fixture_tar *t)
{
	tar_raw(t, "job.json", '2', "/etc/passwd", 0, "", 0);
	tar_end(t);
}

static void make_hardlink(struct fixture_tar *t)
{
	tar_good(t);
	tar_raw(t, "blobs/" ZERO_HEX, '1', "job.json", 0, "", 0);
	tar_end(t);
}

static void make_device(struct fixture_tar *t)
{
	tar_raw(t, "blobs/" ZERO_HEX, '3', NULL, 0, "", 0);
	tar_end(t);
}

static void make_fifo(struct fixture_tar *t)
{
	tar_raw(t, "job.json", '6', NULL, 0, "", 0);
	tar_end(t);
}

static void make_folder(struct fixture_tar *t)
{
	tar_raw(t, "other/", '5', NULL, 0, "", 0);
	tar_end(t);
}

static void make_job_folder(struct fixture_tar *t)
{
	tar_raw(t, "job.json", '5', NULL, 0, "", 0);
	tar_end(t);
}

static void make_job_twice(struct fixture_tar *t)
{
	tar_good(t);
	tar_job(t);
	tar_end(t);
}

static void make_dotted_twice(struct fixture_tar *t)
{
	tar_good(t);
	tar_file(t, "./job.json", "{}", 2);
	tar_end(t);
}

static void make_unknown(struct fixture_tar *t)
{
	tar_good(t);
	tar_file(t, "read\033me", "x", 1);
	tar_end(t);
}

static void make_upper_case(struct fixture_tar *t)
{
	tar_file(t, "blobs/ABCDEF", "x", 1);
	tar_end(t);
}

static void make_wrong_hash(struct fixture_tar *t)
{
	tar_good(t);
	tar_file(t, "blobs/" ZERO_HEX, "abc", 3);
	tar_end(t);
}

static void make_missing_blob(struct fixture_tar *t)
{
	tar_job(t);
	tar_blob(t, fixture_x, sizeof(fixture_x));
	tar_end(t);
}

static void make_unused_blob(struct fixture_tar *t)
{
	tar_good(t);
	tar_blob(t, "abc", 3);
	tar_end(t);
}

static void make_no_job(struct fixture_tar *t)
{
	tar_blob(t, fixture_x, sizeof(fixture_x));
	tar_end(t);
}

static void make_bad_job(struct fixture_tar *t)
{
	tar_file(t, "job.json", "{\"version\": 1}", 14);
	tar_end(t);
}

static void make_unpacked_job(struct fixture_tar *t)
{
	tar_file(t, "job.json", fixture_json, strlen(fixture_json));
	tar_end(t);
}

static void make_sparse(struct fixture_tar *t)
{
	char *h;

	tar_raw(t, "blobs/" ZERO_HEX, 'S', NULL, 512, "", 0);
	h = t->data + t->len - 512;
	memcpy(h + 257, "ustar  \0", 8);
	memcpy(h + 386, "00000001000\00000000001000\0", 24);
	memcpy(h + 483, "00000010000", 12);
	tar_checksum(h);
	tar_bytes(t, filler, 512);
	tar_end(t);
}

static void make_pax_sparse(struct fixture_tar *t)
{
	static const char pax[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
				  "28 GNU.sparse.name=job.json\n28 GNU.sparse.realsize=9999\n";
	static const char map[512] = "1\n100\n512\n";

	tar_raw(t, "x", 'x', NULL, sizeof(pax) - 1, pax, sizeof(pax) - 1);
	tar_raw(t, "job.json", '0', NULL, 1024, map, 512);
	tar_bytes(t, filler, 512);
	tar_end(t);
}

static void make_oversized(struct fixture_tar *t)
{
	tar_raw(t, "blobs/" ZERO_HEX, '0', NULL, FIXTURE_LIMIT + 1, "x", 1);
	tar_end(t);
}

static void make_huge(struct fixture_tar *t)
{
	tar_raw(t, "blobs/" ZERO_HEX, '0', NULL, 077777777777ull, "x", 1);
	tar_end(t);
}

static void make_oversized_job(struct fixture_tar *t)
{
	tar_raw(t, "job.json", '0', NULL, (256 << 10) + 1, "x", 1);
	tar_end(t);
}

static void make_oversized_sum(struct fixture_tar *t)
{
	char *big = calloc(1, FIXTURE_LIMIT);

	tar_blob(t, big, FIXTURE_LIMIT);
	tar_blob(t, "abcd", 4);
	tar_end(t);
	free(big);
}

static void make_too_many(struct fixture_tar *t)
{
	for (int i = 0; i < 130; i++)
		tar_blob(t, &i, sizeof(i));
	tar_end(t);
}

static void make_many_folders(struct fixture_tar *t)
{
	for (int i = 0; i < 300; i++)
		tar_raw(t, "blobs/", '5', NULL, 0, "", 0);
	tar_end(t);
}

static void make_truncated(struct fixture_tar *t)
{
	tar_job(t);
	t->len -= 600;
}

static void make_half_header(struct fixture_tar *t)
{
	tar_good(t);
	t->len -= 700;
}

static void make_bad_checksum(struct fixture_tar *t)
{
	tar_good(t);
	tar_end(t);
	t->data[0] = 'J';
}

static void make_trailing_text(struct fixture_tar *t)
{
	tar_good(t);
	tar_end(t);
	tar_bytes(t, "and this", 8);
}

static void make_trailing_block(struct fixture_tar *t)
{
	tar_good(t);
	tar_end(t);
	tar_bytes(t, filler, 512);
}

static void make_second_tar(struct fixture_tar *t)
{
	tar_good(t);
	tar_end(t);
	tar_file(t, "job.json", "{}", 2);
	tar_end(t);
}

static void make_empty(struct fixture_tar *t)
{
}

static void make_zeros(struct fixture_tar *t)
{
	tar_end(t);
}

static void make_noise(struct fixture_tar *t)
{
	unsigned int seed = 3;

	for (int i = 0; i < 3000; i++) {
		char c = (char)rand_r(&seed);

		tar_bytes(t, &c, 1);
	}
}

static la_ssize_t gzip_write(struct archive *a, void *data, const void *buf, size_t len)
{
	tar_bytes(data, buf, len);
	return (la_ssize_t)len;
}

/* @in, then @zeros zero bytes, compressed as @filter says. */
static struct fixture_tar compress(int (*filter)(struct archive *), const struct fixture_tar *in,
				   size_t zeros)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	struct fixture_tar out = {};
	static const char nothing[1 << 16];

	cr_assert_eq(filter(a), ARCHIVE_OK);
	archive_write_set_format_raw(a);
	archive_write_set_bytes_per_block(a, 0);
	cr_assert_eq(archive_write_open(a, &out, NULL, gzip_write, NULL), ARCHIVE_OK);
	archive_entry_set_pathname(e, "x");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_write_header(a, e);
	archive_write_data(a, in->data, in->len);
	for (; zeros >= sizeof(nothing); zeros -= sizeof(nothing))
		archive_write_data(a, nothing, sizeof(nothing));
	archive_write_close(a);
	archive_write_free(a);
	archive_entry_free(e);
	return out;
}

static void make_gzip_trailing(struct fixture_tar *t)
{
	struct fixture_tar plain = {};

	tar_good(&plain);
	tar_end(&plain);
	*t = compress(archive_write_add_filter_gzip, &plain, 0);
	tar_bytes(t, "and this", 8);
	free(plain.data);
}

static void make_gzip_cut(struct fixture_tar *t)
{
	struct fixture_tar plain = {};

	tar_good(&plain);
	tar_end(&plain);
	*t = compress(archive_write_add_filter_gzip, &plain, 0);
	t->len -= 40;
	free(plain.data);
}

static void make_gzip_bomb(struct fixture_tar *t)
{
	struct fixture_tar plain = {};

	tar_job(&plain);
	tar_raw(&plain, "blobs/" ZERO_HEX, '0', NULL, 64 << 20, "", 0);
	*t = compress(archive_write_add_filter_gzip, &plain, 64 << 20);
	free(plain.data);
}

static void make_xz(struct fixture_tar *t)
{
	struct fixture_tar plain = {};

	tar_good(&plain);
	tar_end(&plain);
	*t = compress(archive_write_add_filter_xz, &plain, 0);
	free(plain.data);
}

static const struct {
	void (*make)(struct fixture_tar *t);
	int code;
	const char *where, *what; /* where "": the tar file itself */
} hostile[] = {
	{make_dotdot, -EINVAL, "blobs/../../x", "leads out of the bundle"},
	{make_dotdot_at_the_end, -EINVAL, "blobs/..", "leads out of the bundle"},
	{make_absolute, -EINVAL, "/job.json", "is an absolute name"},
	{make_symlink, -EINVAL, "job.json", "is a symbolic link"},
	{make_hardlink, -EINVAL, "blobs/" ZERO_HEX, "is a hard link"},
	{make_device, -EINVAL, "blobs/" ZERO_HEX, "is a device"},
	{make_fifo, -EINVAL, "job.json", "is a device, pipe or socket"},
	{make_folder, -EINVAL, "other/", "is a directory"},
	{make_job_folder, -EINVAL, "job.json", "is a directory"},
	{make_job_twice, -EINVAL, "job.json", "twice"},
	{make_dotted_twice, -EINVAL, "./job.json", "twice"},
	{make_unknown, -EINVAL, "read?me", "is no entry of a bundle"},
	{make_upper_case, -EINVAL, "blobs/ABCDEF", "is no entry of a bundle"},
	{make_wrong_hash, -EINVAL, "blobs/" ZERO_HEX,
	 "its bytes have the SHA-256 "
	 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, not " ZERO_HEX},
	{make_missing_blob, -ENOENT, "kernels.k.spirv", "there is no blob"},
	{make_unused_blob, -EINVAL,
	 "blobs/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	 "job.json does not refer to it"},
	{make_no_job, -ENOENT, "job.json", "no such entry"},
	{make_bad_job, -EINVAL, "", "lacks the key \"kind\""},
	{make_unpacked_job, -EINVAL, "buffers.x.blob", "names blobs by SHA-256"},
	{make_sparse, -EINVAL, "blobs/" ZERO_HEX, "is a sparse entry"},
	{make_pax_sparse, -EINVAL, "job.json", "is a sparse entry"},
	{make_oversized, -EFBIG, "blobs/" ZERO_HEX, "leaves 1048576"},
	{make_huge, -EFBIG, "blobs/" ZERO_HEX, "is 8589934591 bytes"},
	{make_oversized_job, -EFBIG, "job.json", "at most 262144"},
	{make_oversized_sum, -EFBIG,
	 "blobs/88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589", "leaves 0"},
	{make_too_many, -EINVAL, NULL, "is one blob more than any job"},
	{make_many_folders, -EINVAL, "blobs/", "is one entry more"},
	{make_truncated, -EINVAL, "job.json", "cannot be read: Truncated"},
	{make_half_header, -EINVAL, "", "is no whole tar file"},
	{make_bad_checksum, -EINVAL, "", "is no whole tar file"},
	{make_trailing_text, -EINVAL, "", "is no whole tar file"},
	{make_trailing_block, -EINVAL, "", "is no whole tar file"},
	{make_second_tar, -EINVAL, "job.json", "twice"},
	{make_empty, -EINVAL, "", "is no whole tar file"},
	{make_zeros, -ENOENT, "job.json", "no such entry"},
	{make_noise, -EINVAL, "", "is no whole tar file"},
	{make_gzip_trailing, -EINVAL, "", "bytes behind the end"},
	{make_gzip_cut, -EINVAL, NULL, ""},
	{make_gzip_bomb, -EFBIG, "blobs/" ZERO_HEX, "is 67108864 bytes"},
	{make_xz, -EINVAL, "", "is no whole tar file"},
};

Test(bundle_tar, hostile_tars)
{
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		struct fixture_tar t = {};
		struct error err = {};
		struct bundle *b = NULL;
		int r;

		hostile[i].make(&t);
		r = open_tar(&t, &b, &err);
		cr_expect_eq(r, hostile[i].code, "row %zu: %d, %s: %s", i, r, err.where, err.what);
		if (hostile[i].where && !*hostile[i].where)
			cr_expect(strstr(err.where, "/t.tar"), "row %zu: %s", i, err.where);
		else if (hostile[i].where)
			cr_expect_str_eq(err.where, hostile[i].where, "row %zu: %s", i, err.what);
		cr_expect(strstr(err.what, hostile[i].what), "row %zu: %s", i, err.what);
		cr_expect(err.what[0]);
		bundle_free(b);
		free(t.data);
	}
}

/* As tar(1) makes it of "." in its three formats, and padded with zeros to a tape's record. */
Test(bundle_tar, what_other_archivers_make)
{
	static const char *const commands[] = {"tar --format=ustar -cf ../t.tar .",
					       "tar --format=gnu -cf ../t.tar .",
					       "tar --format=pax -cf ../t.tar .",
					       "tar --format=pax -czf ../t.tar job.json blobs",
					       "tar -b 20 -cf ../t.tar blobs job.json"};
	struct fixture_tar t = {};
	char line[300], path[160];

	tar_good(&t);
	tar_end(&t);
	fixture_file("good.tar", t.data, t.len);
	free(t.data);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct error err = {};
		struct bundle *b = NULL;

		snprintf(
			line, sizeof(line),
			"cd %s && rm -rf out && mkdir out && tar -xf good.tar -C out && cd out && %s",
			fixture_dir, commands[i]);
		cr_assert_eq(system(line), 0);
		snprintf(path, sizeof(path), "%s/t.tar", fixture_dir);
		cr_expect_eq(bundle_open(&b, path, FIXTURE_LIMIT, &err), 0, "%s: %s: %s",
			     commands[i], err.where, err.what);
		bundle_free(b);
	}
}

Test(bundle_tar, every_cut_is_refused)
{
	struct fixture_tar t = {};
	size_t whole;

	tar_good(&t);
	whole = t.len;
	for (t.len = 0; t.len < whole; t.len += 97) {
		struct error err = {};
		struct bundle *b = NULL;

		cr_assert_lt(open_tar(&t, &b, &err), 0, "cut at %zu", t.len);
		cr_assert(err.what[0]);
	}
	free(t.data);
}

Test(bundle_tar, blobs_come_sealed)
{
	struct fixture_tar t = {};
	struct error err = {};
	struct bundle *b = NULL;

	tar_good(&t);
	tar_end(&t);
	cr_assert_eq(open_tar(&t, &b, &err), 0, "%s: %s", err.where, err.what);
	cr_assert_eq(b->n_blobs, 2);
	cr_expect_lt(pwrite(b->blobs[0].fd, "x", 1, 0), 0);
	cr_expect_lt(ftruncate(b->blobs[0].fd, 0), 0);
	bundle_free(b);
	free(t.data);
}

static int try_open(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}

static int try_create(void)
{
	return open("/tmp/test-bundle-jail", O_CREAT | O_WRONLY, 0600) < 0 ? 0 : 1;
}

static int try_stdin(void)
{
	char c;

	return read(0, &c, 1) == 0 ? 0 : 1;
}

static int try_leaked_descriptor(void)
{
	char c;

	return read(200, &c, 1) < 0 && errno == EBADF ? 0 : 1;
}

static int try_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : 2;
}

static int try_fork(void)
{
	return fork() >= 0 ? 1 : 2;
}

static int try_exec(void)
{
	execl("/bin/true", "true", NULL);
	return 2;
}

static int try_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
			       MAP_FAILED
		       ? 1
		       : 2;
}

static int try_signal(void)
{
	return kill(getppid(), 0) == 0 ? 1 : 2;
}

static int try_unseal(void)
{
	return fcntl(3, F_SETFL, O_APPEND) == 0 ? 1 : 2;
}

Test(bundle_tar, the_jail)
{
	static const struct {
		int (*what)(void);
		int signal; /* 0: ends with status 0 */
	} rows[] = {
		{try_open, 0},        {try_create, 0},
		{try_stdin, 0},       {try_leaked_descriptor, 0},
		{try_socket, SIGSYS}, {try_fork, SIGSYS},
		{try_exec, SIGSYS},   {try_code, SIGSYS},
		{try_signal, SIGSYS}, {try_unseal, SIGSYS},
	};
	int pair[2], leaked = open("/etc/passwd", O_RDONLY);

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	cr_assert_eq(dup2(leaked, 200), 200);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = {};
		int status;
		pid_t pid = fork();

		if (pid == 0) {
			if (bundle_jail_enter(leaked, pair[0], 4096, &err) < 0)
				_exit(9);
			_exit(rows[i].what());
		}
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		if (rows[i].signal)
			cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == rows[i].signal,
				  "row %zu: status 0x%x", i, status);
		else
			cr_expect_eq(status, 0, "row %zu: status 0x%x", i, status);
	}
}
