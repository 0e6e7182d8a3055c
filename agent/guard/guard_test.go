package guard

import (
	"fmt"
	"testing"
)

func TestGo(t *testing.T) {
	failed := make(chan error, 1)
	Go(func() { panic("boom") }, func(err error) { failed <- err })
	if err := <-failed; fmt.Sprint(err) != "panic: boom" {
		t.Error(err)
	}
}
