// Package main is a server with chi.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/lameduck-dev/lameduck/graceful"
)

func main() {
	r := chi.NewRouter()
	r.Get("/hello/{name}", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello", chi.URLParam(r, "name")) })
	if err := graceful.ListenAndServe(&http.Server{Addr: ":8080", Handler: r}); err != nil {
		log.Fatal(err)
	}
}
