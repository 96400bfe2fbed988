/* SPDX-License-Identifier: MIT */
/*
 * Devices: recorded and hostile probe documents against made-up nodes, and the probe itself with
 * real child processes: scripts that behave badly, and the real worker when it is built.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "broker/device_probe.h"
#include "broker/devices.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/io.h"

#define UUID_A "6c6c766d70697065555549440000aaaa"
#define UUID_B "6c6c766d70697065555549440000bbbb"
#define LAVAPIPE                                                                                   \
	"{\"name\":\"llvmpipe (LLVM 15.0.6)\",\"driver\":\"llvmpipe\",\"uuid\":\"" UUID_A          \
	"\",\"software\":true,\"drm\":null,\"limits\":{\"maxComputeWorkGroupCount\":[65535,65535," \
	"65535]},\"features\":{\"robustness2\":true},\"speed\":{\"gflops\":12.5}}"
#define ADRENO                                                                               \
	"{\"name\":\"Turnip Adreno (TM) 630\",\"driver\":\"turnip Mesa\",\"uuid\":\"" UUID_B \
	"\",\"software\":false,\"drm\":{\"render_major\":226,\"render_minor\":128},"         \
	"\"limits\":{},\"features\":{},\"speed\":{}}"

static const struct device_node nodes[] = {
	{"/dev/dri/renderD128", "msm", "5000000.gpu", 226, 128, false},
	{"/dev/dri/renderD129", "amdgpu", "0000:03:00.0", 226, 129, false},
};

static struct device_set parse_ok(const char *json, unsigned int n_nodes)
{
	struct device_set set = {0};
	struct error err = {0};

	cr_assert_eq(device_set_parse(&set, json, strlen(json), nodes, n_nodes, &err), 0, "%s: %s",
		     err.where, err.what);
	return set;
}

Test(devices, a_software_device_has_no_node)
{
	struct device_set set = parse_ok("{\"devices\":[" LAVAPIPE "]}", 0);

	cr_assert_eq(set.n, 1);
	cr_assert_str_eq(set.list[0].id, "llvmpipe-soft");
	cr_assert_str_eq(set.list[0].node, "");
	cr_assert_str_eq(set.list[0].uuid, UUID_A);
	cr_assert(set.list[0].software);
	cr_assert(json_is_true(
		json_object_get(json_object_get(set.list[0].details, "features"), "robustness2")));
	device_set_allow(&set, false);
	cr_assert_not(set.list[0].usable);
	cr_assert_not_null(json_object_get(set.list[0].details, "unusable"));
	device_set_allow(&set, true);
	cr_assert(set.list[0].usable);
	cr_assert_null(json_object_get(set.list[0].details, "unusable"));
	device_set_clear(&set);
	device_set_clear(&set);
}

Test(devices, hardware_is_matched_by_its_node)
{
	struct device_set set = parse_ok("{\"devices\":[" ADRENO "," LAVAPIPE "]}", 2);

	cr_assert_eq(set.n, 3);
	cr_assert_str_eq(set.list[0].id, "msm-5000000.gpu");
	cr_assert_str_eq(set.list[0].node, "/dev/dri/renderD128");
	cr_assert_str_eq(set.list[1].id, "llvmpipe-soft");
	cr_assert_str_eq(set.list[2].id, "amdgpu-0000:03:00.0");
	device_set_allow(&set, false);
	cr_assert(set.list[0].usable);
	cr_assert_not(set.list[1].usable);
	cr_assert_not(set.list[2].usable, "no Vulkan driver answers for it");
	device_set_clear(&set);
}

Test(devices, one_device_is_listed_once)
{
	struct device_set set =
		parse_ok("{\"devices\":[" ADRENO "," ADRENO "," LAVAPIPE "," LAVAPIPE "]}", 1);

	cr_assert_eq(set.n, 2);
	device_set_clear(&set);
}

Test(devices, hardware_without_a_node_is_not_usable)
{
	struct device_set set = parse_ok("{\"devices\":[" ADRENO "]}", 0);

	device_set_allow(&set, true);
	cr_assert_eq(set.n, 1);
	cr_assert_str_eq(set.list[0].id, "turnip-Mesa-6c6c766d7069");
	cr_assert_not(set.list[0].usable);
	device_set_clear(&set);
}

Test(devices, what_cannot_compute_is_not_usable)
{
	struct device_set set =
		parse_ok("{\"devices\":[{\"name\":\"n\",\"driver\":\"d\",\"uuid\":\"" UUID_A
			 "\",\"software\":true,\"compute\":false,\"type\":\"cpu\"}]}",
			 0);

	for (int allow = 0; allow < 2; allow++) {
		device_set_allow(&set, allow);
		cr_assert_not(set.list[0].usable);
		cr_assert_str_eq(
			json_string_value(json_object_get(set.list[0].details, "unusable")),
			"it has no compute queue");
	}
	cr_assert_str_eq(json_string_value(json_object_get(set.list[0].details, "type")), "cpu");
	device_set_clear(&set);
}

/* As with a paravirtual driver over a software one on the host. */
Test(devices, what_calls_itself_software_but_has_a_node_is_hardware)
{
	struct device_set set = parse_ok(
		"{\"devices\":[{\"name\":\"Virtio-GPU Venus (llvmpipe)\",\"driver\":\"venus\","
		"\"uuid\":\"" UUID_A "\",\"software\":true,"
		"\"drm\":{\"render_major\":226,\"render_minor\":129}}]}",
		2);

	device_set_allow(&set, false);
	cr_assert_str_eq(set.list[0].id, "amdgpu-0000:03:00.0");
	cr_assert_not(set.list[0].software);
	cr_assert(set.list[0].usable);
	device_set_clear(&set);
}

