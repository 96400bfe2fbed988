/* SPDX-License-Identifier: MIT */
/*
 * What the server says of itself against what it does: the methods of the published interface
 * against the table that serves them. And which descriptors of strangers it takes.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/api/api_internal.h"
#include "libbroker/proto/interface.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

/* The next "name: type" of a parameter list; moves *@at behind it. */
static bool next_param(const char **at, char name[64], char type[64])
{
	size_t n;

	*at += strspn(*at, ", \n\t(");
	n = strcspn(*at, ": )");
	if (!n || n >= 64 || (*at)[n] != ':')
		return false;
	snprintf(name, 64, "%.*s", (int)n, *at);
	*at += n + 1;
	*at += strspn(*at, " ");
	n = strcspn(*at, ",)");
	cr_assert_lt(n, 64);
	snprintf(type, 64, "%.*s", (int)n, *at);
	*at += n;
	return true;
}

static json_type type_of(const char *text)
{
	text += *text == '?';
	if (!strncmp(text, "[]", 2))
		return JSON_ARRAY;
	return !strcmp(text, "int") ? JSON_INTEGER : JSON_STRING;
}

static void compare_params(const struct method *m, const char *at)
{
	char name[64], type[64];
	unsigned int n = 0;

	for (; next_param(&at, name, type); n++) {
		cr_assert_lt(n, METHOD_PARAMS_MAX, "%s", m->name);
		cr_assert(m->params[n].name, "%s lacks %s", m->name, name);
		cr_assert_str_eq(m->params[n].name, name, "%s", m->name);
		cr_assert_eq(m->params[n].optional, *type == '?', "%s: %s", m->name, name);
		cr_assert_eq(m->params[n].type, type_of(type), "%s: %s", m->name, name);
	}
	if (n < METHOD_PARAMS_MAX)
		cr_assert_null(m->params[n].name, "%s takes more than it says", m->name);
}

Test(api_table, every_published_method_is_served_as_it_is_published)
{
	unsigned int n = 0;
	bool known;

	for (const char *at = interface_text; (at = strstr(at, "\nmethod ")); n++) {
		const struct method *m;
		char name[128];
		size_t len;

		at += strlen("\nmethod ");
		len = strcspn(at, "(");
		snprintf(name, sizeof(name), INTERFACE_NAME ".%.*s", (int)len, at);
		m = method_find(name, strlen(name), &known);
		cr_assert(m, "%s is published, but not served", name);
		compare_params(m, at + len);
	}
	cr_assert_eq(n, 19, "%u methods are published", n);
}

