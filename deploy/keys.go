package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/controller/webhook"
)

// Keys are what the Secret lameduck-keys holds.
type Keys struct {
	CACert []byte // ca.crt: PEM
	CAKey  []byte // ca.key: PEM of PKCS #8, ECDSA P-256
	Hub    []byte // hub.key: the hub's private key as package agent/seal writes it
	// WebhookToken, webhook.token, is the part of the webhook's path that only the API server
	// knows: 128 bits as hexadecimal digits.
	WebhookToken []byte
}

// caLife is how long the CA is valid: it signs nothing but the certificates that the replicas
// make for themselves, and is replaced by hand, so it should outlast the cluster.
const caLife = 10 * 365 * 24 * time.Hour

// NewKeys makes a CA, valid from an hour before now, and a key for the hub.
func NewKeys(now time.Time) (Keys, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Keys{}, fmt.Errorf("making the CA's key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return Keys{}, fmt.Errorf("making the CA's serial number: %w", err)
	}
	ca := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "lameduck webhook CA"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, ca, ca, private.Public(), private)
	if err != nil {
		return Keys{}, fmt.Errorf("signing the CA's certificate: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Keys{}, fmt.Errorf("writing the CA's key: %w", err)
	}
	hub, _, err := seal.GenerateKey()
	if err != nil {
		return Keys{}, fmt.Errorf("making the hub's key: %w", err)
	}
	return Keys{
		CACert:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		CAKey:        pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		Hub:          []byte(hub),
		WebhookToken: newToken(),
	}, nil
}

func newToken() []byte {
	token := make([]byte, 16)
	_, _ = rand.Read(token) // never fails
	return []byte(hex.EncodeToString(token))
}

// KeysFrom reads the Secret's data and checks that the parts belong together. A token for the
// webhook is made if there is none yet: installations had none before.
func KeysFrom(data map[string][]byte, now time.Time) (Keys, error) {
	keys := Keys{CACert: data["ca.crt"], CAKey: data["ca.key"], Hub: data["hub.key"], WebhookToken: data["webhook.token"]}
	if keys.WebhookToken == nil {
		keys.WebhookToken = newToken()
	} else if !webhook.IsToken(string(keys.WebhookToken)) {
		return Keys{}, fmt.Errorf("webhook.token is not 32 to 63 hexadecimal digits")
	}
	block, _ := pem.Decode(keys.CACert)
	if block == nil {
		return Keys{}, fmt.Errorf("ca.crt is not PEM")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Keys{}, fmt.Errorf("ca.crt: %w", err)
	}
	if now.After(cert.NotAfter) {
		return Keys{}, fmt.Errorf("ca.crt was valid until %s", cert.NotAfter.Format(time.RFC3339))
	}
	if block, _ = pem.Decode(keys.CAKey); block == nil {
		return Keys{}, fmt.Errorf("ca.key is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Keys{}, fmt.Errorf("ca.key: %w", err)
	}
	if private, ok := key.(*ecdsa.PrivateKey); !ok || !private.PublicKey.Equal(cert.PublicKey) {
		return Keys{}, fmt.Errorf("ca.key is not the key of ca.crt")
	}
	if _, err := keys.HubPublic(); err != nil {
		return Keys{}, err
	}
	return keys, nil
}

// HubPublic is the hub's public key, as agents are given it.
func (k Keys) HubPublic() (string, error) {
	private, err := seal.ParsePrivate(string(k.Hub))
	if err != nil {
		return "", fmt.Errorf("hub.key: %w", err)
	}
	return seal.EncodePublic(private.PublicKey()), nil
}
