package manifest

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"
)

// Files of all sizes come out as they went in, whatever was read after them.
func TestTexts(t *testing.T) {
	texts := texts{buf: make([]byte, 1<<10)}
	sizes := []int{0, 1, 1 << 10, textBlock - 5, 10, textBlock, textBlock + 1, 3 << 10}
	var want, got []string
	for i, size := range sizes {
		content := strings.Repeat(string(rune('a'+i)), size)
		for name, told := range map[string]int{"as told": size, "grown": size / 2, "shrunk": 2 * size} {
			text, err := texts.read(strings.NewReader(content), int64(told))
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", size, name, err)
			}
			want, got = append(want, content), append(got, text)
		}
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("read %d: %d bytes, want %d", i, len(got[i]), len(want[i]))
		}
	}
}

func TestTextsAreBounded(t *testing.T) {
	texts := texts{buf: make([]byte, 64<<10)}
	if _, err := texts.read(bytes.NewReader(make([]byte, MaxBytes+1)), 1); err == nil {
		t.Error("a file that grew beyond the limit was read")
	}
	if _, err := texts.read(iotest.ErrReader(iotest.ErrTimeout), 1); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("%v, want the reader's error", err)
	}
	if text, err := texts.read(strings.NewReader("a: 1\n"), 5); err != nil || text != "a: 1\n" {
		t.Errorf("%q, %v: want what is read after a failure whole", text, err)
	}
}
