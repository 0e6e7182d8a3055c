package controller

import (
	"fmt"
	"testing"
)

// TestAddressesOfThePod: one of each family, and the pod's own first. What is no address is an error.
func TestAddressesOfThePod(t *testing.T) {
	for _, tt := range []struct {
		ip   string
		ips  []string
		want string
	}{
		{"10.0.0.1", nil, "map[IPv4:10.0.0.1]"},
		{"10.0.0.1", []string{"10.0.0.1", "fd00::1"}, "map[IPv4:10.0.0.1 IPv6:fd00::1]"},
		{"fd00::1", []string{"fd00::1", "10.0.0.1", "10.0.0.2"}, "map[IPv4:10.0.0.1 IPv6:fd00::1]"},
		{"10.0.0.1", []string{"here"}, "map[]"},
	} {
		got, err := Self{IP: tt.ip, IPs: tt.ips}.addresses()
		if fmt.Sprint(got) != tt.want || (err == nil) != (tt.want != "map[]") {
			t.Errorf("%s %q: %v, %v", tt.ip, tt.ips, got, err)
		}
	}
}
