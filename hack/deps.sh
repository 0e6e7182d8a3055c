#!/bin/sh
# Installs the Debian packages that the built-in cluster needs, or with --registries those that the real registries
# need, or with --routers those of the real routers, where they are missing. Starts no service. Says what it does; does nothing when all is there, or with --none. Needs root and apt.
set -eu

case "${1:-}" in
"") wanted="containerd runc containernetworking-plugins nftables iptables conntrack ipset iproute2 kmod" ;;
--registries) wanted="openjdk-17-jdk-headless maven" ;;
--routers) wanted="nginx-light haproxy python3-pip" ;;
--none) exit 0 ;; # for callers that bring a cluster of their own
*)
	echo "usage: hack/deps.sh [--registries | --routers | --none]" >&2
	exit 2
	;;
esac

missing=""
for package in $wanted; do
	dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "hack/deps.sh: there is no apt-get here: install these by your own package manager:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "hack/deps.sh: run it as root (sudo hack/deps.sh) to install:$missing" >&2
	exit 1
fi

# Debian starts the services that it installs, unless this file says no. One that is there stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap 'rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' >$policy
	chmod +x $policy
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# Word splitting is meant: one argument for each package.
# shellcheck disable=SC2086
apt-get install --yes --quiet --no-install-recommends $missing || {
	echo "fetching the package lists first"
	apt-get update --quiet
	apt-get install --yes --quiet --no-install-recommends $missing
}
