package webhook

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/lameduck-dev/lameduck/inject"
)

const testToken = "00112233445566778899aabbccddeeff"

// certificate is one that the server shows, and nobody checks.
func certificate(t testing.TB) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// serve starts a server whose policies name a registry, and gives its address.
func serve(t *testing.T) string {
	t.Helper()
	known := source{
		labels:   map[string]string{inject.Label: "true"},
		settings: inject.Settings{AgentImage: "registry.local/lameduck-agent:dev"},
	}
	return serveBy(t, (&Handler{Source: known, Log: slog.New(slog.DiscardHandler), Count: func(string) {}}).Handle)
}

// serveBy has the reviews answered by review.
func serveBy(t *testing.T, review func(context.Context, admission.Request) admission.Response) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cert := certificate(t)
	server := &Server{
		Token:       testToken,
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
		Review:      review,
		Count:       func(string) {},
		Log:         slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !strings.Contains(err.Error(), "deadline") {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func anyCertificate() *tls.Config { return &tls.Config{InsecureSkipVerify: true} } //nolint:gosec // the server is the test's own

// reviewOf is what the API server asks about a new pod.
func reviewOf(t *testing.T, pod []byte) []byte {
	t.Helper()
	asked := admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Operation: admissionv1.Create, Namespace: "shop",
			Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		},
	}
	asked.Request.Object.Raw = pod
	body, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// ask posts a review as the API server does.
func ask(t *testing.T, address, path string, review []byte) (int, string) {
	t.Helper()
	status, text, err := post(address, path, review)
	if err != nil {
		t.Error(err)
	}
	return status, text
}

func post(address, path string, review []byte) (int, string, error) {
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: anyCertificate(), DisableKeepAlives: true}}
	response, err := client.Post("https://"+address+path, "application/json", bytes.NewReader(review))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// TestOnlyTheAPIServerIsAnswered: what a policy says goes to nobody else.
func TestOnlyTheAPIServerIsAnswered(t *testing.T) {
	address := serve(t)
	for path, want := range map[string]int{
		Path + testToken: 200,
		"/mutate":        404,
		"/mutate/":       404,
		"/":              404,
		Path + strings.Repeat("0", len(testToken)): 404,
		Path + testToken + "/":                     404,
		Path + testToken[:31]:                      404,
		"//mutate/" + testToken:                    404,
	} {
		status, text := ask(t, address, path, reviewOf(t, []byte(plain)))
		if status != want {
			t.Errorf("%s: %d, want %d: %s", path, status, want, text)
		}
		if strings.Contains(text, "patch") != (want == 200) {
			t.Errorf("%s: answered %s", path, text)
		}
	}
}

// stall opens connections that each begin a review of a size and stop a byte before its end.
// They are held until the test ends.
func stall(t *testing.T, address, path string, connections, size int) {
	t.Helper()
	body := bytes.Repeat([]byte(" "), size-1)
	var all sync.WaitGroup
	for range connections {
		all.Go(func() {
			conn, err := tls.Dial("tcp", address, anyCertificate())
			if err != nil {
				return // it had to make room
			}
			t.Cleanup(func() { conn.Close() })
			_ = conn.SetWriteDeadline(time.Now().Add(2 * time.Second))
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, size)
			_, _ = conn.Write(body) // it may be refused in the middle
		})
	}
	all.Wait()
}

func heap() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse >> 20)
}

// TestStalledCallersTakeLittle: 120 callers that stall took 998 MiB once, and for as long as they
// liked. 64 MiB is eight times what is read at most, with what its parsing takes.
func TestStalledCallersTakeLittle(t *testing.T) {
	for name, path := range map[string]string{"strangers": "/mutate", "with the token": Path + testToken} {
		for _, size := range []int{7 << 20, maxReview, 64 << 10} {
			t.Run(fmt.Sprintf("%s, %d KiB", name, size>>10), func(t *testing.T) {
				address := serve(t)
				before := heap()
				stall(t, address, path, 120, size)
				if took := heap() - before; took > 64 {
					t.Errorf("120 stalled callers take %d MiB", took)
				} else {
					t.Logf("120 stalled callers take %d MiB", took)
				}
				if name == "strangers" {
					if status, _ := ask(t, address, Path+testToken, reviewOf(t, []byte(plain))); status != 200 {
						t.Errorf("the API server was answered %d meanwhile", status)
					}
				}
			})
		}
	}
}

// TestStrangersMakeRoom: who opens connections and says nothing shuts nobody out.
func TestStrangersMakeRoom(t *testing.T) {
	address := serve(t)
	var silent []net.Conn
	for range 4 * maxStrangers {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	if status, _ := ask(t, address, Path+testToken, reviewOf(t, []byte(plain))); status != 200 {
		t.Errorf("the API server was answered %d", status)
	}
	closed := 0
	for _, conn := range silent {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			closed++
		}
	}
	if standing := len(silent) - closed; standing > maxStrangers {
		t.Errorf("%d of %d silent connections still stand", standing, len(silent))
	}
}

