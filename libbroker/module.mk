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
