#!/bin/sh
# Installs the Debian packages that the built-in cluster needs, where they are missing. Says what it does; does
# nothing when all is there, or with --none. Needs root and apt.
set -eu

case "${1:-}" in
"") ;;
--none) exit 0 ;; # for callers that bring a cluster of their own
*)
	echo "usage: hack/deps.sh [--none]" >&2
	exit 2
	;;
esac

missing=""
for package in containerd runc containernetworking-plugins nftables iptables conntrack ipset iproute2 kmod; do
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

echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
# Word splitting is meant: one argument for each package.
# shellcheck disable=SC2086
apt-get install --yes --quiet --no-install-recommends $missing || {
	echo "fetching the package lists first"
	apt-get update --quiet
	apt-get install --yes --quiet --no-install-recommends $missing
}
