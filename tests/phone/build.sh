#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh BUILD: build the project, the modules and the tests, in the root of a suite (enter.sh) with
# its compiler and for its kernel. A warning of a module's build is an error.
set -eu

build=$1
jobs=-j$(nproc)
kernel=/lib/modules/$(ls /lib/modules)/build

# As a distribution installs it, and as a test of the installed library does: the same flags make no object
# again in the guest.
make --no-print-directory "$jobs" B="$build" prefix=/usr libdir=/usr/lib all job-bundles phone-guest
"$(dirname "$0")/build-modules.sh" "$kernel" "$build"
