package render

import (
	"fmt"
	"runtime/metrics"
	"time"
)

// What one chart or kustomization may take. The largest public charts take 2 s and 150 MB.
const (
	maxTime   = time.Minute
	maxMemory = 1 << 30 // bytes, beyond what was in use before
)

// watch calls exceeded once if rendering takes more than it may, until it is stopped. A template
// can't be interrupted, so exceeded must end the program.
func watch(dir string, exceeded func(error)) (stop func()) {
	if exceeded == nil {
		return func() {}
	}
	done := make(chan struct{})
	before, end := heap(), time.After(maxTime)
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-end:
				exceeded(fmt.Errorf("%s takes more than %s to render; render it by helm or kustomize and check the output", dir, maxTime))
				return
			case <-ticker.C:
				if heap() > before+maxMemory {
					exceeded(fmt.Errorf("%s takes more than %d MB to render; render it by helm or kustomize and check the output", dir, maxMemory>>20))
					return
				}
			}
		}
	}()
	return func() { close(done) }
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
