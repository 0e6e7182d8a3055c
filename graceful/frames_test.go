package graceful

import (
	"bytes"
	"testing"
)

func frame(kind byte, payload int) []byte {
	f := append([]byte{byte(payload >> 16), byte(payload >> 8), byte(payload), kind, flagEndHeaders, 0, 0, 0, 1}, bytes.Repeat([]byte{0xff}, payload)...)
	return f
}

// TestGoAwayBetweenFrames writes the same frames in parts of every size, with the GOAWAY asked for after
// every byte: it must stand between two frames, after the first answer, and once.
func TestGoAwayBetweenFrames(t *testing.T) {
	const typeData = 0x0
	all := [][]byte{frame(typeSettings, 12), frame(typeSettings, 0), frame(typeHeaders, 5), frame(typeData, 70000), frame(typeHeaders, 3), frame(typeData, 1)}
	written := bytes.Join(all, nil)
	ends := map[int]bool{} // of frames, from the first answer on
	at := 0
	for i, f := range all {
		at += len(f)
		if i >= 2 {
			ends[at] = true
		}
	}
	for _, size := range []int{9, 10, 13, 4096, len(written)} {
		for asked := range len(written) {
			if asked > 60 && asked < 70000 && asked%997 != 0 {
				continue
			}
			var f frames
			var out bytes.Buffer
			for from := 0; from < len(written); from += size {
				if from >= asked && from < asked+size {
					f.leave(&out)
				}
				part := written[from:min(from+size, len(written))]
				if n, err := f.write(&out, part); n != len(part) || err != nil {
					t.Fatalf("wrote %d of %d: %v", n, len(part), err)
				}
			}
			if asked+size > len(written) && !f.wanted {
				continue
			}
			where := bytes.Index(out.Bytes(), goAway)
			if !ends[where] {
				t.Fatalf("parts of %d, asked for at %d: GOAWAY at %d", size, asked, where)
			}
			if rest := bytes.Replace(out.Bytes(), goAway, nil, 1); !bytes.Equal(rest, written) {
				t.Fatalf("parts of %d, asked for at %d: the frames are not as written", size, asked)
			}
		}
	}
}

// TestOthersGetNoFrame: what is not HTTP/2 is written as it is.
func TestOthersGetNoFrame(t *testing.T) {
	for _, text := range []string{"HTTP/1.1 200 OK\r\n\r\n", "\x16\x03\x03\x00\x7a\x02\x00\x00\x76", "\x00\x00\x00\x01rest"} {
		var f frames
		var out bytes.Buffer
		f.leave(&out)
		f.write(&out, []byte(text))
		f.write(&out, frame(typeHeaders, 3))
		f.leave(&out)
		if want := text + string(frame(typeHeaders, 3)); out.String() != want {
			t.Errorf("wrote %q, want %q", out.String(), want)
		}
	}
}
