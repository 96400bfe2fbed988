# SPDX-License-Identifier: MIT
# The eBPF programs. Each bpf/<name>.bpf.c becomes an object and a skeleton, $(B)/gen/bpf/<name>.skel.h,
# which only the loader (broker/bpf/) includes.
#
# WITH_BPF (default: whether libbpf, clang and bpftool are there) builds brokerd with them.
BPF_CLANG ?= clang
BPFTOOL ?= $(or $(shell PATH="$$PATH:/usr/sbin:/sbin" command -v bpftool 2>/dev/null),bpftool)
WITH_BPF ?= $(shell $(PKG_CONFIG) --atleast-version=1.1 libbpf 2>/dev/null && \
	command -v $(BPF_CLANG) >/dev/null 2>&1 && $(BPFTOOL) version >/dev/null 2>&1 && echo 1 || echo 0)

BPF_MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
BPF_ARCH := $(or $(strip $(foreach a,x86_64=x86 aarch64=arm64 arm=arm riscv64=riscv i686=x86,\
	$(if $(filter $(word 1,$(subst =, ,$(a)))%,$(BPF_MACHINE)),$(word 2,$(subst =, ,$(a)))))),x86)
# Where asm/ is on Debian; clang names its machine otherwise than the folder is named.
BPF_ASM := $(firstword $(wildcard $(addprefix /usr/include/,$(BPF_MACHINE) \
	$(firstword $(subst -, ,$(BPF_MACHINE)))-linux-gnu)))
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu17 -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-missing-declarations -D__TARGET_ARCH_$(BPF_ARCH) -Ibpf \
	$(if $(BPF_ASM),-idirafter $(BPF_ASM))
BPF_SRC := $(sort $(wildcard bpf/*.bpf.c))
BPF_SKELETONS := $(patsubst bpf/%.bpf.c,$(B)/gen/bpf/%.skel.h,$(BPF_SRC))

$(B)/bpf/%.bpf.o: bpf/%.bpf.c bpf/module.mk
	@mkdir -p $(@D)
	$(call say,BPF)$(BPF_CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

# Linking alone strips what only debuggers read; line numbers for the verifier's log stay.
$(B)/gen/bpf/%.skel.h: $(B)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL)$(BPFTOOL) gen object $(<:.bpf.o=.linked.o) $< && \
		$(BPFTOOL) gen skeleton $(<:.bpf.o=.linked.o) name $(subst .,_,$*)_bpf >$@
