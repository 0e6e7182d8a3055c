package sockets

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Gateways are the pod's default gateways. Where the network plugin routes (a bridge, Cilium),
// it is from this address that the kubelet's probes come. What can't be read gives none.
func Gateways() []netip.Addr { return gateways("/proc") }

func gateways(proc string) []netip.Addr {
	var found []netip.Addr
	if data, err := readSmall(proc + "/net/route"); err == nil {
		found = parseRoutes(data, 1, 2, "00000000", func(text []byte) (netip.Addr, error) {
			if len(text) != 8 {
				return netip.Addr{}, fmt.Errorf("not an address: %q", text)
			}
			return parseWords(text)
		})
	}
	if data, err := readSmall(proc + "/net/ipv6_route"); err == nil {
		found = append(found, parseRoutes(data, 0, 4, strings.Repeat("0", 32), parseIPv6Text)...)
	}
	return found
}

// parseRoutes takes the gateways of the lines whose destination is the whole internet.
func parseRoutes(data []byte, destination, gateway int, everything string, parse func([]byte) (netip.Addr, error)) []netip.Addr {
	var found []netip.Addr
	for line := range bytes.Lines(data) {
		fields := bytes.Fields(line)
		if len(fields) <= gateway || string(fields[destination]) != everything {
			continue
		}
		if addr, err := parse(fields[gateway]); err == nil && !addr.IsUnspecified() {
			found = append(found, addr)
		}
	}
	return found
}

// parseIPv6Text reads 32 hexadecimal digits in network order.
func parseIPv6Text(text []byte) (netip.Addr, error) {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != 16 {
		return netip.Addr{}, fmt.Errorf("not an IPv6 address: %q", text)
	}
	return netip.AddrFrom16([16]byte(raw)), nil
}

// Age is how long PID 1 of the container has been running: at most the age of the pod's
// network namespace, since a container may have been restarted in it.
func Age() (time.Duration, error) { return age("/proc") }

func age(proc string) (time.Duration, error) {
	stat, err := readSmall(proc + "/1/stat")
	if err != nil {
		return 0, err
	}
	uptime, err := readSmall(proc + "/uptime")
	if err != nil {
		return 0, err
	}
	return parseAge(stat, uptime)
}

// ticks a second in /proc/PID/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const userHZ = 100

func parseAge(stat, uptime []byte) (time.Duration, error) {
	// The second field is the command in parentheses and may hold anything.
	end := bytes.LastIndexByte(stat, ')')
	fields := bytes.Fields(stat[end+1:])
	const start = 22 - 3 // field 22, counted from the third
	if end < 0 || len(fields) <= start {
		return 0, fmt.Errorf("/proc/1/stat: %d fields", len(fields))
	}
	began, err := strconv.ParseInt(string(fields[start]), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/1/stat: start time: %w", err)
	}
	first, _, _ := bytes.Cut(uptime, []byte{' '})
	up, err := strconv.ParseFloat(string(first), 64)
	if err != nil {
		return 0, fmt.Errorf("/proc/uptime: %w", err)
	}
	age := time.Duration((up - float64(began)/userHZ) * float64(time.Second)).Round(time.Second / userHZ)
	if age < 0 {
		return 0, fmt.Errorf("/proc/1/stat: started %v after now", -age)
	}
	return age, nil
}
