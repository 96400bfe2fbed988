#!/bin/sh
# SPDX-License-Identifier: MIT
# initramfs.sh OUTPUT [KERNEL]: the phone's first file system, of a static busybox and the modules that
# reach the 9p root. Runs in the root (enter.sh), where there is one kernel; `none` has all built in.
set -eu

output=$1
kernel=${2:-$(ls /lib/modules)}
work=$(mktemp -d)
mkdir -p "$work/bin" "$work/modules" "$work/root" "$work/proc" "$work/dev" "$work/lower" "$work/rw"
cp /bin/busybox "$work/bin/"
cp "$(dirname "$0")/initramfs-init" "$work/init"
chmod 755 "$work/init"
modules="virtio_pci 9pnet_virtio 9p overlay"
if [ "$kernel" = none ]; then
	modules=
	: >"$work/modules/order"
fi
for module in $modules; do
	modprobe --set-version "$kernel" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
	name=$(basename "$file")
	case $name in
	*.xz) xz -dc "$file" >"$work/modules/${name%.xz}" ;;
	*.zst) zstd -dqc "$file" >"$work/modules/${name%.zst}" ;;
	*) cp "$file" "$work/modules/$name" ;;
	esac
	name=${name%.xz}
	echo "${name%.zst}" >>"$work/modules/order"
done
cd "$work"
find . | busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$output.new"
mv "$output.new" "$output"
rm -rf "$work"
