# SPDX-License-Identifier: MIT
# Benchmarks of the phone: each tests/phone/bench/X.c is a program that runs in the guest.
PHONE_BENCH_BIN := $(patsubst tests/phone/bench/%.c,$(B)/phone/bench/%,\
	$(sort $(wildcard tests/phone/bench/*.c)))
$(PHONE_BENCH_BIN): $(B)/phone/bench/%: $(B)/tests/phone/bench/%.o
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(PHONE_BENCH_LIBS) -lpthread

# A program of the owner's that draws, and what it draws with.
$(B)/phone/bench/vulkan_client: $(B)/libtestjobs.a $(B)/libidlebroker-static.a | \
	$(B)/gen/spirv/mix/mix.spv
$(B)/phone/bench/vulkan_client: PHONE_BENCH_LIBS = $(call pkg_libs,vulkan) $(LIBBROKER_LIBS)

# BENCH='module peer' for some of them, QUICK=1 with few samples; bench_phone.py has their names.
.PHONY: bench-phone
bench-phone: ## how soon a touched phone has its GPU back (BENCH=name for one, QUICK=1 for a look)
	@packaging/deps.sh phone
	@tests/phone/bench/test_trace.py
	@B='$(B)' tests/phone/bench/bench_phone.py $(if $(QUICK),--quick) $(BENCH)

.PHONY: bench-bpf
bench-bpf: ## how soon the GPU is another program's, and what the eBPF programs cost (BENCH=, QUICK=1)
	@packaging/deps.sh phone
	@tests/phone/bench/test_trace.py
	@tests/phone/bench/test_bpf_evaluate.py
	@B='$(B)' tests/phone/bench/bench_bpf.py $(if $(QUICK),--quick) $(BENCH)
