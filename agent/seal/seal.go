// Package seal protects the messages between an agent and the hub, without TLS: a TLS stack alone
// would take the agent over its size (docs/decisions/0002-sealed-hub-channel.md).
//
// A request is sealed to the hub's public key by HPKE (RFC 9180, base mode, X25519, HKDF-SHA256,
// AES-128-GCM). The answer is sealed under a key exported from the same HPKE context, as Oblivious
// HTTP does (RFC 9458, section 4.4). So only the hub can read a request, and only a reader of the
// request can answer it; an answer fits no other request.
//
// A request is bound to its call: sent to another path it can't be opened. Sent to the same path
// again it is opened again: the hub's calls are idempotent.
//
// It does not hide how long messages are, and a thief of the hub's private key can read requests
// captured before.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
)

const (
	protocol       = "lameduck hub v1"
	responseLabel  = "lameduck hub v1 response"
	encapsulated   = 32 // bytes of an encapsulated X25519 key
	keySize        = 16 // AES-128
	gcmNonce       = 12
	gcmTag         = 16
	salt           = 16 // the larger of key and nonce, as RFC 9458 has it
	exportedSecret = 16
)

// AnyCall is in place of the call for agents and hubs of the version before, which do not bind
// requests to their call (docs/decisions/0013-a-call-is-sealed-for-its-path.md).
const AnyCall = ""

// info is what both sides have to agree on beside the key.
func info(call string) []byte {
	if call == AnyCall {
		return []byte(protocol)
	}
	return []byte(protocol + " " + call)
}

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// GenerateKey makes a key pair for a hub, as base64 texts.
func GenerateKey() (private, public string, err error) {
	key, err := kem().GenerateKey()
	if err != nil {
		return "", "", fmt.Errorf("generating a hub key: %w", err)
	}
	raw, err := key.Bytes()
	if err != nil {
		return "", "", fmt.Errorf("encoding a hub key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), EncodePublic(key.PublicKey()), nil
}

// EncodePublic is the text that ParsePublic reads.
func EncodePublic(key hpke.PublicKey) string {
	return base64.StdEncoding.EncodeToString(key.Bytes())
}

// ParsePublic reads the public key that GenerateKey made.
func ParsePublic(text string) (hpke.PublicKey, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("hub public key: %w", err)
	}
	key, err := kem().NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("hub public key: %w", err)
	}
	return key, nil
}

// ParsePrivate reads the private key that GenerateKey made. Errors do not quote it.
func ParsePrivate(text string) (hpke.PrivateKey, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("hub private key: not base64")
	}
	key, err := kem().NewPrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("hub private key: %w", err)
	}
	return key, nil
}

// Request seals plaintext for the hub and the call, a path with its API version, and gives the
// function that opens the hub's answer.
func Request(hub hpke.PublicKey, call string, plaintext []byte) (sealed []byte, open func(response []byte) ([]byte, error), err error) {
	enc, sender, err := hpke.NewSender(hub, hpke.HKDFSHA256(), hpke.AES128GCM(), info(call))
	if err != nil {
		return nil, nil, fmt.Errorf("sealing a request: %w", err)
	}
	text, err := sender.Seal(nil, plaintext)
	if err != nil {
		return nil, nil, fmt.Errorf("sealing a request: %w", err)
	}
	secret, err := sender.Export(responseLabel, exportedSecret)
	if err != nil {
		return nil, nil, fmt.Errorf("sealing a request: %w", err)
	}
	open = func(response []byte) ([]byte, error) {
		if len(response) < salt+gcmTag {
			return nil, fmt.Errorf("opening a response: %d bytes are too few", len(response))
		}
		aead, nonce, err := responseAEAD(secret, enc, response[:salt])
		if err != nil {
			return nil, fmt.Errorf("opening a response: %w", err)
		}
		plaintext, err := aead.Open(nil, nonce, response[salt:], nil)
		if err != nil {
			return nil, fmt.Errorf("opening a response: %w", err)
		}
		return plaintext, nil
	}
	return append(slices.Clone(enc), text...), open, nil
}

// Open opens a request that was sealed for the call, and gives the function that seals the answer
// to it.
func Open(key hpke.PrivateKey, call string, sealed []byte) (plaintext []byte, respond func(plaintext []byte) ([]byte, error), err error) {
	if len(sealed) < encapsulated+gcmTag {
		return nil, nil, fmt.Errorf("opening a request: %d bytes are too few", len(sealed))
	}
	enc := slices.Clone(sealed[:encapsulated])
	recipient, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.AES128GCM(), info(call))
	if err != nil {
		return nil, nil, fmt.Errorf("opening a request: %w", err)
	}
	plaintext, err = recipient.Open(nil, sealed[encapsulated:])
	if err != nil {
		return nil, nil, fmt.Errorf("opening a request: %w", err)
	}
	secret, err := recipient.Export(responseLabel, exportedSecret)
	if err != nil {
		return nil, nil, fmt.Errorf("opening a request: %w", err)
	}
	respond = func(plaintext []byte) ([]byte, error) {
		// A fresh salt for each answer, so that a second answer never reuses key and nonce.
		response := make([]byte, salt, salt+len(plaintext)+gcmTag)
		if _, err := rand.Read(response); err != nil {
			return nil, fmt.Errorf("sealing a response: %w", err)
		}
		aead, nonce, err := responseAEAD(secret, enc, response)
		if err != nil {
			return nil, fmt.Errorf("sealing a response: %w", err)
		}
		return aead.Seal(response, nonce, plaintext, nil), nil
	}
	return plaintext, respond, nil
}

// responseAEAD derives the one key and nonce of an answer (RFC 9458, section 4.4).
func responseAEAD(secret, enc, responseSalt []byte) (cipher.AEAD, []byte, error) {
	prk, err := hkdf.Extract(sha256.New, secret, slices.Concat(enc, responseSalt))
	if err != nil {
		return nil, nil, err
	}
	key, err := hkdf.Expand(sha256.New, prk, "key", keySize)
	if err != nil {
		return nil, nil, err
	}
	nonce, err := hkdf.Expand(sha256.New, prk, "nonce", gcmNonce)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, nonce, err
}
