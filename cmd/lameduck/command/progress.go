package command

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lameduck-dev/lameduck/workload/printable"
)

// progressEvery is how long a command may be silent, and how often it reports from then on.
const progressEvery = 2 * time.Second

// progress reports on standard error how far a command is. A command that ends sooner reports
// nothing.
type progress struct {
	mu   sync.Mutex
	text string

	done chan struct{}
	wg   sync.WaitGroup
}

func startProgress(w io.Writer) *progress {
	p := &progress{done: make(chan struct{})}
	p.wg.Go(func() {
		ticker := time.NewTicker(progressEvery)
		defer ticker.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-ticker.C:
				p.mu.Lock()
				text := p.text
				p.mu.Unlock()
				if text != "" {
					_, _ = fmt.Fprintln(w, text) // nobody misses progress that can't be written
				}
			}
		}
	})
	return p
}

// say sets what is reported next.
func (p *progress) say(format string, args ...any) {
	text := printable.Sprintf(format, args...)
	p.mu.Lock()
	p.text = text
	p.mu.Unlock()
}

// stop ends it; nothing is written afterwards.
func (p *progress) stop() {
	close(p.done)
	p.wg.Wait()
}
