/* SPDX-License-Identifier: MIT */
/*
 * brokerd: options, signals, and the loop.
 *
 * SIGTERM and SIGINT stop it: running jobs write a checkpoint first. SIGHUP reads the configuration
 * again. Exit status: 0 stopped, 1 could not start or the loop failed, 2 wrong options.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/broker_internal.h"
#include "broker/notify.h"
#include "broker/urgency.h"
#include "libbroker/util/cleanup.h"
#include "libbroker/util/log.h"

#define DEFAULT_CONFIG IDLEBROKER_SYSCONFDIR "/idlebroker/broker.conf"

static const char usage[] =
	"Usage: brokerd [OPTION]...\n"
	"Lends this device's GPU to jobs while its owner does not need it.\n"
	"\n"
	"  -c, --config FILE    read FILE and FILE.d/*.conf (default: " DEFAULT_CONFIG ")\n"
	"      --check-config   read the configuration, say what is wrong, and exit\n"
	"      --print-config   print every setting with its value, and exit\n"
	"  -V, --version        print the version, and exit\n"
	"  -h, --help           print this, and exit\n";

struct options {
	const char *config;
	bool check, print;
};

struct stopping {
	struct broker *broker;
	bool asked;
};

static void stopped(void *data)
{
	struct stopping *s = data;

	loop_stop(s->broker->loop);
}

static void on_signal(void *data, int fd, int events)
{
	struct stopping *s = data;
	struct signalfd_siginfo info;
	struct error err;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		if (broker_reload(s->broker, &err) < 0)
			log_error("configuration not read: the old one stays",
				  LOG_STR("where", err.where), LOG_STR("why", err.what));
		return;
	}
	if (s->asked) {
		loop_stop(s->broker->loop); /* asked twice: at once */
		return;
	}
	s->asked = true;
	log_info("stopping");
	notify_send("STOPPING=1");
	supervisor_shutdown(s->broker->sup, stopped, s);
}

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* Nothing that is opened later may land on the numbers of the standard streams. */
static void hold_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int parse_options(int argc, char **argv, struct options *o)
{
	enum {
		OPT_CHECK = 256,
		OPT_PRINT
	};
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
					      {"check-config", no_argument, NULL, OPT_CHECK},
					      {"print-config", no_argument, NULL, OPT_PRINT},
					      {"version", no_argument, NULL, 'V'},
					      {"help", no_argument, NULL, 'h'},
					      {}};
	int c;

	while ((c = getopt_long(argc, argv, "c:Vh", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case OPT_CHECK:
			o->check = true;
			break;
		case OPT_PRINT:
			o->print = true;
			break;
		case 'V':
			puts("brokerd " IDLEBROKER_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'brokerd --help'.\n", stderr);
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "brokerd: unexpected argument '%s'\n%s", argv[optind], usage);
		return -EINVAL;
	}
	return 1;
}

/* Without --config a missing default file means the defaults. */
static const char *config_path(const struct options *o)
{
	if (o->config)
		return o->config;
	return access(DEFAULT_CONFIG, F_OK) == 0 ? DEFAULT_CONFIG : NULL;
}

static int run(struct broker *b)
{
	struct stopping stopping = {.broker = b};
	_cleanup_close_ int signals = open_signals();
	struct loop_watch *watch;
	struct error err = {};
	int r;

	if (signals < 0) {
		log_error("signals", LOG_STR("why", strerror(-signals)));
		return signals;
	}
	r = broker_start(b, &err);
	if (r == 0)
		r = loop_watch(b->loop, signals, POLLIN, on_signal, &stopping, &watch);
	if (r < 0) {
		log_error("brokerd cannot start", LOG_STR("where", err.where),
			  LOG_STR("why", err.what));
		return r;
	}
	log_info("ready", LOG_STR("version", IDLEBROKER_VERSION),
		 LOG_STR("socket", b->config.socket), LOG_UINT("jobs", b->jobs.count));
	notify_send("READY=1");
	r = urgency_raise();
	if (r < 0)
		log_info("on a busy processor the device is given back later",
			 LOG_STR("why", "real-time priority is refused"),
			 LOG_STR("error", strerror(-r)));
	r = loop_run(b->loop);
	if (r < 0)
		log_error("the loop failed", LOG_STR("why", strerror(-r)));
	return r < 0 ? r : b->result;
}

int main(int argc, char **argv)
{
	static struct broker broker;
	struct options o = {};
	struct error err;
	int r = parse_options(argc, argv, &o);

	if (r <= 0)
		return r < 0 ? 2 : 0;
	hold_standard_streams();
	umask(0077);
	broker.config_path = config_path(&o);
	if (config_load(&broker.config, broker.config_path, &err) < 0) {
		fprintf(stderr, "brokerd: %s: %s\n", err.where, err.what);
		return 1;
	}
	if (o.print)
		config_print(&broker.config, stdout);
	if (o.print || o.check)
		return 0;
	log_set_level(broker.config.log_level);
	r = run(&broker);
	broker_deinit(&broker);
	return r < 0 ? 1 : 0;
}
