package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each testdata/verify/*.json is a document as VerifyJSON writes it, beside the text that
// VerifyText makes of it.
func TestVerify(t *testing.T) {
	files, err := filepath.Glob("testdata/verify/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var v Verify
			decoder := json.NewDecoder(bytes.NewReader(data))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&v); err != nil {
				t.Fatal(err)
			}
			var machine, people bytes.Buffer
			if err := VerifyJSON(&machine, &v); err != nil {
				t.Fatal(err)
			}
			if err := VerifyText(&people, &v); err != nil {
				t.Fatal(err)
			}
			golden(t, file, machine.Bytes())
			golden(t, strings.TrimSuffix(file, ".json")+".txt", people.Bytes())
		})
	}
}

func TestCountsAdd(t *testing.T) {
	var sum Counts
	sum.Add(Counts{Requests: 3, OK: 1, Lost: 1, Masked: 1, Kinds: map[Kind]int{EOF: 1, Masked: 1}})
	sum.Add(Counts{Requests: 2, Lost: 2, Unsent: 1, Kinds: map[Kind]int{EOF: 1, Unsent: 1}})
	want := Counts{Requests: 5, OK: 1, Lost: 3, Unsent: 1, Masked: 1, Kinds: map[Kind]int{EOF: 2, Masked: 1, Unsent: 1}}
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Error(diff)
	}
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
