/* SPDX-License-Identifier: MIT */
/*
 * A packed bundle's tar, by libarchive; see bundle_tar.h.
 *
 * Plain tar and gzip only. A size is checked before a byte of the entry is unpacked, so a bomb
 * costs its header. libarchive goes on behind the end marker (read_concatenated_archives), where
 * zeros alone may follow; at the end the bytes it has consumed are the file's whole size.
 */
#include "libbroker/job/bundle_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libbroker/job/bundle_parts.h"
#include "libbroker/job/json_read.h"
#include "libbroker/util/cleanup.h"

#define ENTRIES_MAX  (2 * BUNDLE_BLOBS_MAX) /* directories included */
#define READ_CHUNK   (64u << 10)
#define BLOBS_PREFIX "blobs/"

struct tar_reader {
	const struct bundle_tar_source *source;
	const struct bundle_tar_sink *sink;
	struct archive *archive;
	uint64_t left; /* bytes that blobs may still take */
	unsigned int entries, n_blobs;
	bool has_job;
	char blobs[BUNDLE_BLOBS_MAX][BUNDLE_TAR_NAME];
	struct error *err;
	char buf[READ_CHUNK];
};

static void free_archive(struct archive *a)
{
	archive_read_free(a);
}

DEFINE_CLEANUP(struct archive, archive, free_archive)

static ssize_t read_source(struct archive *a, void *data, const void **buf)
{
	const struct bundle_tar_source *source = data;
	ssize_t n = source->read(source->data, buf);

	if (n >= 0)
		return n;
	archive_set_error(a, (int)-n, "%s", strerror((int)-n));
	return -1;
}

/* The entry's own name goes into the error, whatever it holds. */
static int fail(struct tar_reader *t, struct archive_entry *e, int code, const char *what)
{
	const char *name = e ? archive_entry_pathname(e) : NULL;
	char clean[128];

	if (e && !name)
		name = "(a name that cannot be read)";
	return error_set(t->err, code, name ? json_read_clean(clean, sizeof(clean), name) : NULL,
			 "%s", what);
}

static int fail_archive(struct tar_reader *t, struct archive_entry *e, const char *doing)
{
	const char *why = archive_error_string(t->archive);
	char what[256], clean[160];

	snprintf(what, sizeof(what), "%s: %s", doing,
		 json_read_clean(clean, sizeof(clean), why ? why : "damaged"));
	return fail(t, e, archive_errno(t->archive) == ENOMEM ? -ENOMEM : -EINVAL, what);
}

static bool has_dotdot(const char *name)
{
	for (; *name; name += strcspn(name, "/"), name += *name == '/')
		if (!strncmp(name, "..", 2) && (name[2] == '/' || !name[2]))
			return true;
	return false;
}

static bool is_known_folder(const char *name)
{
	return !*name || !strcmp(name, ".") || !strcmp(name, "blobs") ||
	       !strcmp(name, BLOBS_PREFIX);
}

/* "job.json" or a blob's digits, of an entry's name without "./"; NULL: neither. */
static const char *known_file(const char *name)
{
	const size_t prefix = sizeof(BLOBS_PREFIX) - 1;

	if (!strcmp(name, BUNDLE_TAR_JOB))
		return name;
	if (strncmp(name, BLOBS_PREFIX, prefix))
		return NULL;
	name += prefix;
	if (strlen(name) != SHA256_HEX || name[strspn(name, "0123456789abcdef")])
		return NULL;
	return name;
}

static const char *type_trouble(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return "is a hard link; a bundle holds regular files";
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		break;
	case AE_IFLNK:
		return "is a symbolic link; a bundle holds regular files";
	case AE_IFDIR:
		return "is a directory; a bundle's only one is blobs/";
	default:
		return "is a device, pipe or socket; a bundle holds regular files";
	}
	if (archive_entry_sparse_count(e) > 0)
		return "is a sparse entry; a bundle's files are stored whole";
	if (!archive_entry_size_is_set(e) || archive_entry_size(e) < 0)
		return "says no size";
	return NULL;
}

static int check_size(struct tar_reader *t, struct archive_entry *e, bool job)
{
	uint64_t size = (uint64_t)archive_entry_size(e);
	char what[128];

	if (job && size > JOB_JSON_MAX) {
		snprintf(what, sizeof(what), "is %llu bytes long; at most %u are allowed",
			 (unsigned long long)size, JOB_JSON_MAX);
		return fail(t, e, -EFBIG, what);
	}
	if (!job && size > t->left) {
		snprintf(what, sizeof(what),
			 "is %llu bytes long; the limit for all blobs leaves %llu",
			 (unsigned long long)size, (unsigned long long)t->left);
		return fail(t, e, -EFBIG, what);
	}
	if (!job)
		t->left -= size;
	return 0;
}

