# SPDX-License-Identifier: MIT
# brokerd: everything but main.c is a library, which the tests link too.
#
# WITH_LOGIND (default: whether libsystemd is there) tells the broker of a sleep before it begins.
WITH_LOGIND ?= $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo 1 || echo 0)
ifeq ($(WITH_LOGIND),1)
BROKER_LEFT_OUT := broker/sources/logind-fallback.c
else
BROKER_LEFT_OUT := broker/sources/logind.c
endif
BROKER_SRC := $(filter-out broker/main.c $(BROKER_LEFT_OUT),$(sort $(wildcard broker/*.c broker/sources/*.c \
	broker/sched/*.c broker/store/*.c broker/api/*.c))) $(BROKER_BPF_SRC)
BROKER_LIBS := $(call pkg_libs,liburing libdrm libnl-3.0 libnl-genl-3.0 inih sqlite3) -lpthread \
	$(if $(filter 1,$(WITH_LOGIND)),$(call pkg_libs,libsystemd))
$(B)/libbrokerd.a: $(call objs,$(BROKER_SRC))
$(B)/tests/unit/test_sources_suspend.o: DEFS += -DWITH_LOGIND=$(WITH_LOGIND)

ifneq ($(wildcard broker/main.c),)
PROGRAMS += $(B)/brokerd
endif
$(B)/brokerd: $(B)/broker/main.o $(B)/libbrokerd.a $(B)/libidlebroker-static.a $(B)/libgate.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BROKER_LIBS) $(LIBBROKER_LIBS)
