#!/bin/sh
# Runs as root inside the new root file system, after packages and files are in place.
set -eu

# The user whom key pairs are given to.
useradd --create-home --shell /bin/bash --groups sudo,adm --comment Debian admin
passwd --quiet --lock admin
install -d -m 0700 -o admin -g admin /home/admin/.ssh
chmod 0440 /etc/sudoers.d/90-admin
# Whom the SSH server asks for pushed keys as: nobody else's files or processes are this user's.
useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin ec2-instance-connect
chmod 0755 /usr/lib/daemun/*

mask() {
    for unit in "$@"; do
        ln -sf /dev/null "/etc/systemd/system/$unit"
    done
}

# A container has no hardware to discover, no modules, no disks, no swap, no firmware and one console.
mask systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket
mask systemd-modules-load.service systemd-random-seed.service systemd-pstore.service kmod-static-nodes.service
mask systemd-binfmt.service proc-sys-fs-binfmt_misc.automount systemd-repart.service systemd-firstboot.service
# The image has its users, and its devices are LXC's; packages installed later make their own.
mask systemd-sysusers.service systemd-tmpfiles-setup-dev.service
mask modprobe@.service dev-hugepages.mount dev-mqueue.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount
mask sys-fs-fuse-connections.mount systemd-ask-password-console.path systemd-ask-password-wall.path
mask systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-initctl.socket
mask systemd-remount-fs.service systemd-pcrphase.service systemd-pcrphase-sysinit.service
mask systemd-hibernate-clear.service systemd-machine-id-commit.service getty@tty1.service getty-static.service
mask e2scrub_reap.service e2scrub_all.timer fstrim.timer remote-fs.target

# Generators run before the first unit does; these find nothing in a container.
mkdir -p /etc/systemd/system-generators
for generator in cloud-init cryptsetup debug fstab getty gpt-auto hibernate-resume integritysetup rc-local run \
    system-update veritysetup; do
    case $generator in
        cloud-init) name=cloud-init-generator ;;
        *) name=systemd-$generator-generator ;;
    esac
    ln -sf /dev/null "/etc/systemd/system-generators/$name"
done

# Logins are never refused during boot: the SSH server starts before the file that would refuse them is removed again.
mkdir -p /etc/tmpfiles.d
ln -sf /dev/null /etc/tmpfiles.d/systemd-nologin.conf

# Many machines on one host must not all update at once by themselves.
systemctl disable --quiet apt-daily.timer apt-daily-upgrade.timer
systemctl set-default --quiet multi-user.target
systemctl enable --quiet ssh.service

# cloud-init follows SSH instead of holding it up. The image knows that it is on EC2, so nothing has to find out.
rm -f /etc/systemd/system/cloud-init.target.wants/*
mask cloud-init-local.service cloud-config.service cloud-final.service cloud-init-hotplugd.socket cloud-init-hotplugd.service
systemctl enable --quiet cloud-init.service
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf /lib/systemd/system/cloud-init.target /etc/systemd/system/multi-user.target.wants/cloud-init.target
echo 'f /run/cloud-init/enabled 0644 root root -' > /etc/tmpfiles.d/cloud-init.conf
