// Package main is a server with gin.
package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/lameduck-dev/lameduck/graceful"
)

func main() {
	r := gin.Default()
	r.GET("/hello/:name", func(c *gin.Context) { c.String(http.StatusOK, "hello %s", c.Param("name")) })
	if err := graceful.ListenAndServe(&http.Server{Addr: ":8080", Handler: r}); err != nil { // not r.Run
		log.Fatal(err)
	}
}
