# SPDX-License-Identifier: MIT
# libidlebroker: the client library, and the parts that broker, worker and tools share.
LIBBROKER_SRC := $(sort $(wildcard libbroker/*.c libbroker/util/*.c libbroker/job/*.c \
	libbroker/proto/*.c))
LIBBROKER_LIBS := $(call pkg_libs,jansson libsodium libarchive libseccomp)
$(B)/libidlebroker-static.a: $(call objs,$(LIBBROKER_SRC))
