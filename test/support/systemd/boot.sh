#!/bin/sh
# Usage, as root in a mount namespace of its own: boot.sh FOLDER NODE
# Boots a systemd that sees the files of this machine, and changes none of them: what it writes is in memory, and goes
# with it. It has a network, processes and control groups of its own, and the services of deploy/systemd alone.
# FOLDER holds two empty folders: "root", where the files are mounted, and "shared", which becomes /shared there. NODE
# becomes /usr/local/bin/node.
set -eu
root=$1/root shared=$1/shared node=$2
units=/etc/systemd/system targets=/etc/systemd/booted

make_root() {
  mount -t tmpfs -o mode=755 tmpfs "$root"
  mkdir "$root/upper" "$root/work" "$root/merged"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/merged"
  cd "$root/merged"
  mkdir -p shared usr/local/bin && touch usr/local/bin/node
  mount --bind "$shared" shared
  mount --bind "$node" usr/local/bin/node
  for folder in run tmp dev etc/systemd/system; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
  chmod 1777 tmp
  mkdir dev/pts dev/shm && ln -s /proc/self/fd dev/fd && ln -s pts/ptmx dev/ptmx
  mount -t devpts -o newinstance,ptmxmode=666 devpts dev/pts
  for device in null zero full random urandom tty; do
    touch "dev/$device" && mount --bind "/dev/$device" "dev/$device"
  done
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  pivot_root . mnt
  cd /
  umount -l /mnt
  # As on a machine: the credentials of a service are mounted in a namespace, and must be seen in all.
  mount --make-rshared /
}

make_units() {
  mkdir -p "$targets"
  for target in sysinit basic multi-user timers network-online shutdown; do
    printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$target" >"$targets/$target.target"
  done
  for unit in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do
    cp "/lib/systemd/system/$unit" "$targets/$unit"
  done
  mkdir -p "$targets/multi-user.target.wants"
  ln -s ../systemd-journald.service "$targets/multi-user.target.wants/"
  printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\n' >/etc/systemd/journald.conf
}

[ "${3-}" != inside ] || {
  make_root
  make_units
  ip link set lo up
  exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=test \
    SYSTEMD_UNIT_PATH="$units:$targets" \
    /lib/systemd/systemd --system --unit=multi-user.target --show-status=no --log-target=null
}

# A control group of its own, for this systemd moves and ends what is in its group and below.
mount -t cgroup2 cgroup2 /sys/fs/cgroup
group=/sys/fs/cgroup/signet-$$
mkdir "$group" && echo $$ >"$group/cgroup.procs"
exec unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child --propagation private \
  sh "$0" "$1" "$node" inside
