# SPDX-License-Identifier: GPL-2.0-only
# The gate core and its case table, compiled for user space here and, unchanged, into the kernel
# module.
GATE_SRC := $(sort $(wildcard kmod/core/*.c kmod/selftest/*.c))
$(B)/libgate.a: $(call objs,$(GATE_SRC))
$(call objs,$(GATE_SRC)): ALL_CFLAGS += -ffreestanding

.PHONY: check-core
check-core: ## the gate core compiled as a kernel would, for 64 and 32 bits
	@tests/check-core.sh $(B) "$(CC)" $(GATE_SRC)

# The module, for the kernel whose build folder is KDIR; kmod/Makefile says more. The flags of the
# programs are none of the kernel's.
KMOD_MAKE := env -u CFLAGS -u CPPFLAGS -u LDFLAGS $(MAKE) -C kmod

.PHONY: modules
modules: ## idlegate.ko, for the running kernel or KDIR=
	+@$(KMOD_MAKE) B='$(abspath $(B))/kmod' modules

.PHONY: modules_install
modules_install: ## idlegate.ko below $(INSTALL_MOD_PATH)/lib/modules
	+@$(KMOD_MAKE) B='$(abspath $(B))/kmod' modules_install

.PHONY: check-kmod
check-kmod: ## the module as the checkers of this machine's kernel headers see it
	@tests/check-kmod.sh $(B) $(MAKE)

# What others need of it: the interface, the device's rule, and the source for DKMS.
DKMS_DIR = $(D)$(prefix)/src/idlegate-$(VERSION)
KMOD_FOLDERS := . compat core selftest uapi/linux
KMOD_SOURCES := Kbuild Makefile compat/probe.mk $(patsubst kmod/%,%,\
	$(foreach f,$(KMOD_FOLDERS),$(wildcard kmod/$(patsubst .%,%,$(f))/*.[ch])))
UDEV_DIR ?= $(prefix)/lib/udev/rules.d

.PHONY: install-kmod
install-kmod:
	$(INSTALL) -D -m 0644 kmod/uapi/linux/idlegate.h $(D)$(includedir)/linux/idlegate.h
	$(INSTALL) -D -m 0644 kmod/idlegate.yaml $(D)$(datadir)/idlebroker/idlegate.yaml
	$(INSTALL) -D -m 0644 packaging/udev/60-idlegate.rules $(D)$(UDEV_DIR)/60-idlegate.rules

.PHONY: install-dkms
install-dkms: ## the module's source, for DKMS, into $(DESTDIR)$(prefix)/src
	for f in $(KMOD_FOLDERS); do $(INSTALL) -d $(DKMS_DIR)/$$f || exit 1; done
	for f in $(KMOD_SOURCES); do \
		$(INSTALL) -m 0644 kmod/$$f $(DKMS_DIR)/$$f || exit 1; done
	$(INSTALL) -m 0644 VERSION $(DKMS_DIR)/VERSION
	sed 's|@VERSION@|$(VERSION)|g' packaging/dkms/dkms.conf.in >$(DKMS_DIR)/dkms.conf

INSTALL_TARGETS += install-kmod