Test(devices, names_are_cleaned_and_cut)
{
	struct device_set set = parse_ok(
		"{\"devices\":[{\"name\":\"a\\u001b[31m\\nb\","
		"\"driver\":\"../../x y\\u00e9zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
		"zzzzzzzzzzzz\",\"uuid\":\"" UUID_A "\",\"software\":true}]}",
		0);

	cr_assert_str_eq(set.list[0].name, "a?[31m?b");
	cr_assert_null(strchr(set.list[0].id, '/'));
	cr_assert_eq(strspn(set.list[0].id, "abcdefghijklmnopqrstuvwxyz0123456789.:_-"),
		     strlen(set.list[0].id));
	cr_assert_not_null(strstr(set.list[0].id, "-soft"), "%s", set.list[0].id);
	device_set_clear(&set);
}

struct bad_case {
	const char *json;
	int code;
	const char *where;
};

#define DEVICE(rest) "{\"devices\":[{\"name\":\"n\",\"driver\":\"d\"," rest "}]}"
#define FINE         "\"uuid\":\"" UUID_A "\",\"software\":true"

Test(devices, bad_documents_are_refused_with_the_place)
{
	static const struct bad_case cases[] = {
		{"", -EINVAL, "probe"},
		{"{", -EINVAL, "probe"},
		{"[]", -EINVAL, "probe"},
		{"{\"devices\":{}}", -EINVAL, "probe"},
		{"{\"devices\":[],\"devices\":[]}", -EINVAL, "probe"},
		{"{\"devices\":[\"\xff\"]}", -EINVAL, "probe"},
		{"{\"devices\":[7]}", -EINVAL, "devices[0]"},
		{"{\"devices\":[" LAVAPIPE ",null]}", -EINVAL, "devices[1]"},
		{"{\"devices\":[{}]}", -EINVAL, "devices[0]"},
		{DEVICE("\"software\":true"), -EINVAL, "devices[0]"},
		{DEVICE("\"software\":true,\"uuid\":\"00\""), -EINVAL, "devices[0]"},
		{DEVICE("\"software\":true,\"uuid\":\"6C6C766D70697065555549440000AAAA\""), -EINVAL,
		 "devices[0]"},
		{DEVICE("\"software\":1,\"uuid\":\"" UUID_A "\""), -EINVAL, "devices[0]"},
		{DEVICE(FINE ",\"drm\":7"), -EINVAL, "devices[0]"},
		{DEVICE(FINE ",\"drm\":{\"render_minor\":\"128\"}"), -EINVAL, "devices[0]"},
		{DEVICE(FINE ",\"limits\":[]"), -EINVAL, "devices[0].limits"},
		{DEVICE(FINE ",\"type\":7"), -EINVAL, "devices[0].type"},
		{DEVICE(FINE ",\"speed\":1e999"), -EINVAL, "probe"},
		{DEVICE(FINE ",\"limits\":{\"a\":[[[1]]]}"), -E2BIG, "devices[0].limits"},
		{"{\"devices\":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", -E2BIG, "devices"},
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct device_set set = {.n = 99};
		struct error err = {0};
		int r = device_set_parse(&set, cases[i].json, strlen(cases[i].json), nodes, 2,
					 &err);

		cr_assert_eq(r, cases[i].code, "case %u: %d %s: %s", i, r, err.where, err.what);
		cr_assert_str_eq(err.where, cases[i].where, "case %u: %s", i, err.what);
		cr_assert_neq(err.what[0], '\0');
		cr_assert_eq(set.n, 99, "written on failure");
	}
}

