// Package main is a worker that takes jobs from a queue, and finishes the one that it has.
package main

import (
	"context"
	"log"
	"time"

	"github.com/lameduck-dev/lameduck/graceful"
)

func main() {
	jobs := make(chan int) // a queue
	var g graceful.Group
	g.Go("queue", func(ctx context.Context) error {
		for {
			select {
			case job := <-jobs:
				work(context.WithoutCancel(ctx), job)
			case <-ctx.Done(): // between two jobs
				log.Print(context.Cause(ctx))
				return nil
			}
		}
	})
	if err := g.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func work(_ context.Context, job int) { time.Sleep(time.Duration(job) * time.Second) }
