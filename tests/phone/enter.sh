#!/bin/sh
# SPDX-License-Identifier: MIT
# enter.sh [--guest GUEST-ROOT] ROOT SOURCE BUILD CACHE COMMAND...: run a command inside a phone's root.
#
# The root and the source tree are read-only there; BUILD, a folder below SOURCE, is writable at the
# same place below /src, and CACHE is /cache. GUEST-ROOT, for a QEMU whose guest has another root than
# its own, is /mnt, furnished alike. All mounts are private to this process and vanish with it, however
# it ends, so there is nothing to clean up and nothing a later `rm -rf` could reach.
set -eu

if [ "${1:-}" != --inside ]; then
	exec unshare --mount --propagation private "$0" --inside "$@"
fi
shift
guest=
if [ "$1" = --guest ]; then
	guest=$2
	shift 2
fi
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

furnish() {
	mount --bind "$1" "$1"
	mount -o remount,bind,ro "$1"
	mount --bind "$source" "$1/src"
	mount -o remount,bind,ro "$1/src"
	mount --bind "$build" "$1/src/$below"
	mount --bind "$cache" "$1/cache"
}

mkdir -p "$build" "$cache"
furnish "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
for dir in tmp run; do
	mount -t tmpfs -o mode=1777 tmpfs "$root/$dir"
done
if [ "$guest" ]; then
	furnish "$guest"
	mount --rbind "$guest" "$root/mnt"
fi
cd "$root"
exec chroot "$root" /usr/bin/env -i HOME=/tmp PATH=/usr/lib/ccache:/usr/sbin:/usr/bin:/sbin:/bin \
	LC_ALL=C.UTF-8 CCACHE_DIR=/cache/ccache CCACHE_MAXSIZE=2G PYTHONDONTWRITEBYTECODE=1 \
	TERM="${TERM:-dumb}" DISPLAY="${DISPLAY:-}" \
	/bin/sh -c 'cd /src && exec "$@"' enter "$@"
