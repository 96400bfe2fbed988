#!/bin/sh
# SPDX-License-Identifier: MIT
# check-headers.sh BUILD VERSION: build the modules against this machine's own kernel headers of that
# version, with its own compiler, and without a warning.
set -eu

for kernel in /usr/src/linux-headers-"$2".*-amd64 /usr/src/linux-headers-"$2".*-arm64; do
	if [ -e "$kernel/Makefile" ]; then
		"$(dirname "$0")/build-modules.sh" "$kernel" "$1/phone/headers-$2" W=1
		echo "the modules build for ${kernel##*/}"
		exit 0
	fi
done
mkdir -p "$1/check"
echo "0 0 1" >"$1/check/phone-bookworm.count"
echo "skipped check-phone-bookworm: no headers of Linux $2 on this machine"
