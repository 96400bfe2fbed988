# SPDX-License-Identifier: MIT
# brokerd: everything but main.c is a library, which the tests link too.
BROKER_SRC := $(filter-out broker/main.c,$(sort $(wildcard broker/*.c broker/sources/*.c \
	broker/sched/*.c broker/store/*.c broker/api/*.c)))
BROKER_LIBS := $(call pkg_libs,liburing libdrm libnl-3.0 libnl-genl-3.0 inih sqlite3) -lpthread
$(B)/libbrokerd.a: $(call objs,$(BROKER_SRC))

ifneq ($(wildcard broker/main.c),)
PROGRAMS += $(B)/brokerd
endif
$(B)/brokerd: $(B)/broker/main.o $(B)/libbrokerd.a $(B)/libidlebroker-static.a $(B)/libgate.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BROKER_LIBS) $(LIBBROKER_LIBS)
