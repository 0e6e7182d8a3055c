package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// answerTimeout bounds the wait for one small answer of an API server.
const answerTimeout = 15 * time.Second

// asker asks an API server. It reports what it waits for, and says plainly that no answer came.
type asker struct {
	server   string
	progress *progress
}

// ask does what the API server must answer within limit.
func (a asker) ask(ctx context.Context, limit time.Duration, what string, do func(ctx context.Context) error) error {
	a.progress.say("waiting for the API server %s: %s, at most %v", a.server, what, limit)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	return a.plain(do(ctx), time.Since(began))
}

// plain says what to do about a server that gave no answer; other errors stay as they are.
func (a asker) plain(err error, took time.Duration) error {
	const remedy = "see that it runs and can be reached from here, or name another cluster by --kubeconfig or --context"
	switch unreachable := (*net.OpError)(nil); {
	case timedOut(err):
		return fmt.Errorf("the API server %s gave no answer within %v (%s)", a.server, took.Round(time.Second), remedy)
	case errors.As(err, &unreachable):
		return fmt.Errorf("%w (%s)", err, remedy)
	}
	return err
}

// reach waits until the API server answers at all.
func (a asker) reach(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	return a.ask(ctx, answerTimeout, "its first answer", func(ctx context.Context) error {
		_, err := client.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx)
		if answer := (apierrors.APIStatus)(nil); errors.As(err, &answer) {
			return nil // if only that this user may not ask
		}
		return err
	})
}

// timedOut reports whether an error is that something took too long.
func timedOut(err error) bool {
	var late interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout()
}
