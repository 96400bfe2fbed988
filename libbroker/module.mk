# SPDX-License-Identifier: MIT
# libidlebroker: the client library, and the parts that broker, worker and tools share.
LIBBROKER_SRC := $(sort $(wildcard libbroker/*.c libbroker/util/*.c libbroker/job/*.c \
	libbroker/proto/*.c))
LIBBROKER_LIBS := $(call pkg_libs,jansson libsodium libarchive libseccomp)
$(B)/libidlebroker-static.a: $(call objs,$(LIBBROKER_SRC))

# The interface definition as C string literals.
$(B)/gen/io_idlebroker.inc: libbroker/io.idlebroker.varlink
	@mkdir -p $(@D)
	$(call say,GEN)sed -e 's/[\\"]/\\&/g' -e 's/^/"/' -e 's/$$/\\n"/' $< >$@
$(B)/libbroker/proto/interface.o: $(B)/gen/io_idlebroker.inc

# The shared library: the client's files, and of the shared parts what they use.
SONAME := libidlebroker.so.0
CLIENT_SRC := $(sort $(wildcard libbroker/*.c))
LIB_SO := $(B)/libidlebroker.so.$(VERSION)
$(LIB_SO): $(call objs,$(CLIENT_SRC)) $(B)/libidlebroker-static.a libbroker/idlebroker.map
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,$(SONAME) \
		-Wl,--version-script=libbroker/idlebroker.map $(if $(SAN),,-Wl,-z,defs) \
		-o $@ $(filter %.o %.a,$^) $(LIBBROKER_LIBS)

# Made again when the paths in it change, not only when its source does.
$(B)/idlebroker.pc: libbroker/idlebroker.pc.in VERSION FORCE
	@mkdir -p $(@D)
	@sed -e 's|@prefix@|$(prefix)|' -e 's|@libdir@|$(libdir)|' \
		-e 's|@includedir@|$(includedir)|' -e 's|@VERSION@|$(VERSION)|' $< >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
.PHONY: FORCE
FORCE:

PROGRAMS += $(LIB_SO)
INSTALL_TARGETS += install-libbroker
.PHONY: install-libbroker
install-libbroker: $(LIB_SO) $(B)/idlebroker.pc
	install -D -m 0755 $(LIB_SO) $(DESTDIR)$(libdir)/$(notdir $(LIB_SO))
	ln -sf $(notdir $(LIB_SO)) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libidlebroker.so
	install -D -m 0644 libbroker/idlebroker.h $(DESTDIR)$(includedir)/idlebroker.h
	install -D -m 0644 $(B)/idlebroker.pc $(DESTDIR)$(libdir)/pkgconfig/idlebroker.pc
	install -D -m 0644 libbroker/io.idlebroker.varlink \
		$(DESTDIR)$(datadir)/idlebroker/io.idlebroker.varlink

# The public header alone, the exports, and a program built against an installed tree.
.PHONY: check-lib
check-lib: $(LIB_SO) $(B)/idlebroker.pc $(B)/brokerctl
	@tests/check-lib.sh "$(B)" "$(CC)" "$(CXX)" "$(SAN_FLAGS)"
