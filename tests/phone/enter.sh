#!/bin/sh
# SPDX-License-Identifier: MIT
# enter.sh ROOT SOURCE BUILD CACHE COMMAND...: run a command inside a phone's root.
#
# The root and the source tree are read-only there; BUILD, a folder below SOURCE, is writable at the
# same place below /src, and CACHE is /cache. All mounts are private to this process and vanish with
# it, however it ends, so there is nothing to clean up and nothing a later `rm -rf` could reach.
set -eu

if [ "${1:-}" != --inside ]; then
	exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift
root=$1
source=$2
build=$3
cache=$4
shift 4

below=${build#"$source"/}
if [ "$below" = "$build" ]; then
	echo "enter.sh: $build must be below $source" >&2
	exit 2
fi
mkdir -p "$build" "$cache"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
for dir in tmp run; do
	mount -t tmpfs -o mode=1777 tmpfs "$root/$dir"
done
mount --bind "$source" "$root/src"
mount -o remount,bind,ro "$root/src"
mount --bind "$build" "$root/src/$below"
mount --bind "$cache" "$root/cache"
cd "$root"
exec chroot "$root" /usr/bin/env -i HOME=/tmp PATH=/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin \
	LC_ALL=C.UTF-8 CCACHE_DIR=/cache/ccache CCACHE_MAXSIZE=2G PYTHONDONTWRITEBYTECODE=1 \
	TERM="${TERM:-dumb}" DISPLAY="${DISPLAY:-}" \
	/bin/sh -c 'cd /src && exec "$@"' enter "$@"
