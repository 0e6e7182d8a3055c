// Package main is the command compare: it runs the same cases against servers that stop by different
// libraries, and prints a table.
//
//	go -C graceful/examples run ./compare
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
)

func main() {
	only := flag.String("case", "", "`regexp` of the cases to run; all by default")
	list := flag.Bool("list", false, "list the cases and the libraries")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "compare runs cases against servers that stop by different libraries, and prints a table.\nExit codes: 0 the table is complete, 1 it is not.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 3 && flag.Arg(0) == "serve" {
		serve(flag.Arg(1), flag.Arg(2))
		return
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare: --case:", err)
		os.Exit(1)
	}
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = s.name
	}
	fmt.Printf("| | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, c := range cases {
		if !wanted.MatchString(c.name) {
			continue
		}
		cells := make([]string, len(names))
		for i, name := range names {
			if *list {
				break
			}
			cell, err := runCase(c, name)
			if err != nil {
				fmt.Fprintf(os.Stderr, "compare: %s, %s: %v\n", c.name, name, err)
				os.Exit(1)
			}
			cells[i] = cell
		}
		fmt.Printf("| %s | %s |\n", c.name, strings.Join(cells, " | "))
	}
}

// serve is the child: a server that stops by the named library.
func serve(name, address string) {
	for _, s := range servers {
		if s.name != name {
			continue
		}
		protocols := new(http.Protocols)
		protocols.SetHTTP1(true)
		protocols.SetUnencryptedHTTP2(true)
		srv := &http.Server{Protocols: protocols}
		srv.Handler = handler(onShutdown(srv))
		err := s.serve(address, srv)
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	fmt.Fprintf(os.Stderr, "compare: no library %q\n", name)
	os.Exit(1)
}
