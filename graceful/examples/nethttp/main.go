// Package main is a net/http server with server-sent events, its metrics on another port, and a database.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/lameduck-dev/lameduck/graceful"
)

func main() {
	var db sql.DB // an open database
	var g graceful.Group
	mux := http.NewServeMux()
	mux.Handle("/ready", g.Ready())
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		ended := make(chan struct{})
		defer g.Stream(func() { close(ended) })()
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case now := <-time.After(time.Second):
				fmt.Fprintf(w, "data: %s\n\n", now.Format(time.TimeOnly))
				_ = http.NewResponseController(w).Flush()
			case <-ended: // the client comes back, to another pod
				return
			case <-r.Context().Done():
				return
			}
		}
	})
	g.Serve(&http.Server{Addr: ":8080", Handler: mux})
	g.Serve(&http.Server{Addr: ":9090", Handler: http.NotFoundHandler()})
	g.Defer("database", func(context.Context) error { return db.Close() })
	if err := g.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
