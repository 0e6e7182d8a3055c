package contract

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/local"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// Host is the name of this machine, which applications may register by.
var Host, _ = os.Hostname()

// Loopback is where the tests' applications are.
var Loopback = netip.MustParseAddr("127.0.0.1")

// Spec reads a spec's text. Its secrets are this machine's.
func Spec(t testing.TB, kind registry.Kind, text string) registry.Spec {
	t.Helper()
	spec, err := registry.Kinds{kind}.ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec.WithSecrets(local.Secret)
}

// client is what a kind's clients are in tests.
type client interface {
	registry.Registry
	Close()
}

// Open makes the client of a spec's text, for a pod at the loopback. It is closed with the test.
func Open[C client](t testing.TB, kind registry.Kind, text string) C {
	t.Helper()
	return OpenFor[C](t, kind, text, registry.Pod{Host: Host, IPs: []netip.Addr{Loopback}})
}

// OpenFor is Open for another pod.
func OpenFor[C client](t testing.TB, kind registry.Kind, text string, pod registry.Pod) C {
	t.Helper()
	opened, err := kind.New(Spec(t, kind, text), pod)
	if err != nil {
		t.Fatal(err)
	}
	c, ok := opened.(C)
	if !ok {
		t.Fatalf("kind %s makes a %T", kind.Name, opened)
	}
	t.Cleanup(c.Close)
	return c
}

// Refused wants each of these texts to be refused, for the reason beside it.
func Refused(t *testing.T, kind registry.Kind, texts map[string]string) {
	t.Helper()
	for text, want := range texts {
		spec, err := registry.Kinds{kind}.ParseSpec(text)
		if err == nil {
			_, err = kind.New(spec.WithSecrets(local.Secret), registry.Pod{})
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// In wants Confirm to have said that the instance is in.
func In(confirmed error) error {
	if errors.Is(confirmed, registry.ErrIn) {
		return nil
	}
	return fmt.Errorf("it is not in: %w", errors.Join(confirmed))
}

// Eventually asks until there is no error, or within is over.
func Eventually(t testing.TB, within time.Duration, ask func() error) {
	t.Helper()
	if err := Within(within, ask); err != nil {
		t.Fatal(err)
	}
}

// Within asks until there is no error; when the time is over, it gives the last one.
func Within(within time.Duration, ask func() error) error {
	const pause = 100 * time.Millisecond
	for end := time.Now().Add(within); ; time.Sleep(pause) {
		err := ask()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("not within %v: %w", within, err)
		}
	}
}

// Given waits until a consumer's own library has these addresses, and no others.
func Given(within time.Duration, has func() ([]string, error), want ...string) error {
	return Within(within, func() error {
		got, err := has()
		if slices.Sort(got); err == nil && !slices.Equal(got, want) {
			err = fmt.Errorf("its consumer has %v, want %v", got, want)
		}
		return err
	})
}

// Ask sends a call to a server as it is, for what none of our clients would send.
func Ask(t testing.TB, call web.Call) web.Answer {
	t.Helper()
	c, err := web.New(registry.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer, err := c.Do(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
