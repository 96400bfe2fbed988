# SPDX-License-Identifier: MIT
# brokerctl: a table of subcommands over the client library. All but main.c is a library, which
# the tests link too.
TOOLS_SRC := $(filter-out tools/main.c,$(sort $(wildcard tools/*.c)))
$(B)/libbrokerctl.a: $(call objs,$(TOOLS_SRC))

PROGRAMS += $(B)/brokerctl
$(B)/brokerctl: $(B)/tools/main.o $(B)/libbrokerctl.a $(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBBROKER_LIBS)

.PHONY: check-tools
check-tools: $(B)/brokerctl
	@tests/check-tools.sh $(B)
