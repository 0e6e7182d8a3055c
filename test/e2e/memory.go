package e2e

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/deploy"
)

// memoryWatch asks the controllers twice a second how much memory they use.
type memoryWatch struct {
	env     *Env
	client  *http.Client
	targets []string

	most  uint64 // the most resident bytes of any one
	seen  int    // answers
	err   error
	stop  context.CancelFunc
	ended chan struct{}
	once  sync.Once
}

func (e *Env) watchMemory(ctx context.Context) (*memoryWatch, error) {
	pods, err := e.Client.CoreV1().Pods(controlNamespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/component=controller"})
	if err != nil {
		return nil, fmt.Errorf("finding the controllers: %w", err)
	}
	w := &memoryWatch{env: e, ended: make(chan struct{}), client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: e.dial}}}
	for _, pod := range pods.Items {
		w.targets = append(w.targets, "http://"+net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(deploy.DefaultPorts.Metrics))+"/metrics")
	}
	ctx, w.stop = context.WithCancel(context.WithoutCancel(ctx))
	go w.watch(ctx)
	return w, nil
}

func (w *memoryWatch) watch(ctx context.Context) {
	defer close(w.ended)
	for {
		for _, target := range w.targets {
			bytes, err := w.resident(ctx, target)
			if err != nil {
				w.err = err
				continue
			}
			w.seen++
			w.most = max(w.most, bytes)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (w *memoryWatch) resident(ctx context.Context, target string) (uint64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return 0, err
	}
	answer, err := w.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if value, is := strings.CutPrefix(lines.Text(), "process_resident_memory_bytes "); is {
			bytes, err := strconv.ParseFloat(value, 64)
			return uint64(bytes), err
		}
	}
	return 0, fmt.Errorf("%s has no process_resident_memory_bytes", target)
}

// end stops watching. It returns an error if too few answers came.
func (w *memoryWatch) end() error {
	w.once.Do(func() {
		w.stop()
		<-w.ended
		w.client.CloseIdleConnections()
	})
	if w.seen < len(w.targets) || len(w.targets) == 0 {
		return fmt.Errorf("asking the controllers how much memory they use: %d answers from %d controllers: %w", w.seen, len(w.targets), w.err)
	}
	return nil
}
