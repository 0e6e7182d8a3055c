// Package podlog reads the logs of containers, line by line and bounded.
package podlog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LineMax is the length of the longest line that is read, in bytes; longer ones are skipped.
const LineMax = 16 << 10

// Options ask for a container's log, with the time of each line: all that was written since then, or at
// all if that is zero, and what is still to come.
func Options(container string, since time.Time) *corev1.PodLogOptions {
	options := &corev1.PodLogOptions{Container: container, Follow: true, Timestamps: true}
	if !since.IsZero() {
		options.SinceTime = &metav1.Time{Time: since}
	}
	return options
}

// Read calls line with each line of a log that was asked for with Options, until the log ends (no error)
// or the connection is cut. It returns the time of the last line, and since if there was none.
func Read(body io.Reader, since time.Time, line func(at time.Time, text []byte)) (last time.Time, err error) {
	last = since
	reader := bufio.NewReaderSize(body, LineMax)
	for {
		text, err := reader.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			text = nil
			_, err = reader.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
		stamp, text, ok := bytes.Cut(text, []byte(" "))
		if at, stampErr := time.Parse(time.RFC3339Nano, string(stamp)); ok && stampErr == nil {
			last = at
			line(at, text)
		}
	}
}
