package command

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"
)

// endsInOrder marks a command that cleans up once its context ends. Every other one ends at once: a
// read of standard input or a template can't be cancelled.
const endsInOrder = "ends-in-order"

// writing is held while a file is replaced, so that an interrupt leaves nothing behind.
var writing sync.Mutex

// execute runs the command line until it is done, and gives the exit code. The first SIGINT or
// SIGTERM ends it, with 130 or 143 unless it ends in order; the second one always does.
func execute(root *cobra.Command, args []string) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				printError(root.ErrOrStderr(), err)
			}
			return exitCode(err)
		case sig := <-signals:
			running, _, err := root.Find(args)
			if err == nil && running.Annotations[endsInOrder] != "" && ctx.Err() == nil {
				cancel()
				continue
			}
			writing.Lock() // and never unlocked: no write may begin any more
			return 128 + int(sig.(syscall.Signal))
		}
	}
}
