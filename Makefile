# SPDX-License-Identifier: MIT
#
# Idlebroker: one Makefile, a module.mk in each folder, no recursion. `make help` lists the targets.
#
#   make                    build everything into build/
#   make B=build/asan SAN=address,undefined     a build of its own with sanitizers
#   make CC=clang WITH_LOGIND=0 prefix=/usr DESTDIR=/tmp/root install

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

B ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
CXX ?= g++
AR ?= ar
PKG_CONFIG ?= pkg-config

VERSION := $(shell cat VERSION)

prefix ?= /usr/local
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib
libexecdir ?= $(prefix)/libexec
includedir ?= $(prefix)/include
datadir ?= $(prefix)/share
mandir ?= $(datadir)/man
sysconfdir ?= /etc

# A missing library is reported by `make deps`, which must run without any.
PKGS := liburing libdrm libnl-3.0 libnl-genl-3.0 jansson inih sqlite3 libsodium libarchive \
	libseccomp vulkan
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
# What does its own set-up, or compiles nothing, is not troubled with it.
ifneq ($(filter-out deps check demo bench style clean help,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell $(PKG_CONFIG) --exists $(PKGS) 2>/dev/null || echo missing),)
$(warning $(PKG_CONFIG): $(shell for p in $(PKGS); do $(PKG_CONFIG) --exists $$p 2>/dev/null || \
	echo $$p; done) not found; `make deps` installs what is missing)
endif
endif
pkg_libs = $(shell $(PKG_CONFIG) --libs $(1) 2>/dev/null)

WARN := -Wall -Wextra -Werror -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes \
	-Wvla -Wshadow
OPT ?= -O2 -g
SAN ?=
SAN_FLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer)
# A distribution that says its own level of checks, by its flags, is heard.
FORTIFY := $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE \
	-D_FORTIFY_SOURCE=2)
HARDEN := $(if $(SAN),,$(FORTIFY)) -fstack-protector-strong
# Files and times of 64 bits on machines of 32 too.
DEFS := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -DIDLEBROKER_VERSION='"$(VERSION)"' \
	-DIDLEBROKER_LIBEXECDIR='"$(libexecdir)/idlebroker"' -DIDLEBROKER_SYSCONFDIR='"$(sysconfdir)"'
CPPFLAGS += -I. -Ikmod/uapi -I$(B)/gen $(DEFS) $(PKG_CFLAGS)
ALL_CFLAGS = -std=gnu17 -fPIC -fvisibility=hidden $(WARN) $(OPT) $(HARDEN) $(SAN_FLAGS) $(CFLAGS)
ALL_LDFLAGS = $(SAN_FLAGS) -Wl,--as-needed -Wl,-z,relro,-z,now $(LDFLAGS)

objs = $(patsubst %.c,$(B)/%.o,$(1))

# What the folders fill in.
PROGRAMS :=
TESTS_UNIT :=
HELP_EXTRA :=

include kmod/module.mk bpf/module.mk libbroker/module.mk broker/bpf/module.mk broker/module.mk broker/bpf/loader/module.mk broker/worker/module.mk tools/module.mk
include tests/module.mk packaging/module.mk

.PHONY: all
all: $(PROGRAMS) ## build everything

# `make V=1` shows the commands.
ifeq ($(V),1)
say =
else
say = @printf '  %-5s %s\n' $(1) '$(patsubst $(B)/%,%,$@)';
endif

# Objects are made again when what they are made with changes, not only their sources.
FLAGS := $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS)
ifneq ($(file <$(B)/flags),$(FLAGS))
$(shell mkdir -p $(B))$(file >$(B)/flags,$(FLAGS))
endif

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

.PHONY: deps
deps: ## install what is missing (apt or apk), or print the command that does
	@packaging/deps.sh

.PHONY: clean
clean: ## remove build/
	rm -rf $(B)

.PHONY: help
help: ## this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort -u | \
		awk -F'\t' '{ printf "  %-14s %s\n", $$1, $$2 }'

-include $(shell find $(B) -name '*.d' 2>/dev/null)
