# SPDX-License-Identifier: MIT
# The eBPF programs as brokerd sees them; without them, hub-fallback.c stands for it. Included
# before broker/module.mk.
ifeq ($(WITH_BPF),1)
BROKER_BPF_LEFT_OUT := broker/bpf/hub-fallback.c
else
BROKER_BPF_LEFT_OUT := broker/bpf/hub.c broker/bpf/hub_load.c broker/bpf/gpu.c
endif
BROKER_BPF_SRC := $(filter-out $(BROKER_BPF_LEFT_OUT),$(sort $(wildcard broker/bpf/*.c)))
