# SPDX-License-Identifier: MIT
# Do the eBPF programs load, and at what cost to the verifier? bpf/verifier.txt is the table.
PHONE_BPF_STATS := $(B)/phone/bpf/stats
$(B)/tests/phone/bpf/stats.o: CPPFLAGS += -DBPF_COMPILER='"clang $(shell $(BPF_CLANG) -dumpversion)"'
$(PHONE_BPF_STATS): $(B)/tests/phone/bpf/stats.o $(call objs,broker/bpf/loader/objects.c \
	broker/bpf/loader/why.c)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(BPF_LOADER_LIBS)

.PHONY: phone-bpf-stats
phone-bpf-stats: $(PHONE_BPF_STATS)

# BPF_SUITES='bookworm forky' for some of the roots.
.PHONY: check-phone-bpf check-bpf bpf-table
check-phone-bpf: phone-deps ## the eBPF programs on Linux 6.1, 6.12 and 7.x, against bpf/verifier.txt
	@tests/phone/bpf/table.py
	@B='$(B)' tests/phone/bpf/check.py $(BPF_SUITES)
check-bpf: $(PHONE_BPF_STATS) ## the eBPF programs on this machine's kernel, as far as it lets
	@tests/phone/bpf/table.py
	@tests/phone/bpf/check.py --here $(PHONE_BPF_STATS)
bpf-table: phone-deps ## write bpf/verifier.txt anew
	@B='$(B)' tests/phone/bpf/check.py --write $(BPF_SUITES)