static int check_new(struct tar_reader *t, struct archive_entry *e, const char *name)
{
	bool job = !strcmp(name, BUNDLE_TAR_JOB), twice = job && t->has_job;

	for (unsigned int i = 0; i < t->n_blobs; i++)
		twice |= !strcmp(t->blobs[i], name);
	if (twice)
		return fail(t, e, -EINVAL, "stands in the tar twice");
	if (job) {
		t->has_job = true;
		return 0;
	}
	if (t->n_blobs == BUNDLE_BLOBS_MAX)
		return fail(t, e, -EINVAL, "is one blob more than any job can have");
	snprintf(t->blobs[t->n_blobs++], BUNDLE_TAR_NAME, "%s", name);
	return 0;
}

/* Return: 1 with *@name of a file to read, 0 for a folder to pass over, -errno. */
static int check_entry(struct tar_reader *t, struct archive_entry *e, const char **name)
{
	const char *path = archive_entry_pathname(e), *trouble;
	int r;

	if (!path)
		return fail(t, e, -EINVAL, "is no entry of a bundle");
	if (*path == '/')
		return fail(t, e, -EINVAL, "is an absolute name; names in a bundle are relative");
	if (has_dotdot(path))
		return fail(t, e, -EINVAL, "leads out of the bundle with \"..\"");
	if (!strncmp(path, "./", 2))
		path += 2;
	if (archive_entry_filetype(e) == AE_IFDIR && !archive_entry_hardlink(e) &&
	    is_known_folder(path))
		return 0;
	trouble = type_trouble(e);
	if (trouble)
		return fail(t, e, -EINVAL, trouble);
	*name = known_file(path);
	if (!*name)
		return fail(t, e, -EINVAL,
			    "is no entry of a bundle, which holds job.json and "
			    "blobs/<64 hex digits>; `brokerctl pack` makes one of a directory");
	r = check_new(t, e, *name);
	if (r < 0)
		return r;
	r = check_size(t, e, !strcmp(*name, BUNDLE_TAR_JOB));
	return r < 0 ? r : 1;
}

static int read_entry(struct tar_reader *t, struct archive_entry *e, const char *name)
{
	uint64_t left = (uint64_t)archive_entry_size(e);
	int r = t->sink->begin(t->sink->data, name, left, t->err);

	while (r >= 0 && left) {
		size_t want = left < sizeof(t->buf) ? (size_t)left : sizeof(t->buf);
		la_ssize_t n = archive_read_data(t->archive, t->buf, want);

		if (n < 0)
			return fail_archive(t, e, "cannot be read");
		if (n == 0)
			return fail(t, e, -EINVAL, "ends before the size it says");
		left -= (uint64_t)n;
		r = t->sink->write(t->sink->data, t->buf, (size_t)n, t->err);
	}
	return r < 0 ? r : t->sink->end(t->sink->data, t->err);
}

static int read_entries(struct tar_reader *t)
{
	struct archive_entry *e;
	const char *name = NULL;
	int r;

	for (;;) {
		r = archive_read_next_header(t->archive, &e);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK)
			return fail_archive(t, NULL, "is no whole tar file, plain or by gzip");
		if (++t->entries > ENTRIES_MAX)
			return fail(t, e, -EINVAL, "is one entry more than any bundle has");
		r = check_entry(t, e, &name);
		if (r > 0)
			r = read_entry(t, e, name);
		if (r < 0)
			return r;
	}
	if ((uint64_t)archive_filter_bytes(t->archive, -1) != t->source->size)
		return fail(t, NULL, -EINVAL, "has bytes behind the end of the tar");
	return 0;
}

static int open_archive(struct tar_reader *t)
{
	struct archive *a = t->archive;

	if (archive_read_support_format_tar(a) != ARCHIVE_OK ||
	    archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_set_options(a, "tar:read_concatenated_archives") != ARCHIVE_OK)
		return fail_archive(t, NULL, "libarchive cannot read tar and gzip");
	if (archive_read_open(a, (void *)t->source, NULL, read_source, NULL) != ARCHIVE_OK)
		return fail_archive(t, NULL, "is no whole tar file, plain or by gzip");
	return 0;
}

int bundle_tar_read(const struct bundle_tar_source *source, const struct bundle_tar_sink *sink,
		    uint64_t limit, struct error *err)
{
	_cleanup_(cleanup_archivep) struct archive *a = archive_read_new();
	_cleanup_free_ struct tar_reader *t = calloc(1, sizeof(*t));
	int r;

	if (!a || !t)
		return error_set(err, -ENOMEM, NULL, "out of memory");
	*t = (struct tar_reader){
		.source = source, .sink = sink, .archive = a, .left = limit, .err = err};
	r = open_archive(t);
	return r < 0 ? r : read_entries(t);
}
