# SPDX-License-Identifier: MIT
# Tests. Each tests/unit/*.c is one Criterion program; it links every library of the project, so
# that only what it uses is pulled in.
TEST_LIBS := $(B)/libbrokerd.a $(B)/libworker.a $(B)/libbrokerctl.a \
	$(B)/libidlebroker-static.a $(B)/libgate.a
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(UNIT_SRC))

# Criterion's way to start tests does not survive ThreadSanitizer; see tests/tsan/criterion. gcc
# warns that it cannot follow fences: that is for the one who reads a report to know.
ifneq ($(filter thread,$(SAN)),)
CPPFLAGS += -Itests/tsan
WARN += $(if $(findstring clang,$(CC)),,-Wno-tsan)
endif

$(UNIT_BIN): $(B)/tests/unit/%: $(B)/tests/unit/%.o $(TEST_LIBS)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(TEST_LIBS) -Wl,--end-group \
		$(BROKER_LIBS) $(WORKER_LIBS) $(LIBBROKER_LIBS) $(call pkg_libs,criterion)

include tests/bench/module.mk tests/jobs/module.mk
$(filter %/test_worker_run %/test_worker_resume %/test_spirv_check,$(UNIT_BIN)): | \
	$(B)/broker-worker $(JOB_SPIRV)

.PHONY: check-unit
check-unit: $(UNIT_BIN) ## the unit tests
	@tests/run-unit.sh $(B) $(UNIT_BIN)

.PHONY: style
style: ## the house rules that a machine can check
	@tests/style.py

.PHONY: check
check: deps check-unit ## every test

include tests/fuzz/module.mk
