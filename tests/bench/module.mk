# SPDX-License-Identifier: MIT
# Benchmarks: each tests/bench/bench_*.c is one program $(B)/bench/bench_<name>. It prints its
# figures to standard output as one flat JSON object, what a person should read to standard error.
BENCH_SRC := $(sort $(wildcard tests/bench/bench_*.c))
BENCH_BIN := $(patsubst tests/bench/%.c,$(B)/bench/%,$(BENCH_SRC))

$(BENCH_BIN): $(B)/bench/%: $(B)/tests/bench/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $< -Wl,--start-group $(TEST_LIBS) -Wl,--end-group \
		$(BROKER_LIBS) $(WORKER_LIBS) $(LIBBROKER_LIBS)

.PHONY: bench-programs
bench-programs: $(BENCH_BIN) ## build the benchmarks into build/bench/

# BENCH='stops wakeups' for some of them; tests/bench/bench.py has their names.
BENCH ?=
.PHONY: bench
bench: ## measure, and tell what misses its target (BENCH=name for one)
	@packaging/deps.sh bench
	@$(MAKE) --no-print-directory -j$$(nproc) all job-bundles bench-programs
	@B=$(B) tests/bench/bench.py $(BENCH)
