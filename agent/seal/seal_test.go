package seal

import (
	"bytes"
	"crypto/hpke"
	"strings"
	"testing"
)

func keys(t testing.TB) (hpke.PrivateKey, hpke.PublicKey) {
	t.Helper()
	private, public, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, pub
}

func TestRoundTrip(t *testing.T) {
	key, pub := keys(t)
	sealed, open, err := Request(pub, "/v1/confirm", []byte("a token"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("a token")) {
		t.Error("the sealed request shows its content")
	}
	got, respond, err := Open(key, "/v1/confirm", sealed)
	if err != nil || string(got) != "a token" {
		t.Fatalf("opened %q, %v", got, err)
	}
	first, err := respond([]byte("confirmed"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := respond([]byte("confirmed"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, second) {
		t.Error("two answers are sealed alike")
	}
	for _, response := range [][]byte{first, second} {
		if got, err := open(response); err != nil || string(got) != "confirmed" {
			t.Errorf("opened %q, %v", got, err)
		}
	}
}

func TestOnlyTheHubOpensAndAnswers(t *testing.T) {
	key, pub := keys(t)
	other, otherPub := keys(t)
	sealed, open, err := Request(pub, "/v1/confirm", []byte("a token"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(other, "/v1/confirm", sealed); err == nil {
		t.Error("another key opened the request")
	}
	forOther, _, err := Request(otherPub, "/v1/confirm", []byte("a token"))
	if err != nil {
		t.Fatal(err)
	}
	_, otherRespond, err := Open(other, "/v1/confirm", forOther)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := otherRespond([]byte("confirmed"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(forged); err == nil {
		t.Error("the answer to another request was taken")
	}
	again, _, err := Request(pub, "/v1/confirm", []byte("a token"))
	if err != nil {
		t.Fatal(err)
	}
	_, respond, err := Open(key, "/v1/confirm", again)
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := respond([]byte("confirmed"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(replayed); err == nil {
		t.Error("the hub's answer to another request was taken")
	}
}

// A request opens for the call that it was sealed for, and for no other (T8).
func TestBoundToTheCall(t *testing.T) {
	key, pub := keys(t)
	calls := []string{"/v1/confirm", "/v1/report", "/v2/confirm", AnyCall}
	for _, sealedFor := range calls {
		sealed, _, err := Request(pub, sealedFor, []byte("a token"))
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range calls {
			if _, _, err := Open(key, call, sealed); (err == nil) != (call == sealedFor) {
				t.Errorf("sealed for %q, opened for %q: %v", sealedFor, call, err)
			}
		}
	}
}

func TestEveryBitCounts(t *testing.T) {
	key, pub := keys(t)
	sealed, open, err := Request(pub, "/v1/confirm", []byte("a token"))
	if err != nil {
		t.Fatal(err)
	}
	_, respond, err := Open(key, "/v1/confirm", sealed)
	if err != nil {
		t.Fatal(err)
	}
	response, err := respond([]byte("confirmed"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, _, err := Open(key, "/v1/confirm", changed); err == nil {
			t.Errorf("request with byte %d changed was opened", i)
		}
	}
	for i := range response {
		changed := bytes.Clone(response)
		changed[i] ^= 1
		if _, err := open(changed); err == nil {
			t.Errorf("response with byte %d changed was opened", i)
		}
		if _, err := open(response[:i]); err == nil {
			t.Errorf("response cut to %d bytes was opened", i)
		}
	}
}

func TestParse(t *testing.T) {
	private, public, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	if got := EncodePublic(key.PublicKey()); got != public {
		t.Errorf("public key of the private key is %s, want %s", got, public)
	}
	for _, text := range []string{"", "%", "AAAA", private + "AAAA"} {
		if _, err := ParsePublic(text); err == nil {
			t.Errorf("public key %q was taken", text)
		}
		_, err := ParsePrivate(text)
		if err == nil {
			t.Errorf("private key %q was taken", text)
		} else if text != "" && text != "%" && strings.Contains(err.Error(), text) {
			t.Errorf("the error tells the private key: %v", err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key, pub := keys(f)
	sealed, _, err := Request(pub, "/v1/confirm", []byte("a token"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{})
	f.Add(make([]byte, encapsulated+gcmTag))
	f.Fuzz(func(t *testing.T, data []byte) {
		plaintext, respond, err := Open(key, "/v1/confirm", data)
		if err == nil && (respond == nil || !bytes.Equal(data, sealed)) {
			t.Errorf("opened %q from what nobody sealed", plaintext)
		}
	})
}

func FuzzOpenResponse(f *testing.F) {
	_, pub := keys(f)
	_, open, err := Request(pub, "/v1/confirm", []byte("a token"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(make([]byte, salt+gcmTag))
	f.Fuzz(func(t *testing.T, data []byte) {
		if plaintext, err := open(data); err == nil {
			t.Errorf("opened %q from what nobody sealed", plaintext)
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	key, pub := keys(b)
	for b.Loop() {
		sealed, open, err := Request(pub, "/v1/confirm", make([]byte, 1500))
		if err != nil {
			b.Fatal(err)
		}
		_, respond, err := Open(key, "/v1/confirm", sealed)
		if err != nil {
			b.Fatal(err)
		}
		response, err := respond(make([]byte, 1000))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := open(response); err != nil {
			b.Fatal(err)
		}
	}
}
