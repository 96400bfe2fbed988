# SPDX-License-Identifier: MIT
# The tests that need the phone's kernel: each tests/phone/suite/test_*.c is one program
# $(B)/phone/suite/test_<name>, the other .c files there are what they share.
PHONE_SUITE_SRC := $(sort $(wildcard tests/phone/suite/test_*.c))
PHONE_SUITE_LIB := $(filter-out $(PHONE_SUITE_SRC),$(sort $(wildcard tests/phone/suite/*.c)))
PHONE_SUITE_BIN := $(patsubst tests/phone/suite/%.c,$(B)/phone/suite/%,$(PHONE_SUITE_SRC))

$(PHONE_SUITE_BIN): $(B)/phone/suite/%: $(B)/tests/phone/suite/%.o $(call objs,$(PHONE_SUITE_LIB))
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ -pthread $(SUITE_LIBS)

# Those of eBPF run brokerd's own sources and loader against the kernel.
PHONE_BPF_BIN := $(filter $(B)/phone/suite/test_bpf_%,$(PHONE_SUITE_BIN))
$(PHONE_BPF_BIN): $(B)/libbrokerd.a $(B)/libidlebroker-static.a $(B)/libgate.a
$(PHONE_BPF_BIN): SUITE_LIBS = $(BROKER_LIBS) $(LIBBROKER_LIBS)

.PHONY: phone-suite
phone-suite: $(PHONE_SUITE_BIN)

.PHONY: check-phone-power
check-phone-power: phone-deps ## cut the phone's power 20 times in the middle of a job
	@$(PHONE) build $(S)
	@IDLEBROKER_CUTS=20 tests/phone/suite/host_power.py $(S) $(B)/phone/$(S)
