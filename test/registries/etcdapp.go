package registries

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// EtcdApp is an application on one of the libraries that register in etcd, at their defaults.
type EtcdApp struct {
	Layout  string // the library: kratos or kitex
	Servers []string
	Login   *Login
	Service string
	Address string // host:port that it says it serves on; kratos adds a second endpoint, a thousand ports up
	ID      string // of the instance, of kratos
}

// RunningEtcdApp does nothing until it is told to.
type RunningEtcdApp struct {
	*Process
	lines *bufio.Scanner
	dir   string
}

// StartEtcdApp starts the application.
func StartEtcdApp(ctx context.Context, app EtcdApp) (*RunningEtcdApp, error) {
	built, err := etcdProgram.build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	a := &RunningEtcdApp{}
	name := fmt.Sprintf("%s application %s", app.Layout, app.Service)
	if a.dir, err = os.MkdirTemp("", "lameduck-"+app.Layout+"-"); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	args := []string{filepath.Join(built, "registrant"), "-layout", app.Layout, "-servers", strings.Join(app.Servers, ","),
		"-service", app.Service, "-address", app.Address, "-id", app.ID}
	if app.Login != nil {
		args = append(args, "-user", app.Login.User, "-password", app.Login.Password)
	}
	a.Process, err = process{name: name, dir: a.dir, args: args, stdin: true}.launch()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", name, err), os.RemoveAll(a.dir))
	}
	a.lines = bufio.NewScanner(a.stdout)
	return a, nil
}

// EtcdAppForTest starts the application for the time of a test.
func EtcdAppForTest(t testing.TB, app EtcdApp) *RunningEtcdApp {
	t.Helper()
	a, err := StartEtcdApp(t.Context(), app)
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
func (a *RunningEtcdApp) Register() error { _, err := a.do("register"); return err }

// Deregister takes it out, as the library does when the application stops.
func (a *RunningEtcdApp) Deregister() error { _, err := a.do("deregister"); return err }

// Instances are the addresses that the library gives a consumer of the service.
func (a *RunningEtcdApp) Instances() ([]string, error) { return a.do("instances") }

// do is bounded by the application itself, which answers within 5 s.
func (a *RunningEtcdApp) do(command string) ([]string, error) {
	if _, err := io.WriteString(a.stdin, command+"\n"); err != nil {
		return nil, fmt.Errorf("%s: %s: %w\n%s", a.name, command, err, a.LogTail())
	}
	if !a.lines.Scan() {
		return nil, fmt.Errorf("%s: %s: it ended\n%s", a.name, command, a.LogTail())
	}
	var answer struct {
		Error     string
		Instances []string
	}
	if err := json.Unmarshal(a.lines.Bytes(), &answer); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", a.name, command, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("%s: %s: %s", a.name, command, answer.Error)
	}
	return answer.Instances, nil
}
