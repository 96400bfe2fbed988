# SPDX-License-Identifier: MIT
# The virtual phone; README.md beside this file says what it is. A lane builds in a root of its own
# (B/phone/SUITE), so nothing here depends on what was built for this machine.
PHONE := B='$(B)' tests/phone/phone

# What runs in the guest and is built by the suite's compiler, with that suite's B.
PHONE_TOOLS := $(patsubst tests/phone/tools/%.c,$(B)/phone/tools/%,$(wildcard tests/phone/tools/*.c))
$(PHONE_TOOLS): $(B)/phone/tools/%: $(B)/tests/phone/tools/%.o
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pkg_libs,libdrm)

-include tests/phone/suite/module.mk tests/phone/bench/module.mk tests/phone/debug/module.mk \
	tests/phone/bpf/module.mk

.PHONY: phone-guest
phone-guest: $(PHONE_TOOLS) $(PHONE_SUITE_BIN) $(PHONE_BENCH_BIN)

.PHONY: phone-deps
phone-deps:
	@packaging/deps.sh phone

# The integration tests of a lane: T; of a short one those of the phone's own sensors.
PHONE_T = $(if $(PHONE_SHORT),test_phone*.py,$(T))

# S is the suite of the interactive phone.
S ?= forky
.PHONY: phone
phone: phone-deps ## a console in the virtual phone: touch, plug, unplug, battery, heat, brokerctl
	@$(PHONE) console $(S)

.PHONY: demo-phone
demo-phone: phone-deps ## the demo in the phone: touch, charger and heat stop and resume the training
	@$(PHONE) build $(S)
	@$(PHONE) run --gpu --name demo --timeout 1500 $(S) 'phone-up && \
		VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json tests/phone/demo.py'

.PHONY: check-phone check-phone-forky check-phone-trixie check-phone-bookworm check-phone-log
check-phone: check-phone-log check-phone-bookworm check-phone-bpf check-phone-trixie check-phone-forky ## every test that needs the phone
check-phone-log: ## what fails a lane by the kernel's log does
	@tests/phone/klog.py --self-test
check-phone-bookworm: phone-deps ## the modules against the headers of Debian 12
	@tests/phone/check-headers.sh $(B) 6.1
check-phone-trixie: phone-deps ## Debian 13's kernel: module, suite and jobs
	@$(PHONE) check trixie '$(PT)' '$(if $(T),test_jobs.py)'
check-phone-forky: phone-deps ## Debian testing's kernel: module, suite and the integration tests
	@$(PHONE) check forky '$(PT)' '$(PHONE_T)'
