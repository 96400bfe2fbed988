# SPDX-License-Identifier: MIT
# The debug lane: the module's suite on a kernel with every checker. Not a part of `make check`: building
# its kernel takes half an hour, once.
PHONE_DEBUG_SRC := $(wildcard tests/phone/debug/test_*.c)
PHONE_DEBUG_LIB := $(filter-out $(PHONE_DEBUG_SRC),$(wildcard tests/phone/debug/*.c))
PHONE_DEBUG_BIN := $(patsubst tests/phone/debug/%.c,$(B)/phone/debug/%,$(PHONE_DEBUG_SRC))
$(PHONE_DEBUG_BIN): $(B)/phone/debug/%: $(B)/tests/phone/debug/%.o \
		$(call objs,$(PHONE_DEBUG_LIB) $(PHONE_SUITE_LIB))
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ -pthread

.PHONY: phone-debug-guest
phone-debug-guest: $(PHONE_DEBUG_BIN)

.PHONY: check-phone-debug
check-phone-debug: phone-deps ## the module under KASAN, lockdep, kmemleak and failing allocations
	@B='$(B)' tests/phone/debug/check.py '$(PT)'
