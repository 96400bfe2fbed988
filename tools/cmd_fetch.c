/* SPDX-License-Identifier: MIT */
/*
 * fetch: outputs into files named as the outputs are. Each is written beside its final name,
 * checked against its SHA-256 and renamed, so what stands there is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"
#include "tools/ctl.h"
#include "tools/print.h"
#include "tools/text.h"

#define COPY_CHUNK (128u << 10)

struct fetch {
	const char *dir; /* "-": standard output */
	const char *file; /* of the one output, instead of its own name; or NULL */
	bool force;
	json_t *done; /* for --json */
};

static int copy(int from, int to)
{
	_cleanup_free_ char *buf = malloc(COPY_CHUNK);

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(from, buf, COPY_CHUNK);
		int err;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		err = io_write_all(to, buf, (size_t)n);
		if (err < 0)
			return err;
	}
}

static int check_hash(int fd, const char *expected)
{
	char hex[SHA256_HEX + 1];
	uint8_t sha256[SHA256_SIZE];
	int err = sha256_fd(fd, sha256);

	if (err < 0)
		return err;
	hex_encode(hex, sha256, SHA256_SIZE);
	return strcmp(hex, expected) ? -EBADMSG : 0;
}

/* Return: 0 or -errno. @fd stays the caller's. */
static int save(const struct fetch *f, const char *path, int fd, const char *hash)
{
	_cleanup_free_ char *part = NULL;
	_cleanup_close_ int out = -1;
	int err;

	if (asprintf(&part, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	if (!f->force && access(path, F_OK) == 0)
		return -EEXIST;
	out = mkostemp(part, O_CLOEXEC);
	if (out < 0)
		return -errno;
	err = copy(fd, out);
	if (!err)
		err = check_hash(out, hash);
	if (!err && fchmod(out, 0644) < 0)
		err = -errno;
	if (!err && rename(part, path) < 0)
		err = -errno;
	if (err)
		unlink(part);
	return err;
}

/* A name that stays inside the directory and shows up in it. */
static bool is_plain_name(const char *name)
{
	_cleanup_free_ char *clean = text_clean(name, false);

	return name[0] && name[0] != '.' && !strchr(name, '/') && !strcmp(clean, name);
}

static int fetch_one(struct ctl *ctl, struct fetch *f, uint64_t id, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct text_unit unit;
	uint64_t size = 0;
	char hash[65];
	int err;

	if (!f->file && strcmp(f->dir, "-") != 0 && !is_plain_name(name))
		return ctl_error(CTL_FAILED, "\"%s\" is no file name; -o FILE names another", name);
	fd = idlebroker_fetch(ctl->conn, id, name, &size, hash);
	if (fd < 0)
		return ctl_failed(ctl, fd);
	if ((f->file ? asprintf(&path, "%s", f->file) : asprintf(&path, "%s/%s", f->dir, name)) < 0)
		return ctl_error(CTL_FAILED, "out of memory");
	err = strcmp(f->dir, "-") ? save(f, path, fd, hash) : copy(fd, STDOUT_FILENO);
	if (err == -EEXIST)
		return ctl_error(CTL_FAILED, "%s exists already; -f replaces it", path);
	if (err == -EBADMSG)
		return ctl_error(CTL_FAILED, "%s: what arrived has not the SHA-256 %s", name, hash);
	if (err)
		return ctl_error(CTL_FAILED, "%s: %s", path, strerror(-err));
	if (ctl->json)
		json_array_append_new(f->done,
				      json_pack("{s:s, s:s, s:I, s:s}", "name", name, "path", path,
						"size", (json_int_t)size, "sha256", hash));
	else if (strcmp(f->dir, "-") != 0)
		print_line("fetched", "%s, %s", path, text_bytes(&unit, size));
	return CTL_OK;
}

/* -o names a directory; or, for one output, a file that need not be there. */
static bool set_target(struct fetch *f, int n_outputs)
{
	struct stat st;

	if (!strcmp(f->dir, "-"))
		return n_outputs <= 1;
	if (stat(f->dir, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	f->file = f->dir;
	return n_outputs == 1;
}

static int fetch_all(struct ctl *ctl, struct fetch *f, uint64_t id)
{
	json_t *reply = NULL, *outputs;
	int r = ctl_call(ctl, "Outputs", json_pack("{s:I}", "id", (json_int_t)id), &reply);

	if (r)
		return r;
	outputs = json_object_get(reply, "outputs");
	if (!strcmp(f->dir, "-") && json_array_size(outputs) != 1)
		r = ctl_usage(ctl, "-o - needs the name of one output: there are %zu",
			      json_array_size(outputs));
	for (size_t i = 0; !r && i < json_array_size(outputs); i++)
		r = fetch_one(ctl, f, id, print_text(json_array_get(outputs, i), "name"));
	json_decref(reply);
	return r;
}

int cmd_fetch(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'}, {"force", no_argument, NULL, 'f'}, {}};
	struct fetch f = {.dir = "."};
	uint64_t id;
	int opt, r;

	while ((opt = getopt_long(argc, argv, "o:f", options, NULL)) != -1) {
		if (opt == 'o')
			f.dir = optarg;
		else if (opt == 'f')
			f.force = true;
		else
			return ctl_usage(ctl, "see brokerctl fetch --help");
	}
	if (optind == argc)
		return ctl_usage(ctl, "which job?");
	if (!set_target(&f, argc - optind - 1))
		return ctl_usage(ctl, "%s is no directory, so name one output", f.dir);
	if (!strcmp(f.dir, "-") && ctl->json)
		return ctl_usage(ctl, "-o - prints the bytes of an output and nothing else");
	r = ctl_parse_id(ctl, argv[optind], &id);
	if (!r)
		r = ctl_connect(ctl);
	if (r)
		return r;
	f.done = json_array();
	if (optind + 1 == argc)
		r = fetch_all(ctl, &f, id);
	for (int i = optind + 1; !r && i < argc; i++)
		r = fetch_one(ctl, &f, id, argv[i]);
	if (!r && ctl->json)
		r = ctl_print_json(f.done, false);
	json_decref(f.done);
	return r;
}
