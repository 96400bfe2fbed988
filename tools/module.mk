# SPDX-License-Identifier: MIT
# brokerctl: a table of subcommands over the client library.
TOOLS_SRC := $(sort $(wildcard tools/*.c))

ifneq ($(TOOLS_SRC),)
PROGRAMS += $(B)/brokerctl
endif
$(B)/brokerctl: $(call objs,$(TOOLS_SRC)) $(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBBROKER_LIBS)
