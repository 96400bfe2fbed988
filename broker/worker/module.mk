# SPDX-License-Identifier: MIT
# broker-worker: the only program that loads a Vulkan driver. SPIRV-Tools has no shared C library
# in Debian, so it is linked statically, with the C++ runtime it needs.
WORKER_SRC := $(filter-out broker/worker/main.c,$(sort $(wildcard broker/worker/*.c)))
WORKER_LIBS := $(call pkg_libs,vulkan libdrm liburing) -lSPIRV-Tools -lstdc++ -lm -lpthread
$(B)/libworker.a: $(call objs,$(WORKER_SRC))

ifneq ($(wildcard broker/worker/main.c),)
PROGRAMS += $(B)/broker-worker
endif
$(B)/broker-worker: $(B)/broker/worker/main.o $(B)/libworker.a $(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(WORKER_LIBS) $(LIBBROKER_LIBS)
