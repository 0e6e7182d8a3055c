package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// authority writes a new CA into dir and gives the pool that trusts it.
func authority(t *testing.T, dir string, until time.Time) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, dir, KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	pool := x509.NewCertPool()
	ca, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(ca)
	return pool
}

func write(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func serial(t *testing.T, i *Issuer, pool *x509.CertPool) string {
	t.Helper()
	leaf, err := i.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: "lameduck-webhook.lameduck-system.svc", Roots: pool, CurrentTime: time.Now()}); err != nil {
		t.Errorf("the API server would not believe it: %v", err)
	}
	return leaf.Leaf.SerialNumber.String()
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		pool := authority(t, dir, time.Now().Add(10*365*24*time.Hour))
		i, err := New(dir, []string{"lameduck-webhook.lameduck-system.svc"}, quiet)
		if err != nil {
			t.Fatal(err)
		}
		first := serial(t, i, pool)
		time.Sleep(24 * time.Hour)
		if again := serial(t, i, pool); again != first {
			t.Error("a new certificate after a day")
		}
		time.Sleep(lifetime - renewal - 24*time.Hour)
		second := serial(t, i, pool)
		if second == first {
			t.Error("no new certificate though a third of its life is left")
		}

		pool = authority(t, dir, time.Now().Add(10*365*24*time.Hour))
		time.Sleep(2 * reread)
		third := serial(t, i, pool)
		if third == second {
			t.Error("no new certificate though the CA is another")
		}

		write(t, dir, KeyFile, []byte("damaged"))
		time.Sleep(2 * reread)
		if again := serial(t, i, pool); again != third {
			t.Error("a damaged CA took the certificate away")
		}
	})
}

func TestBadCA(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		want  string
	}{
		{"no files", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, CAFile)) }, "is the Secret of `lameduck install` mounted"},
		{"no PEM", func(t *testing.T, dir string) { write(t, dir, CAFile, nil) }, "ca.crt holds no PEM"},
		{"no key", func(t *testing.T, dir string) { write(t, dir, KeyFile, nil) }, "ca.key holds no PEM"},
		{"the key of another", func(t *testing.T, dir string) {
			cert, err := os.ReadFile(filepath.Join(dir, CAFile))
			if err != nil {
				t.Fatal(err)
			}
			authority(t, dir, time.Now().Add(time.Hour))
			write(t, dir, CAFile, cert)
		}, "is not the key of"},
		{"expired", func(t *testing.T, dir string) { authority(t, dir, time.Now().Add(-time.Minute)) }, "expired at"},
		{"huge", func(t *testing.T, dir string) { write(t, dir, CAFile, make([]byte, maxFile+1)) }, "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			authority(t, dir, time.Now().Add(time.Hour))
			tt.spoil(t, dir)
			if _, err := New(dir, []string{"a"}, quiet); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
