# SPDX-License-Identifier: MIT
# Tests. Each tests/unit/*.c is one Criterion program; it links every library of the project, so
# that only what it uses is pulled in.
TEST_LIBS := $(B)/libbrokerd.a $(B)/libbpfload.a $(B)/libworker.a $(B)/libbrokerctl.a \
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
$(filter %/test_worker_run %/test_worker_resume %/test_worker_stop %/test_worker_check %/test_spirv_check,$(UNIT_BIN)): | \
	$(B)/broker-worker $(JOB_SPIRV)
$(B)/tests/unit/test_bpf_hub: | $(filter %/broker-bpf,$(PROGRAMS))

.PHONY: check-unit
check-unit: $(UNIT_BIN) ## the unit tests
	@tests/run-unit.sh $(B) $(UNIT_BIN)

# What needs systemd has no place where musl is.
MUSL_CC ?= musl-gcc
MUSL_SRC := $(filter-out broker/sources/logind.c,$(sort $(wildcard kmod/core/*.c kmod/selftest/*.c \
	libbroker/*.c libbroker/*/*.c broker/*.c broker/*/*.c tools/*.c tests/unit/*.c)))
.PHONY: check-musl
check-musl: $(B)/gen/io_idlebroker.inc $(B)/gen/worker/fma_spirv.h $(B)/gen/worker/copy_spirv.h
	@tests/check-musl.sh $(B) $(MUSL_CC) -I. -Ikmod/uapi -I$(B)/gen $(DEFS) -DWITH_LOGIND=0 -- \
		$(MUSL_SRC)

.PHONY: style
style: ## the house rules that a machine can check
	@tests/style.py

# The tests against the real daemon, worker and Vulkan driver; T narrows them: T='test_gate*'.
T ?= test_[!k]*.py
# A build with a sanitizer is patient, so it may run two parts at once.
AT_ONCE := $(if $(SAN),2,1)
INTEGRATION := B=$(B) $(if $(SAN),IDLEBROKER_TEST_PATIENCE=4) tests/integration/run.py

.PHONY: check-integration
check-integration: $(PROGRAMS) job-bundles ## against the real daemon and worker
	@$(INTEGRATION) $(B)/check/integration.count '$(T)' $(AT_ONCE)

.PHONY: check-kill
check-kill: $(PROGRAMS) job-bundles ## kill -9 at random moments
	@$(INTEGRATION) $(B)/check/kill.count 'test_kill*.py'

# What has threads of its own: for a build with SAN=thread.
STORE_TESTS := $(filter %/test_store %/test_store_faults %/test_lane,$(UNIT_BIN))
.PHONY: check-store
check-store: $(STORE_TESTS)
	@tests/run-unit.sh $(B) $(STORE_TESTS)

.PHONY: check
check: deps ## every test
	@tests/check.sh $(B) $(MAKE)

.PHONY: demo
demo: deps ## train a classifier while the owner gets in the way
	@$(MAKE) --no-print-directory -j$$(nproc) all job-bundles
	@tests/demo.py

include tests/fuzz/module.mk tests/phone/module.mk
