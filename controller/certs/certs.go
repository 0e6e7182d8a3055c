// Package certs makes the webhook's serving certificate in memory, from the CA that `lameduck
// install` made and the Deployment mounts, and renews it in time.
package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	lifetime = 7 * 24 * time.Hour
	renewal  = lifetime / 3 // a leaf is replaced when so much of its life is left
	backdate = time.Hour    // for clocks that are behind
	reread   = time.Minute  // how often the CA's files are looked at
	maxFile  = 64 << 10     // bytes
)

// The CA's files in the folder of the keys.
const (
	CAFile  = "ca.crt" // PEM, the certificate alone
	KeyFile = "ca.key" // PEM, PKCS#8
)

// Issuer gives the serving certificate.
type Issuer struct {
	dir   string
	names []string
	log   *slog.Logger

	mu     sync.Mutex
	files  [2][]byte // as they were when leaf was made
	leaf   *tls.Certificate
	expiry time.Time
	looked time.Time
}

// New reads the CA in dir and makes the first certificate, for the given DNS names.
func New(dir string, names []string, log *slog.Logger) (*Issuer, error) {
	i := &Issuer{dir: dir, names: names, log: log}
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := i.renew(); err != nil {
		return nil, err
	}
	return i, nil
}

// GetCertificate is for tls.Config. If the CA can't be read any more, the last certificate stays in
// use: the API server shows when it no longer does.
func (i *Issuer) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now := time.Now(); now.Sub(i.looked) >= reread {
		if err := i.renew(); err != nil {
			i.log.Error("webhook certificate: keeping the last one", "expires", i.expiry, "error", err)
		}
	}
	return i.leaf, nil
}

// renew makes a new leaf if the CA's files have changed, or if it is time.
func (i *Issuer) renew() error {
	i.looked = time.Now()
	var files [2][]byte
	for n, name := range []string{CAFile, KeyFile} {
		content, err := readFile(filepath.Join(i.dir, name))
		if err != nil {
			return fmt.Errorf("reading the webhook's CA: %w; is the Secret of `lameduck install` mounted there?", err)
		}
		files[n] = content
	}
	same := bytes.Equal(files[0], i.files[0]) && bytes.Equal(files[1], i.files[1])
	if same && time.Until(i.expiry) > renewal {
		return nil
	}
	leaf, err := issue(files[0], files[1], i.names, time.Now())
	if err != nil {
		return fmt.Errorf("the webhook's CA in %s: %w", i.dir, err)
	}
	i.files, i.leaf, i.expiry = files, leaf, leaf.Leaf.NotAfter
	i.log.Info("webhook certificate: new", "expires", i.expiry, "names", i.names)
	return nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}

func issue(caPEM, keyPEM []byte, names []string, now time.Time) (*tls.Certificate, error) {
	ca, signer, err := parseCA(caPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	if now.After(ca.NotAfter) {
		return nil, fmt.Errorf("expired at %s; run `lameduck install` with a new one", ca.NotAfter.Format(time.RFC3339))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	end := now.Add(lifetime)
	if end.After(ca.NotAfter) {
		end = ca.NotAfter
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: names[0]},
		DNSNames:    names,
		NotBefore:   now.Add(-backdate),
		NotAfter:    end,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

func parseCA(caPEM, keyPEM []byte) (*x509.Certificate, crypto.Signer, error) {
	block, _ := pem.Decode(caPEM)
	if block == nil {
		return nil, nil, errors.New(CAFile + " holds no PEM block")
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", CAFile, err)
	}
	if block, _ = pem.Decode(keyPEM); block == nil {
		return nil, nil, errors.New(KeyFile + " holds no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", KeyFile, err)
	}
	signer, is := key.(crypto.Signer)
	if !is {
		return nil, nil, errors.New(KeyFile + " holds a key that can't sign")
	}
	if public, is := ca.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !is || !public.Equal(signer.Public()) {
		return nil, nil, errors.New(KeyFile + " is not the key of " + CAFile)
	}
	return ca, signer, nil
}
