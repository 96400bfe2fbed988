# SPDX-License-Identifier: GPL-2.0-only
# The gate core and its case table, compiled for user space here and, unchanged, into the kernel
# module.
GATE_SRC := $(sort $(wildcard kmod/core/*.c kmod/selftest/*.c))
$(B)/libgate.a: $(call objs,$(GATE_SRC))
$(call objs,$(GATE_SRC)): ALL_CFLAGS += -ffreestanding

.PHONY: check-core
check-core: ## the gate core compiled as a kernel would, for 64 and 32 bits
	@tests/check-core.sh $(B) "$(CC)" $(GATE_SRC)

# The module, for the kernel whose build folder is KDIR; kmod/Makefile says more.
KMOD_VARS := B='$(abspath $(B))/kmod' $(if $(KDIR),KDIR='$(KDIR)')
# Flags of the programs are none of the kernel's.
KMOD_MAKE := env -u CFLAGS -u CPPFLAGS -u LDFLAGS $(MAKE) -C kmod

.PHONY: modules
modules: ## idlegate.ko, for the running kernel or KDIR=
	+@$(KMOD_MAKE) $(KMOD_VARS) modules

.PHONY: modules_install
modules_install: ## below $(INSTALL_MOD_PATH)/lib/modules
	+@$(KMOD_MAKE) $(KMOD_VARS) modules_install
