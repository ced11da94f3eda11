package rulegen

import "strings"

// programs are programs of ordinary hosts: rules name them and hosts run them.
var programs = strings.Fields(`
agetty alacritty ansible apache2 apt apt-get at atop auditd awk base64 bash bc bind blkid brctl btmon buildah bzip2 caddy cargo cat certbot chattr
chcon chfn chgrp chmod chown chpasswd chronyd chroot clamd cloud-init cmake cmp comm containerd cp cpio crictl cron crontab cryptsetup csplit ctr curl
cut dash date dbus-daemon dd df dhclient diff dig dircolors dmesg dmidecode dnf dnsmasq docker dockerd dosfsck dpkg du ed envsubst ethtool exim4 expect
fail2ban fdisk ffmpeg file find firewalld fish flatpak free ftp fuser gawk gcc gdb getcap getent getfacl git gitlab-runner go gpg grep groupadd grub-install
gunicorn gzip haproxy head helm host hostnamectl htop httpd iconv id ifconfig insmod install iostat ip iperf3 iptables iscsiadm java join journalctl jq
kexec kill killall kmod ksh kubectl kubelet last ldconfig ldd less ln locate logger login logrotate losetup ls lsattr lsblk lsmod lsof lspci ltrace lua lvm
lynx make man mawk md5sum mdadm memcached minicom mkdir mkfifo mkfs modprobe mongod mount mpstat mtr mv mysql mysqld nano nc ncat netstat networkctl nft
nginx nice nmap nmcli node nohup npm nsenter ntpd numactl objdump od opendkim openssl openvpn pacman parted passwd paste patch perf perl pgrep php php-fpm
ping pip pkexec pkill podman postfix postgres poweroff prelink ps psql pvcreate python3 qemu-img rabbitmq-server rclone readelf readlink redis-cli redis-server
renice reset resolvectl restic rm rmmod rpm rsync rsyslogd ruby runc runuser samba scp screen sed seq service sestatus setcap setenforce setfacl sftp sha256sum
shred skopeo sleep smartctl smbclient snapd snmpd socat sort split sqlite3 squid ss ssh ssh-add ssh-agent ssh-keygen ssh-keyscan sshd sshfs stat strace
strings su sudo supervisord swapon sysctl systemctl systemd-run tail tar taskset tcpdump tee telnet terraform tftp time timeout tmux top touch tr traceroute
truncate tshark tune2fs ufw umount uname uniq unshare unzip update-alternatives uptime useradd userdel usermod uwsgi vagrant vault vi vim virsh visudo vmstat
w wall watch wc wget whereis which who whoami wireguard xargs xxd xz yarn yes ypbind yum zabbix-agentd zcat zfs zip zpool zsh zstd`)

// daily are programs that hosts run all day and that rules do not name.
var daily = strings.Fields(`
accounts-daemon apt-check apt.systemd.da avahi-daemon blkmapd bluetoothd boltd buildkitd cc1 cc1plus cfn-hup check_disk check_load check_procs
chrony-helper cleanup collectd colord compile containerd-shim cracklib-check cups-browsed cupsd dconf-service debian-sa1 dh_install dockerd-proxy
e2scrub_all filebeat fluent-bit fstrim fwupd gcc-ar gdm-x-session gmain gnome-shell gopls gpg-agent gsd-power gvfsd ibus-daemon inetd irqbalance
kswapd0 link lightdm lld logcheck lsb_release mandb metricbeat multipathd needrestart networkd-dispat node_exporter nscd nslcd packagekitd
pickup pipewire polkitd popularity-cont prometheus pulseaudio qmgr rasdaemon rngd rpcbind rtkit-daemon run-parts sa1 sadc scdaemon sd-pam
smartd sssd_be sssd_nss storaged systemd-journal systemd-logind systemd-network systemd-resolve systemd-timesyn systemd-udevd thermald tlsmgr
tracker-miner-f udisksd unattended-upgr update-motd upowerd vet wpa_supplicant xdg-desktop-por`)

// common are parts of paths and words that rules and facts of all sorts share:
// a variation leaves them alone.
var common = wordSet(`usr bin sbin tmp dev shm etc var lib lib64 home root opt run proc local sys log spool cache http https tcp udp exec file
start exit seen open read modify attrib delete move added removed changed sample loss success failure the and for not conf service`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}
