# SPDX-License-Identifier: MIT
# What loads the eBPF programs; without them, hub-fallback.c stands for it. Included before
# broker/module.mk.
ifeq ($(WITH_BPF),1)
BROKER_BPF_LEFT_OUT := broker/bpf/hub-fallback.c
BROKER_BPF_LIBS := $(call pkg_libs,libbpf)
else
BROKER_BPF_LEFT_OUT := broker/bpf/hub.c broker/bpf/gpu.c broker/bpf/load.c broker/bpf/objects.c
endif
BROKER_BPF_SRC := $(filter-out $(BROKER_BPF_LEFT_OUT),$(sort $(wildcard broker/bpf/*.c)))
# Generated headers, in which warnings are not ours.
$(B)/broker/bpf/objects.o $(B)/fuzz/obj/broker/bpf/objects.o: CPPFLAGS += -isystem $(B)/gen/bpf
$(B)/broker/bpf/objects.o $(B)/fuzz/obj/broker/bpf/objects.o: $(BPF_SKELETONS)
