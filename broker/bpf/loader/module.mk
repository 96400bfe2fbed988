# SPDX-License-Identifier: MIT
# broker-bpf: the only program that uses libbpf. A build without eBPF has none of it.
BPF_LOADER_SRC := broker/bpf/loader/why.c
ifeq ($(WITH_BPF),1)
BPF_LOADER_SRC += broker/bpf/loader/load.c broker/bpf/loader/objects.c
PROGRAMS += $(B)/broker-bpf
endif
BPF_LOADER_LIBS := $(call pkg_libs,libbpf)
$(B)/libbpfload.a: $(call objs,$(BPF_LOADER_SRC))
# Generated headers, in which warnings are not ours.
$(B)/broker/bpf/loader/objects.o: CPPFLAGS += -isystem $(B)/gen/bpf
$(B)/broker/bpf/loader/objects.o: $(BPF_SKELETONS)

$(B)/broker-bpf: $(B)/broker/bpf/loader/main.o $(B)/libbpfload.a $(B)/libbrokerd.a \
	$(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BPF_LOADER_LIBS) $(LIBBROKER_LIBS)
