// Package pace limits how often each of many callers may do something.
package pace

import (
	"sync"

	"golang.org/x/time/rate"
)

// most bounds how many are remembered.
const most = 20_000

// Paces gives each of many a pace of its own.
type Paces[K comparable] struct {
	limit rate.Limit
	burst int

	mu sync.Mutex
	of map[K]*rate.Limiter
}

// New gives Paces of limit a second for each, and burst at once.
func New[K comparable](limit rate.Limit, burst int) *Paces[K] {
	return &Paces[K]{limit: limit, burst: burst, of: map[K]*rate.Limiter{}}
}

// Allow reports whether who may do it once more now. A newcomer may not while too many others are
// being limited.
func (p *Paces[K]) Allow(who K) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	own := p.of[who]
	if own == nil {
		if len(p.of) >= most {
			p.forget()
		}
		if len(p.of) >= most {
			return false
		}
		own = rate.NewLimiter(p.limit, p.burst)
		p.of[who] = own
	}
	return own.Allow()
}

// forget drops those that have their whole burst again: they lose nothing by starting afresh.
func (p *Paces[K]) forget() {
	for who, own := range p.of {
		if own.Tokens() >= float64(p.burst) {
			delete(p.of, who)
		}
	}
}
