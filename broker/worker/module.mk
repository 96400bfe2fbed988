# SPDX-License-Identifier: MIT
# broker-worker: the only program that loads a Vulkan driver. SPIRV-Tools has no shared C library
# in Debian, so it is linked statically, with the C++ runtime it needs.
WORKER_SRC := $(filter-out broker/worker/main.c,$(sort $(wildcard broker/worker/*.c)))
WORKER_LIBS := $(call pkg_libs,vulkan libdrm liburing) -lSPIRV-Tools -lstdc++ -lm -lpthread
$(B)/libworker.a: $(call objs,$(WORKER_SRC))

# The benchmark's shaders, as C arrays.
GLSLANG ?= glslangValidator
$(B)/gen/worker/%_spirv.h: broker/worker/shaders/%.comp
	@mkdir -p $(@D)
	$(call say,GLSL)$(GLSLANG) --quiet -V --target-env vulkan1.1 --vn $*_spirv -o $@ $<
$(B)/broker/worker/speed.o $(B)/fuzz/obj/broker/worker/speed.o: \
	$(B)/gen/worker/fma_spirv.h $(B)/gen/worker/copy_spirv.h

ifneq ($(wildcard broker/worker/main.c),)
PROGRAMS += $(B)/broker-worker
endif
$(B)/broker-worker: $(B)/broker/worker/main.o $(B)/libworker.a $(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(WORKER_LIBS) $(LIBBROKER_LIBS)
