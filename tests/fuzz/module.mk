# SPDX-License-Identifier: MIT
# Fuzzers. Each tests/fuzz/fuzz_<name>.c is one libFuzzer program $(B)/fuzz/<name>, found by
# wildcard, with its seeds in corpus/<name>/ and an optional dictionary corpus/<name>.dict. The
# project's sources are compiled apart for it, with clang, coverage and sanitizers, into archives
# from which only what a target uses is pulled in.
FUZZ_CC ?= $(if $(filter ccache,$(firstword $(CC))),ccache )clang
FUZZ_SECONDS ?= 10
FUZZ_SAN := address,undefined
FUZZ_CFLAGS := -std=gnu17 -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all $(WARN) \
	-DIDLEBROKER_FUZZING
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(B)/fuzz/%,$(FUZZ_SRC))
FUZZ_LIBS := $(addprefix $(B)/fuzz/obj/lib,$(addsuffix .a,broker worker client gate))
fuzz_objs = $(patsubst %.c,$(B)/fuzz/obj/%.o,$(1))

$(B)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,FUZZ)$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) \
		-MMD -MP -c -o $@ $<

$(B)/fuzz/obj/libbroker.a: $(call fuzz_objs,$(BROKER_SRC))
$(B)/fuzz/obj/libworker.a: $(call fuzz_objs,$(WORKER_SRC))
$(B)/fuzz/obj/libclient.a: $(call fuzz_objs,$(LIBBROKER_SRC))
$(B)/fuzz/obj/libgate.a: $(call fuzz_objs,$(GATE_SRC))

$(B)/fuzz/obj/libbroker/proto/interface.o: $(B)/gen/io_idlebroker.inc

$(FUZZ_BIN): $(B)/fuzz/%: $(B)/fuzz/obj/tests/fuzz/fuzz_%.o $(FUZZ_LIBS)
	$(call say,LD)$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SAN) -Wl,--as-needed -o $@ $< \
		-Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group \
		$(BROKER_LIBS) $(WORKER_LIBS) $(LIBBROKER_LIBS)

.PHONY: check-fuzz
check-fuzz: $(FUZZ_BIN) ## each fuzzer for FUZZ_SECONDS=10
	@tests/run-fuzz.sh $(B) $(FUZZ_SECONDS) $(FUZZ_BIN)

.PHONY: fuzz
fuzz: $(FUZZ_BIN) ## each fuzzer for ten minutes (or FUZZ_SECONDS=N)
	@tests/run-fuzz.sh $(B) $(if $(filter-out file,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),600) \
		$(FUZZ_BIN)