/* Each prefix of a good document, and each with one byte changed: refused or read, never worse. */
Test(devices, damaged_documents_harm_nobody)
{
	static const char good[] = "{\"devices\":[" ADRENO "," LAVAPIPE "]}";
	char copy[sizeof(good)];

	for (size_t i = 0; i < 3 * (sizeof(good) - 1); i++) {
		struct device_set set;
		size_t len = sizeof(good) - 1;

		memcpy(copy, good, sizeof(good));
		if (i < len)
			len = i;
		else
			copy[i % len] ^= (char)(i / len * 5);
		if (device_set_parse(&set, copy, len, nodes, 2, NULL) == 0)
			device_set_clear(&set);
		else
			cr_assert(i < sizeof(good) - 1 || copy[i % len] != good[i % len]);
	}
}

Test(devices, depth_and_width_are_bounded)
{
	size_t room = DEVICES_PROBE_MAX + 2;
	_cleanup_free_ char *json = malloc(room);
	struct device_set set;
	size_t at;

	memset(json, '[', room);
	cr_assert_eq(device_set_parse(&set, json, DEVICES_PROBE_MAX, NULL, 0, NULL), -EINVAL);
	cr_assert_eq(device_set_parse(&set, json, DEVICES_PROBE_MAX + 1, NULL, 0, NULL), -E2BIG);
	at = (size_t)sprintf(json, "{\"devices\":[{\"name\":\"n\",\"driver\":\"d\"," FINE
				   ",\"limits\":{\"a\":[0");
	for (int i = 0; i < DEVICE_DETAILS_MEMBERS; i++)
		at += (size_t)sprintf(json + at, ",%d", i);
	at += (size_t)sprintf(json + at, "]}}]}");
	cr_assert_eq(device_set_parse(&set, json, at, NULL, 0, NULL), -E2BIG);
}

Test(devices, an_accelerator_is_listed_and_not_usable)
{
	static const struct device_node npu[] = {
		{"/dev/accel/accel0", "rocket", "fdab0000.npu", 261, 0, true},
	};
	struct device_set set = {0};

	cr_assert_eq(device_set_parse(&set, "{\"devices\":[]}", 14, npu, 1, NULL), 0);
	cr_assert_eq(set.n, 1);
	cr_assert_str_eq(set.list[0].id, "rocket-fdab0000.npu");
	cr_assert_str_eq(set.list[0].node, "/dev/accel/accel0");
	cr_assert_not(set.list[0].software);
	for (int allow = 0; allow < 2; allow++) {
		device_set_allow(&set, allow);
		cr_assert_not(set.list[0].usable);
		cr_assert_str_eq(
			json_string_value(json_object_get(set.list[0].details, "unusable")),
			"an accelerator: Vulkan does not reach it");
	}
	device_set_clear(&set);
}

