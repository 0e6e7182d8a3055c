package verify

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// attributionCase is a sequence of what watches and logs show, and losses. Times are seconds
// since the start of the case.
type attributionCase struct {
	Start  time.Time
	Target string // host of the target, when it matters
	See    []struct {
		At    float64
		Pod   *corev1.Pod
		Gone  *corev1.Pod
		Slice *discoveryv1.EndpointSlice
		Event *corev1.Event
		Log   *struct{ UID, Pod, Line string }
	}
	Answered int
	Routed   bool // one connection was answered by two pods
	Losses   []struct {
		ID       string
		Kind     report.Kind
		Intended float64
		Seen     float64
		Suspect  string
		Hint     string
		Reused   bool
	}
}

func TestAttribution(t *testing.T) {
	files, err := filepath.Glob("testdata/attribution/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var c attributionCase
			if err := yaml.UnmarshalStrict(data, &c); err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(c.attribute(), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden.json", append(got, '\n'))
		})
	}
}

func (c *attributionCase) attribute() *report.Verify {
	at := func(seconds float64) time.Time {
		return c.Start.Add(time.Duration(seconds * float64(time.Second)))
	}
	w := &watch{lines: newPodLines(c.Start), ledger: newLedgers("run-", func() int64 { return 1 << 20 })}
	for _, see := range c.See {
		now := at(see.At)
		switch {
		case see.Pod != nil:
			w.lines.seePod(now, see.Pod)
		case see.Gone != nil:
			w.lines.seeGone(now, see.Gone)
		case see.Slice != nil:
			w.lines.seeSlice(now, see.Slice, false)
		case see.Event != nil:
			w.lines.seeEvent(now, see.Event)
		case see.Log != nil:
			w.seeLogLine(container{uid: types.UID(see.Log.UID), pod: see.Log.Pod, name: "app"}, now, []byte(see.Log.Line))
		}
	}
	out := &report.Verify{Phases: map[string]int{}}
	for _, loss := range c.Losses {
		l := report.Loss{ID: loss.ID, Kind: loss.Kind, Intended: at(loss.Intended), Seen: at(loss.Seen), Hint: loss.Hint, Reused: loss.Reused}
		if loss.Suspect != "" {
			l.Pods, l.Confidence = []string{loss.Suspect}, report.Certain
		}
		out.Losses = append(out.Losses, l)
	}
	out.Ledger = w.ledger.compare(c.Answered, out.Losses)
	join := attribution{pods: w.lines.left(), received: w.ledger.received, address: c.Target, routed: c.Routed}
	join.all(out)
	out.Pods = join.pods
	return out
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s (-want +got):\n%s", file, cmp.Diff(string(want), string(got)))
	}
}
