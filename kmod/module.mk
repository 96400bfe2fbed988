# SPDX-License-Identifier: GPL-2.0-only
# The gate core and its case table, compiled for user space here and, unchanged, into the kernel
# module.
GATE_SRC := $(sort $(wildcard kmod/core/*.c kmod/selftest/*.c))
$(B)/libgate.a: $(call objs,$(GATE_SRC))
$(call objs,$(GATE_SRC)): ALL_CFLAGS += -ffreestanding

.PHONY: check-core
check-core: ## the gate core compiled as a kernel would, for 64 and 32 bits
	@tests/check-core.sh $(B) "$(CC)" $(GATE_SRC)