/* As sysfs shows an accelerator on the platform bus, one on PCI, and what is none. */
static void fake_accels(const char *root)
{
	static const char script[] =
		"set -e; cd \"$0\"; mkdir -p class/accel bus/vnpu bus/qaic\n"
		"make() { mkdir -p devices/$2/accel/$1; echo $3 >devices/$2/accel/$1/dev\n"
		"ln -s ../../../$2 devices/$2/accel/$1/device\n"
		"ln -s ../../devices/$2/accel/$1 class/accel/$1; }\n"
		"make accel0 vnpu 261:0; ln -s ../../bus/vnpu devices/vnpu/driver\n"
		"make accel1 0000:03:00.0 261:1; ln -s ../../bus/qaic devices/0000:03:00.0/driver\n"
		"make accel2 broken none; make accel_of_a_long_name x 261:9; make other y 1:1\n";
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", script, root, NULL);
		_exit(127);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

static const struct device_node *node_named(const struct device_node *list, unsigned int n,
					    const char *path)
{
	for (unsigned int i = 0; i < n; i++)
		if (!strcmp(list[i].path, path))
			return &list[i];
	return NULL;
}

Test(devices, accelerators_are_found_in_sysfs)
{
	char root[] = "/tmp/test_devices.XXXXXX", command[64];
	struct device_node found[DEVICES_MAX];
	const struct device_node *npu, *card;
	unsigned int n, n_accels = 0;

	cr_assert_not_null(mkdtemp(root));
	fake_accels(root);
	n = device_nodes_read(found, DEVICES_MAX, root);
	for (unsigned int i = 0; i < n; i++)
		n_accels += found[i].accel;
	cr_assert_eq(n_accels, 2);
	npu = node_named(found, n, "/dev/accel/accel0");
	card = node_named(found, n, "/dev/accel/accel1");
	cr_assert(npu && card);
	cr_assert_str_eq(npu->driver, "vnpu");
	cr_assert_str_eq(npu->address, "vnpu");
	cr_assert_eq(npu->major, 261);
	cr_assert_str_eq(card->driver, "qaic");
	cr_assert_str_eq(card->address, "0000:03:00.0");
	cr_assert_eq(card->minor, 1);
	cr_assert_leq(device_nodes_read(found, 1, root), 1);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	cr_assert_eq(system(command), 0);
}

Test(devices, nodes_of_this_machine_exist)
{
	struct device_node found[DEVICES_MAX];
	unsigned int n = device_nodes_read(found, DEVICES_MAX, "/sys");

	cr_assert_leq(n, DEVICES_MAX);
	for (unsigned int i = 0; i < n; i++) {
		cr_assert_eq(access(found[i].path, F_OK), 0, "%s", found[i].path);
		cr_assert_neq(found[i].address[0], '\0');
	}
}

/* The probe, with children. */

struct bench {
	struct loop *loop;
	struct devices *devices;
	struct config config;
	struct error err;
	bool failed;
	unsigned int calls;
};

static void ended(void *data, const struct error *err)
{
	struct bench *b = data;

	b->calls++;
	b->failed = err;
	if (err)
		b->err = *err;
	loop_stop(b->loop);
}

static void bench_open(struct bench *b)
{
	*b = (struct bench){.config = {.roots.sys = "/sys", .allow_software_device = true}};
	strcpy(b->config.state_dir, "/tmp/idlebroker-devices-XXXXXX");
	cr_assert_not_null(mkdtemp(b->config.state_dir));
	snprintf(b->config.worker, sizeof(b->config.worker), "%.200s/worker", b->config.state_dir);
	cr_assert_eq(loop_new(&b->loop, &b->err), 0, "%s", b->err.what);
	cr_assert_eq(devices_new(&b->devices, b->loop, &b->config, ended, b), 0);
}

static void bench_close(struct bench *b)
{
	static const char *const files[] = {"worker", "devices.json", "devices.json.new", "pid"};
	char path[CONFIG_PATH_MAX + 32];

	devices_free(b->devices);
	loop_free(b->loop);
	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", b->config.state_dir, files[i]);
		unlink(path);
	}
	cr_assert_eq(rmdir(b->config.state_dir), 0, "%s", b->config.state_dir);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	cr_assert_geq(fd, 0);
	cr_assert_eq(io_write_all(fd, text, strlen(text)), 0);
}

