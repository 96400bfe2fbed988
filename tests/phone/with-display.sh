#!/bin/sh
# SPDX-License-Identifier: MIT
# with-display.sh COMMAND...: run QEMU beside a display of its own that nobody sees. The guest's GPU
# is computed by the llvmpipe of the root; QEMU asks for it by a display's GL. Without a network, so that
# no other display's socket is in the way.
set -eu

if [ "${1:-}" != --inside ]; then
	exec unshare --net "$0" --inside "$@"
fi
shift
setpriv --pdeathsig KILL Xvfb :0 -screen 0 640x480x24 -nolisten tcp >/run/xvfb.log 2>&1 &
tries=0
until [ -e /tmp/.X11-unix/X0 ]; do
	tries=$((tries + 1))
	if [ "$tries" = 100 ]; then
		echo "with-display.sh: Xvfb does not come up" >&2
		cat /run/xvfb.log >&2
		exit 1
	fi
	sleep 0.1
done
export DISPLAY=:0 LIBGL_ALWAYS_SOFTWARE=1 VK_DRIVER_FILES=/usr/share/vulkan/icd.d/lvp_icd.json
exec "$@"
