// Command registrant registers an instance in etcd with the libraries that applications use, at
// their defaults, and lists what a consumer on the same library is given. It reads commands, one
// a line: register, deregister, instances. Each is answered with one line of JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// library is what the commands do.
type library interface {
	register(ctx context.Context) error
	deregister(ctx context.Context) error
	instances(ctx context.Context) ([]string, error)
}

// app is the instance, and the way to etcd.
type app struct {
	servers        []string
	user, password string
	service, id    string
	address        string
}

type answer struct {
	Error     string   `json:"error,omitempty"`
	Instances []string `json:"instances,omitempty"`
}

func main() {
	var a app
	layout := flag.String("layout", "kratos", "`library`: kratos or kitex")
	servers := flag.String("servers", "", "etcd's `addresses`, separated by commas")
	flag.StringVar(&a.user, "user", "", "etcd user's `name`")
	flag.StringVar(&a.password, "password", "", "and `password`")
	flag.StringVar(&a.service, "service", "orders", "`name` of the service")
	flag.StringVar(&a.id, "id", "orders-0", "`id` of the instance, of kratos")
	flag.StringVar(&a.address, "address", "127.0.0.1:7001", "`host:port` of the instance")
	flag.Parse()
	a.servers = strings.Split(*servers, ",")
	open := newKratos
	if *layout == "kitex" {
		open = newKitex
	}
	l, err := open(a)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if out.Encode(do(l, lines.Text())) != nil {
			return
		}
	}
}

func do(l library, command string) (a answer) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var err error
	switch command {
	case "register":
		err = l.register(ctx)
	case "deregister":
		err = l.deregister(ctx)
	case "instances":
		a.Instances, err = l.instances(ctx)
	default:
		err = fmt.Errorf("no command %q", command)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}