static void probe_with(struct bench *b, const char *script)
{
	char text[4096];

	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
	write_file(b->config.worker, text, 0755);
	b->calls = 0;
	cr_assert_eq(devices_probe(b->devices), 0);
	cr_assert_eq(devices_probe(b->devices), -EALREADY);
	cr_assert_eq(loop_run(b->loop), 0);
	cr_assert_eq(b->calls, 1);
}

Test(devices, a_probe_fills_the_list_and_a_restart_has_it_at_once)
{
	const struct device *list;
	struct devices *again;
	struct bench b;

	bench_open(&b);
	cr_assert_eq(devices_list(b.devices, &list), 0);
	probe_with(&b, "[ \"$1\" = --probe ] && echo '{\"devices\":[" LAVAPIPE "]}'");
	cr_assert_not(b.failed, "%s: %s", b.err.where, b.err.what);
	cr_assert_geq(devices_list(b.devices, &list), 1);
	cr_assert_str_eq(list[0].id, "llvmpipe-soft");
	cr_assert(list[0].usable);
	cr_assert_eq(devices_new(&again, b.loop, &b.config, ended, &b), 0);
	cr_assert_geq(devices_list(again, &list), 1);
	cr_assert_str_eq(list[0].id, "llvmpipe-soft");
	b.config.allow_software_device = false;
	devices_reconfigure(again, &b.config);
	cr_assert_not(list[0].usable);
	devices_free(again);
	bench_close(&b);
}

struct bad_probe {
	const char *script;
	const char *words;
};

Test(devices, a_probe_that_fails_keeps_the_list)
{
	static const struct bad_probe cases[] = {
		{"exit 3", "status 3"},
		{"kill -9 $$", "signal 9"},
		{"echo '{\"devices\":[7]}'", "must be an object"},
		{"exec head -c 300000 /dev/zero", "more than"},
		{"exec sleep 60", "longer than"},
		{"printf '{\"dev'", "line 1"},
	};
	const struct device *list;
	struct bench b;

	bench_open(&b);
	probe_with(&b, "echo '{\"devices\":[" LAVAPIPE "]}'");
	devices_set_time_limit(b.devices, NS_PER_S / 2);
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		probe_with(&b, cases[i].script);
		cr_assert(b.failed, "case %u", i);
		cr_assert_not_null(strstr(b.err.what, cases[i].words), "case %u: %s", i,
				   b.err.what);
		cr_assert_geq(devices_list(b.devices, &list), 1);
		cr_assert_str_eq(list[0].id, "llvmpipe-soft");
	}
	bench_close(&b);
}

Test(devices, a_probe_that_fails_is_started_again)
{
	const struct device *list;
	struct bench b;

	bench_open(&b);
	devices_set_time_limit(b.devices, NS_PER_S / 5);
	probe_with(&b, "f=${0%/*}/pid; echo >>$f; [ $(wc -l <$f) -gt 2 ] || exit 3\n"
		       "echo '{\"devices\":[" LAVAPIPE "]}'");
	cr_assert(b.failed);
	cr_assert_eq(devices_list(b.devices, &list), 0);
	for (unsigned int calls = 2; calls <= 1 + DEVICES_RETRIES && b.failed; calls++) {
		cr_assert_eq(loop_run(b.loop), 0);
		cr_assert_eq(b.calls, calls);
	}
	cr_assert_not(b.failed, "%s: %s", b.err.where, b.err.what);
	cr_assert_geq(devices_list(b.devices, &list), 1);
	bench_close(&b);
}

