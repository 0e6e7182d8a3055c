package pki

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

func TestIssue(t *testing.T) {
	ours, err := NewAuthority("ours")
	if err != nil {
		t.Fatal(err)
	}
	others, err := NewAuthority("others")
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("172.30.0.11")
	for _, test := range []struct {
		name    string
		subject Subject
		trusted *Authority
		usage   x509.ExtKeyUsage
		host    string
		want    bool
	}{
		{"client", Subject{CommonName: "c"}, ours, x509.ExtKeyUsageClientAuth, "", true},
		{"a client cannot serve", Subject{CommonName: "c"}, ours, x509.ExtKeyUsageServerAuth, "", false},
		{"server by name", Subject{CommonName: "s", Hosts: []string{"node1"}}, ours, x509.ExtKeyUsageServerAuth, "node1", true},
		{"server by address", Subject{CommonName: "s", Addresses: []netip.Addr{address}}, ours, x509.ExtKeyUsageServerAuth, "172.30.0.11", true},
		{"another's name", Subject{CommonName: "s", Hosts: []string{"node1"}}, ours, x509.ExtKeyUsageServerAuth, "node2", false},
		{"another's authority", Subject{CommonName: "c"}, others, x509.ExtKeyUsageClientAuth, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaf, err := ours.Issue(test.subject)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(test.trusted.PEM)
			_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: test.host, KeyUsages: []x509.ExtKeyUsage{test.usage}})
			if (err == nil) != test.want {
				t.Errorf("verified: %v, want %v", err, test.want)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	base := filepath.Join(t.TempDir(), "pki", "leaf")
	if err := (Leaf{Certificate: []byte("c"), Key: []byte("k")}).Write(base); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(base + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("the key's mode is %o, want 600", got)
	}
}
