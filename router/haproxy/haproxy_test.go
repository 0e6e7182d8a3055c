package haproxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
)

func TestFind(t *testing.T) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "haproxy:3.2", Ports: []corev1.ContainerPort{{Name: "stats", ContainerPort: 8404}}}}}}
	if api, found := (Kind{}).Find(pod); !found || api.String() != "haproxy:8404" {
		t.Errorf("%v, %s", found, api)
	}
	pod.Spec.Containers[0].Image = "example/app"
	if _, found := (Kind{}).Find(pod); found {
		t.Error("another program is taken for HAProxy")
	}
}

// answer has the columns that are read, and some others.
const answer = `# pxname,svname,scur,status,weight,type,addr,cookie,last_chk,
in,FRONTEND,1,OPEN,,0,,,,
app,s1,0,no check,1,2,10.0.0.1:80,,,
app,s2,0,UP,1,2,[fd00::2]:80,,"L4OK, fine",
app,s3,0,UP 1/3,1,2,10.0.0.3:80,x,,
app,s4,0,MAINT,1,2,10.0.0.4:80,,,
app,s5,0,MAINT,1,2,10.0.0.5:80,x,,
app,s6,0,DRAIN,0,2,10.0.0.6:80,,,
app,s7,0,no check,0,2,10.0.0.7:80,,,
app,s8,0,DOWN,1,2,10.0.0.8:80,,,
app,s9,0,MAINT (resolution),1,2,,,,
app,BACKEND,0,UP,7,1,,,,

`

func TestRead(t *testing.T) {
	found := &router.Addresses{}
	if err := read(router.NewBody(strings.NewReader(answer)), found); err != nil || found.Named {
		t.Fatalf("%v, named %v", err, found.Named)
	}
	for ip, want := range map[string]router.Use{
		"10.0.0.1": router.Sends, "fd00::2": router.Sends, "10.0.0.3": router.Sends,
		"10.0.0.4": router.Gone, "10.0.0.9": router.Gone,
		"10.0.0.5": router.Bound, "10.0.0.6": router.Bound, "10.0.0.7": router.Bound, "10.0.0.8": router.Bound,
	} {
		if got := found.Of([]netip.Addr{netip.MustParseAddr(ip)}); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	head := "# pxname,status,weight,type,addr,cookie\n"
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":             {"", "no table"},
		"a page":              {"<html>\n", "no table"},
		"without addresses":   {head + "app,UP,1,2,,\n", "show-legends"},
		"a line that is cut":  {head + "app,UP,1\n", "no table"},
		"an open quote":       {head + "app,\"UP,1,2,10.0.0.1:80,\n", "statistics"},
		"a line without end":  {head + strings.Repeat("x", 2*maxLine), "too long"},
		"of a version before": {"# pxname,svname,status,weight\n", "no table"},
	} {
		if err := read(router.NewBody(strings.NewReader(tt.text)), &router.Addresses{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
}

// TestNames: nothing tells whether HAProxy got a server's address from DNS.
func TestNames(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	defer server.Close()
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	found, err := Kind{}.Ask(t.Context(), router.NewDoors(10*time.Second).At(at.Addr(), router.API{Kind: Name, Port: at.Port()}))
	if err != nil || !found.Named {
		t.Errorf("%+v, %v", found, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(answer)
	f.Fuzz(func(_ *testing.T, text string) {
		_ = read(router.NewBody(strings.NewReader(text)), &router.Addresses{})
	})
}