/* It left a child behind that holds the pipe: the probe ends all the same, and the child too. */
Test(devices, a_grandchild_does_not_hold_the_probe_up)
{
	char path[CONFIG_PATH_MAX + 32], script[512];
	_cleanup_free_ char *pid = NULL;
	struct bench b;

	bench_open(&b);
	snprintf(script, sizeof(script), "sleep 50 &\necho $! > %s/pid\necho '{\"devices\":[]}'",
		 b.config.state_dir);
	probe_with(&b, script);
	cr_assert_not(b.failed, "%s: %s", b.err.where, b.err.what);
	snprintf(path, sizeof(path), "%s/pid", b.config.state_dir);
	cr_assert_gt(io_read_file(AT_FDCWD, path, 64, &pid), 0);
	for (int i = 0; i < 200 && kill(atoi(pid), 0) == 0; i++) {
		char stat_path[64];
		_cleanup_free_ char *text = NULL;

		/* Nobody may reap it here: dead is enough. */
		snprintf(stat_path, sizeof(stat_path), "/proc/%d/stat", atoi(pid));
		if (io_read_file(AT_FDCWD, stat_path, 4096, &text) < 0 || strstr(text, ") Z "))
			break;
		cr_assert_lt(i, 199, "the grandchild lives");
		usleep(10000);
	}
	bench_close(&b);
}

Test(devices, an_absent_worker_is_an_error_at_once)
{
	struct bench b;

	bench_open(&b);
	cr_assert_eq(devices_probe(b.devices), -ENOENT);
	cr_assert_eq(devices_probe(b.devices), -ENOENT);
	cr_assert_eq(b.calls, 0);
	bench_close(&b);
}

Test(devices, a_damaged_last_list_is_ignored)
{
	char path[CONFIG_PATH_MAX + 32];
	const struct device *list;
	struct devices *again;
	struct bench b;

	bench_open(&b);
	snprintf(path, sizeof(path), "%s/devices.json", b.config.state_dir);
	write_file(path, "{\"devices\":[{\"name\":", 0600);
	cr_assert_eq(devices_new(&again, b.loop, &b.config, ended, &b), 0);
	cr_assert_eq(devices_list(again, &list), 0);
	devices_free(again);
	bench_close(&b);
}

Test(devices, a_running_probe_dies_with_its_owner)
{
	struct bench b;

	bench_open(&b);
	write_file(b.config.worker, "#!/bin/sh\nexec sleep 60\n", 0755);
	cr_assert_eq(devices_probe(b.devices), 0);
	bench_close(&b);
}

/* Beside this test's own program lies the build: <build>/tests/unit/test_devices. */
Test(devices, the_real_worker_answers)
{
	const struct device *list;
	unsigned int n, software = 0;
	char self[CONFIG_PATH_MAX];
	struct bench b;
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *tail;

	cr_assert_gt(len, 0);
	self[len] = '\0';
	tail = strstr(self, "/tests/unit/");
	cr_assert_not_null(tail);
	*tail = '\0';
	bench_open(&b);
	snprintf(b.config.worker, sizeof(b.config.worker), "%.200s/broker-worker", self);
	if (access(b.config.worker, X_OK) < 0) {
		bench_close(&b);
		cr_skip_test("broker-worker is not built");
	}
	cr_assert_eq(devices_probe(b.devices), 0);
	cr_assert_eq(loop_run(b.loop), 0);
	cr_assert_not(b.failed, "%s: %s", b.err.where, b.err.what);
	n = devices_list(b.devices, &list);
	cr_assert_geq(n, 1);
	for (unsigned int i = 0; i < n; i++)
		software += list[i].software && list[i].usable &&
			    json_object_size(json_object_get(list[i].details, "limits")) > 0;
	cr_assert_geq(software, 1, "Mesa's software driver is a dependency of the tests");
	bench_close(&b);
}
