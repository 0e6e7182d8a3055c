//go:build registries

package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/etcd"
	"github.com/lameduck-dev/lameduck/test/registries"
)

// authority issues certificates, and writes them to files in a folder.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, dir, name string) *authority {
	a := &authority{t: t, dir: dir}
	a.cert, a.key = a.issue(name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// issue writes name.pem and name.key.
func (a *authority) issue(name string, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".pem", "CERTIFICATE", der)
	a.write(name+".key", "PRIVATE KEY", keyDER)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) write(name, kind string, der []byte) {
	if err := os.WriteFile(filepath.Join(a.dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// TestTLS asks a real server that requires client certificates.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, dir, "ca")
	ca.issue("server", &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
	ca.issue("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	newAuthority(t, dir, "other").issue("stranger", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	file := func(name string) string { return filepath.Join(dir, name) }
	servers := registries.ForTest(t, registries.Etcd(registries.EtcdServer{CertFile: file("server.pem"), KeyFile: file("server.key"), ClientCAFile: file("ca.pem")}))
	address := servers.Addresses()[0]
	for _, test := range []struct{ name, settings, want string }{
		{"all is right", "server=https://" + address + " ca-file=CA.pem cert-file=CLIENT.pem key-file=CLIENT.key", ""},
		{"no certificate", "server=https://" + address + " ca-file=CA.pem", "give one by cert-file= and key-file="},
		{"a stranger's certificate", "server=https://" + address + " ca-file=CA.pem cert-file=STRANGER.pem key-file=STRANGER.key", "give one by cert-file= and key-file="},
		{"unknown authority", "server=https://" + address, "give that one's certificate by ca-file="},
		{"another authority", "server=https://" + address + " ca-file=OTHER.pem", "give that one's certificate by ca-file="},
		{"another name", "server=https://" + strings.Replace(address, "127.0.0.1", "localhost", 1) + " ca-file=CA.pem", "certificate is for another name"},
		{"no TLS", "server=" + address, "https://"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"ca", "client", "stranger", "other"} {
				test.settings = strings.ReplaceAll(test.settings, "="+strings.ToUpper(name)+".", "="+file(name)+".")
			}
			_, err := contract.Open[*etcd.Client](t, etcd.Kind, "etcd service=orders layout=kratos "+test.settings).Find(t.Context())
			if test.want == "" && !errors.Is(err, registry.ErrNoService) || test.want != "" && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v", err)
			}
			t.Log(err)
		})
	}
}
