package registries

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/test/build"
)

// EtcdApp is an application with one of the libraries that register in etcd, at its defaults.
type EtcdApp struct {
	Layout  string // the library: kratos or kitex
	Servers []string
	Login   *Login
	Service string
	Address string // host:port that it registers; kratos adds a second endpoint, a thousand ports up
	ID      string // of the instance, for kratos
}

// PolarisApp is an application with polaris-go, at its defaults.
type PolarisApp struct {
	Servers []string
	Service string
	Address string // host:port that it registers
}

// Registrant is a running application that does nothing until it is told to.
type Registrant struct {
	*Process
	lines *bufio.Scanner
	dir   string
}

// StartEtcdApp starts the application.
func StartEtcdApp(ctx context.Context, app EtcdApp) (*Registrant, error) {
	args := []string{"-layout", app.Layout, "-servers", strings.Join(app.Servers, ","),
		"-service", app.Service, "-address", app.Address, "-id", app.ID}
	if app.Login != nil {
		args = append(args, "-user", app.Login.User, "-password", app.Login.Password)
	}
	return startRegistrant(ctx, etcdProgram, app.Layout, func(string) []string { return args })
}

// StartPolarisApp starts the application.
func StartPolarisApp(ctx context.Context, app PolarisApp) (*Registrant, error) {
	var servers []string
	for _, server := range app.Servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return nil, err
		}
		servers = append(servers, net.JoinHostPort(host, strconv.Itoa(number+polarisGRPC)))
	}
	return startRegistrant(ctx, polarisClient, "polaris-go", func(dir string) []string {
		return []string{"-servers", strings.Join(servers, ","), "-service", app.Service, "-address", app.Address, "-logs", dir}
	})
}

func startRegistrant(ctx context.Context, program build.Program, library string, args func(dir string) []string) (*Registrant, error) {
	built, err := program.Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	a := &Registrant{}
	name := library + " application"
	if a.dir, err = os.MkdirTemp("", "lameduck-"+library+"-"); err != nil {
		return nil, fmt.Errorf("starting a %s: %w", name, err)
	}
	a.Process, err = process{name: name, dir: a.dir, args: append([]string{filepath.Join(built, "registrant")}, args(a.dir)...), stdin: true}.launch()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a %s: %w", name, err), os.RemoveAll(a.dir))
	}
	a.lines = bufio.NewScanner(a.stdout)
	return a, nil
}

// EtcdAppForTest starts the application for the duration of a test.
func EtcdAppForTest(t testing.TB, app EtcdApp) *Registrant {
	t.Helper()
	a, err := StartEtcdApp(t.Context(), app)
	return a.forTest(t, err)
}

// PolarisAppForTest starts the application for the duration of a test.
func PolarisAppForTest(t testing.TB, app PolarisApp) *Registrant {
	t.Helper()
	a, err := StartPolarisApp(t.Context(), app)
	return a.forTest(t, err)
}

func (a *Registrant) forTest(t testing.TB, err error) *Registrant {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		showLog(t, a.Process)
		a.Kill()
		if err := os.RemoveAll(a.dir); err != nil {
			t.Error(err)
		}
	})
	return a
}

// Register registers the application's instance, and keeps it registered as the library does.
func (a *Registrant) Register() error { _, err := a.do("register"); return err }

// Deregister deregisters it, as the library does when the application stops.
func (a *Registrant) Deregister() error { _, err := a.do("deregister"); return err }

// Instances are the addresses that the library gives a consumer of the service.
func (a *Registrant) Instances() ([]string, error) { return a.do("instances") }

// do needs no deadline: the application itself answers within some seconds.
func (a *Registrant) do(command string) ([]string, error) {
	if _, err := io.WriteString(a.stdin, command+"\n"); err != nil {
		return nil, fmt.Errorf("%s: %s: %w\n%s", a.name, command, err, a.LogTail())
	}
	var answer struct {
		Error     string
		Instances []string
	}
	for { // a library may log to standard output
		if !a.lines.Scan() {
			return nil, fmt.Errorf("%s: %s: it ended\n%s", a.name, command, a.LogTail())
		}
		if json.Unmarshal(a.lines.Bytes(), &answer) == nil {
			break
		}
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s: %s", a.name, command, answer.Error)
	}
	return answer.Instances, nil
}