Test(api_table, names_are_matched_whole)
{
	static const struct {
		const char *name;
		bool found, interface;
	} cases[] = {
		{"io.idlebroker.GetGate", true, false},
		{"org.varlink.service.GetInfo", true, false},
		{"io.idlebroker.GetGat", false, false},
		{"io.idlebroker.GetGates", false, false},
		{"io.idlebroker.GetInfo", false, false},
		{"io.idlebroker.", false, false},
		{"io.idlebrokerxGetGate", false, false},
		{"io.idlebroker", false, true},
		{"io.idlebroke", false, false},
		{"", false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool known;
		const struct method *m = method_find(cases[i].name, strlen(cases[i].name), &known);

		cr_assert_eq(m != NULL, cases[i].found, "%s", cases[i].name);
		cr_assert_eq(known, cases[i].interface, "%s", cases[i].name);
	}
}

static int open_memfd(void)
{
	return io_memfd("test", "x", 1);
}

static int open_sealed(void)
{
	int fd = io_memfd("test", "x", 1);

	cr_assert_eq(io_seal(fd), 0);
	return fd;
}

static int open_file(void)
{
	return open("Makefile", O_RDONLY | O_CLOEXEC);
}

static int open_write_only(void)
{
	char name[] = "/tmp/test_api.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC), again;

	cr_assert_geq(fd, 0);
	again = open(name, O_WRONLY | O_CLOEXEC);
	unlink(name);
	close(fd);
	return again;
}

static int open_path(void)
{
	return open("Makefile", O_PATH | O_CLOEXEC);
}

static int open_folder(void)
{
	return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_proc(void)
{
	return open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
}

static int open_device(void)
{
	return open("/dev/zero", O_RDONLY | O_CLOEXEC);
}

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int open_unsealable(void)
{
	return memfd_create("test", MFD_CLOEXEC);
}

static const struct {
	int (*open)(void);
	const char *words; /* NULL: it is taken */
} descriptors[] = {
	{open_sealed, NULL},
	{open_file, NULL},
	{open_memfd, "F_SEAL_WRITE"},
	{open_unsealable, "sealed memory file"},
	{open_write_only, "not open for reading"},
	{open_path, "not open for reading"},
	{open_folder, "not a regular file"},
	{open_proc, "proc file system"},
	{open_device, "not a regular file"},
	{open_socket, "not a regular file"},
};

Test(api_table, only_descriptors_that_cannot_hold_up_a_reader_are_taken)
{
	for (size_t i = 0; i < ARRAY_SIZE(descriptors); i++) {
		_cleanup_close_ int fd = descriptors[i].open();
		struct error err = {};
		int r;

		cr_assert_geq(fd, 0, "descriptor %zu", i);
		r = passed_fd_check(fd, 0, &err);
		cr_assert_eq(r, descriptors[i].words ? -EINVAL : 0, "descriptor %zu: %s", i,
			     err.what);
		if (r)
			cr_assert(strstr(err.what, descriptors[i].words), "descriptor %zu: %s", i,
				  err.what);
	}
}

Test(api_table, a_descriptor_is_closed_here_or_by_a_thread)
{
	int sealed = open_sealed(), pipefd[2];
	char c;

	passed_fd_close(sealed);
	cr_assert_eq(fcntl(sealed, F_GETFD), -1);
	cr_assert_eq(pipe(pipefd), 0);
	passed_fd_close(pipefd[1]);
	cr_assert_eq(read(pipefd[0], &c, 1), 0); /* returns when the other end is closed */
	close(pipefd[0]);
}

Test(api_table, the_daemons_own_user_administers)
{
	const struct api_groups none = {.broker = (gid_t)-1, .admin = (gid_t)-1};
	struct api_peer peer;
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	cr_assert_eq(peer_identify(fds[0], &none, &peer), 0);
	cr_assert_eq(peer.uid, geteuid());
	cr_assert_eq(peer.right, API_RIGHT_ADMIN);
	close(fds[0]);
	close(fds[1]);
}

#define GID_BROKER 41001
#define GID_ADMIN  41002

static const struct {
	gid_t gid, more[2];
	enum api_right right;
} members[] = {
	{65534, {41000, 41003}, API_RIGHT_LOOK},
	{GID_BROKER, {41000, 41003}, API_RIGHT_JOBS},
	{65534, {41000, GID_BROKER}, API_RIGHT_JOBS},
	{65534, {GID_ADMIN, 41000}, API_RIGHT_ADMIN},
	{GID_BROKER, {GID_ADMIN, 41000}, API_RIGHT_ADMIN},
	{GID_ADMIN, {GID_BROKER, 41000}, API_RIGHT_ADMIN},
};

static void connect_as(const struct sockaddr_un *addr, gid_t gid, const gid_t *more)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char c;

	if (setgroups(2, more) < 0 || setgid(gid) < 0 || setuid(65534) < 0 ||
	    connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		_exit(1);
	_exit(read(fd, &c, 1) != 0); /* stays until the other end was asked who this is */
}

Test(api_table, rights_go_by_every_group_of_the_peer)
{
	const struct api_groups groups = {.broker = GID_BROKER, .admin = GID_ADMIN};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_close_ int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (geteuid() != 0)
		cr_skip_test("it must play other users, which needs root");
	snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "test_api_%d", (int)getpid());
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(listener, 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		struct api_peer peer = {};
		pid_t pid = fork();
		int fd, status;

		if (pid == 0)
			connect_as(&addr, members[i].gid, members[i].more);
		fd = accept(listener, NULL, NULL);
		cr_assert_eq(peer_identify(fd, &groups, &peer), 0, "member %zu", i);
		close(fd);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0, "member %zu", i);
		cr_assert_eq(peer.uid, 65534);
		cr_assert_eq(peer.right, members[i].right, "member %zu", i);
	}
}
