// Package main is a server with echo.
package main

import (
	"log"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/lameduck-dev/lameduck/graceful"
)

func main() {
	e := echo.New()
	e.GET("/hello/:name", func(c echo.Context) error { return c.String(http.StatusOK, "hello "+c.Param("name")) })
	if err := graceful.ListenAndServe(&http.Server{Addr: ":8080", Handler: e}); err != nil { // not e.Start
		log.Fatal(err)
	}
}