// TestWhoMakesRoom: the address with most strangers loses its oldest.
func TestWhoMakesRoom(t *testing.T) {
	d := &door{}
	visit := func(from string) *visitor { return &visitor{door: d, from: netip.MustParseAddr(from)} }
	lone := visit("10.0.0.1")
	d.enter(lone)
	first := visit("10.0.0.2")
	d.enter(first)
	for range maxStrangers - 2 {
		if out := d.enter(visit("10.0.0.2")); out != nil {
			t.Fatal("somebody had to leave while there was room")
		}
	}
	if out := d.enter(visit("10.0.0.3")); out != first {
		t.Errorf("%v had to leave, not the oldest of 10.0.0.2", out.from)
	}
	d.known(first)
	d.known(lone)
	if len(d.strangers) != maxStrangers-1 {
		t.Errorf("%d strangers are left", len(d.strangers))
	}
}

// TestSlowCallersAreCutOff: nobody can take his time with a header or a body.
func TestSlowCallersAreCutOff(t *testing.T) {
	address := serve(t)
	for name, begin := range map[string]string{
		"header": "POST " + Path + testToken + " HTTP/1.1\r\n",
		"body":   "POST " + Path + testToken + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := tls.Dial("tcp", address, anyCertificate())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, begin); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(3 * readTime))
			start := time.Now()
			answer := bufio.NewReader(conn)
			for {
				if _, err = answer.ReadByte(); err != nil {
					break
				}
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("still open after %v", time.Since(start))
			}
		})
	}
}

func TestToken(t *testing.T) {
	for text, good := range map[string]bool{
		testToken: true, testToken + "\n": true,
		"": false, "0011": false, strings.ToUpper(testToken): false, testToken + "/../x": false, strings.Repeat("0", 64): false,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, TokenFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadToken(dir); (err == nil) != good || good && got != testToken {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ReadToken(t.TempDir()); err == nil || !strings.Contains(err.Error(), "lameduck install") {
		t.Errorf("no file: %v", err)
	}
}

// TestLargeReviewsTakeTurns: who may make pods can have the API server ask about large ones, many
// at once and without making any (dry run).
func TestLargeReviewsTakeTurns(t *testing.T) {
	address := serve(t)
	large := reviewOf(t, []byte(strings.Replace(plain, `"image":"app"`, `"image":"app","env":[{"name":"A","value":"`+strings.Repeat("x", 3<<20)+`"}]`, 1)))
	before, most := heap(), 0
	var answered atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		var all sync.WaitGroup
		for range 24 {
			all.Go(func() {
				// 200, or on a busy machine that it took too long: the API server would not wait either.
				if status, _, err := post(address, Path+testToken, large); err == nil && status == 200 {
					answered.Add(1)
				}
			})
		}
		all.Wait()
	}()
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(10 * time.Millisecond):
			most = max(most, heap()-before)
		}
	}
	if most > 256 {
		t.Errorf("24 reviews of 3 MiB take %d MiB at most", most)
	}
	if answered.Load() == 0 {
		t.Error("none was answered")
	}
}

// TestLargeReviewsDelayNoOthers: a tenant has the API server ask about pods of 3.8 MB from eight callers
// without end, each of which takes 2.5 s. A common pod of another namespace is reviewed at once all the
// while; the API server would give up after 5 s. The large ones are worked on one at a time.
func TestLargeReviewsDelayNoOthers(t *testing.T) {
	large := reviewOf(t, []byte(strings.Replace(plain, `"image":"app"`, `"image":"app","env":[{"name":"A","value":"`+strings.Repeat("x", 38e5)+`"}]`, 1)))
	small := reviewOf(t, []byte(plain))
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		working, most, done := 0, 0, 0 // of the large ones
		handler := (&Server{
			Token: testToken, Count: func(string) {}, Log: slog.New(slog.DiscardHandler),
			Review: func(_ context.Context, r admission.Request) admission.Response {
				if len(r.Object.Raw) > largeReview {
					mu.Lock()
					working++
					most = max(most, working)
					mu.Unlock()
					time.Sleep(2500 * time.Millisecond)
					mu.Lock()
					working--
					done++
					mu.Unlock()
				}
				return admission.Allowed("")
			},
		}).handler()
		post := func(review []byte) int {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, Path+testToken, bytes.NewReader(review)))
			return answer.Code
		}
		end := time.Now().Add(20 * time.Second)
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for time.Now().Before(end) {
					post(large)
				}
			})
		}
		for time.Now().Before(end) {
			time.Sleep(700 * time.Millisecond)
			synctest.Wait()
			began := time.Now()
			if status := post(small); status != http.StatusOK || time.Since(began) > 0 {
				t.Errorf("the common pod's review: status %d after %v", status, time.Since(began))
			}
		}
		callers.Wait()
		if most != 1 || done < 8 {
			t.Errorf("%d large reviews were worked on at once, %d in 20 s", most, done)
		}
	})
}
