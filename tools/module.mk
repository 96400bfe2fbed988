# SPDX-License-Identifier: MIT
# brokerctl: a table of subcommands over the client library. All but main.c is a library, which
# the tests link too.
#
# WITH_NCURSES (default: whether ncursesw is there) gives `top` its screen; without, --once is left.
WITH_NCURSES ?= $(shell $(PKG_CONFIG) --exists ncursesw 2>/dev/null && echo 1 || echo 0)
ifeq ($(WITH_NCURSES),1)
TOOLS_LEFT_OUT := tools/top_screen-fallback.c
TOOLS_LIBS := $(call pkg_libs,ncursesw)
# Its other flags would ask the C library for less than the rest of the project does.
$(B)/tools/top_screen.o: CPPFLAGS += $(filter -I%,$(shell $(PKG_CONFIG) --cflags ncursesw 2>/dev/null))
else
TOOLS_LEFT_OUT := tools/top_screen.c
endif
TOOLS_SRC := $(filter-out tools/main.c $(TOOLS_LEFT_OUT),$(sort $(wildcard tools/*.c)))
$(B)/libbrokerctl.a: $(call objs,$(TOOLS_SRC))

PROGRAMS += $(B)/brokerctl
$(B)/brokerctl: $(B)/tools/main.o $(B)/libbrokerctl.a $(B)/libidlebroker-static.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBBROKER_LIBS) $(TOOLS_LIBS)

.PHONY: check-tools
check-tools: $(B)/brokerctl
	@tests/check-tools.sh $(B)
