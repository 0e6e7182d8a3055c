package findings

import (
	"bytes"
	"testing"

	"github.com/lameduck-dev/lameduck/report/findings/sariftest"
)

func TestSARIFIsValid(t *testing.T) {
	for name, result := range map[string]*Result{"sample": sample, "nothing found": {}, "unreadable only": {Unreadable: sample.Unreadable}} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, "sarif", result, false); err != nil {
				t.Fatal(err)
			}
			sariftest.Valid(t, b.Bytes())
		})
	}
}
