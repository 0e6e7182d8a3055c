package printable

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// hostile are texts that change what is seen, or what a CI system does, when they are printed raw.
var hostile = map[string]string{
	"escape code":      "a\x1b[2J\x1b]0;title\x07b",
	"conceal":          "a\x1b[8mb",
	"line feed":        "a\nweb.yaml:1:1: forged",
	"carriage return":  "a\rb\x1b[0K",
	"C1":               "a\u009b2Jb\u0085c",
	"DEL":              "a\x7fb",
	"bidi override":    "a\u202eb\u202c",
	"bidi isolate":     "a\u2066b\u2069\u2067\u2068",
	"bidi marks":       "a\u200e\u200f\u061cb",
	"line separators":  "a\u2028b\u2029c",
	"invalid UTF-8":    "a\xff\xc3b",
	"zero width":       "a\u200b\ufeff\u00adb",
	"tags":             "a\U000e0041b",
	"vso command":      "##vso[task.setvariable variable=x]y",
	"old command":      "text ##[add-path]/tmp",
	"teamcity command": "##teamcity[buildStatus]",
	"github command":   "::error::x",
}

func TestLine(t *testing.T) {
	for name, text := range hostile {
		got := Line(text)
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(got, "##") {
			t.Errorf("%s: %q", name, got)
		}
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(text) {
			t.Errorf("%s: %q has another length than %q: marks below it would move", name, got, text)
		}
	}
	for _, text := range []string{"", "plain: [a] #1 ## two", "größer 部署 🦆 a\u3000b\u00a0c", "\ufffd"} {
		if got := Line(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	long := Line(strings.Repeat("x", MaxRunes+70))
	if want := strings.Repeat("x", MaxRunes) + "… (70 more bytes)"; long != want {
		t.Errorf("a long text ends in %q", long[MaxRunes-3:])
	}
}

// TestCommandLine: a line that a CI system's runner obeys is found, and no other.
func TestCommandLine(t *testing.T) {
	for text, want := range map[string]int{
		"a: |\n  ::error file=x::forged\n": 2, "a\n\n::warning::": 3, "\u00a0\u2003::debug::x": 1, "\u200b::x::y": 1, "a\r::x::y": 1,
		"run: echo '##[add-path]x'": 1, "a\nx ##vso[task.setvariable variable=p]v": 2, "##teamcity[x]": 1, "###vso[x]": 1, "#\u200b#vso[x]": 1,
		"": 0, "a: b::c\n- d ::e\n": 0, "## a [b]\n# [c]\n#[d]": 0, "a: '#{x}#'": 0, "std::string [x]": 0,
	} {
		if got := CommandLine(text); got != want {
			t.Errorf("%q: line %d, want %d", text, got, want)
		}
	}
}

// TestWriter: whatever is written, and however it is cut into calls, nothing gets through that
// a terminal obeys.
func TestWriter(t *testing.T) {
	for name, text := range hostile {
		for size := 1; size <= len(text); size++ {
			var b bytes.Buffer
			w := NewWriter(&b)
			for part := range slices.Chunk([]byte(text+"\n"), size) {
				if n, err := w.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
			}
			got := strings.ReplaceAll(b.String(), "\n", "")
			if CommandLine(b.String()) > 0 {
				t.Errorf("%s in pieces of %d is a command: %q", name, size, b.String())
			}
			if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%s in pieces of %d: %q", name, size, b.String())
			}
		}
	}
}

func TestWriterKeeps(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\n":                 "a\tb\n",
		"\x1b[31;1merror\x1b[0m": "\x1b[31;1merror\x1b[0m",
		"::error::x\n":           "·::error::x\n",
		"a\n  ::set-env::\n":     "a\n  ·::set-env::\n",
		"\u00a0\u3000\t::x::y\n": "\u00a0\u3000\t·::x::y\n",
		"a::b\n":                 "a::b\n",
		":a\n":                   ":a\n",
		"部署 🦆\n":                 "部署 🦆\n",
	} {
		for size := 1; size <= len(in); size++ {
			var b bytes.Buffer
			w := NewWriter(&b)
			for part := range slices.Chunk([]byte(in), size) {
				_, _ = w.Write(part)
			}
			if b.String() != want {
				t.Errorf("%q in pieces of %d: %q, want %q", in, size, b.String(), want)
			}
		}
	}
}

// TestJSON: the text is printable, and means what it meant.
func TestJSON(t *testing.T) {
	for name, text := range hostile {
		var b bytes.Buffer
		e := json.NewEncoder(JSON{&b})
		e.SetEscapeHTML(false)
		if err := e.Encode(text); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(strings.TrimSuffix(b.String(), "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) || strings.Contains(b.String(), "##") {
			t.Errorf("%s: %q", name, b.String())
		}
		var got string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || got != strings.ToValidUTF8(text, "\ufffd") && name != "invalid UTF-8" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

type named string

func TestSprintf(t *testing.T) {
	got := Sprintf("%s|%v|%q|%5.2f|%s|%v", "a\nb", errors.New("c\x1b"), named("d\r"), 1.5, 2*time.Second, &url.URL{Path: "e\u202e"})
	if want := "a·b|c·|\"d·\"| 1.50|2s|e%E2%80%AE"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWriterMemory: what a colour costs does not depend on how much text follows it.
func TestWriterMemory(t *testing.T) {
	text := []byte(strings.Repeat("\x1b[31;1merror\x1b[0m: a line of a report\n", 4096))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := NewWriter(io.Discard).Write(text); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(16*len(text)) {
		t.Errorf("%d bytes to write %d", took, len(text))
	}
}
