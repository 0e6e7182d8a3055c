package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/template"
	"time"
)

// scratch is where the proxies and their configuration live: the only writable folder.
const scratch = "/tmp"

var (
	//go:embed nginx.conf
	nginxConf string
	//go:embed haproxy.cfg
	haproxyCfg string
	//go:embed envoy.yaml
	envoyYAML string
)

// plane is a real proxy that this program controls: it passes each change on.
type plane struct {
	args []string
	// set makes the running proxy send to these endpoints and no others.
	set func(ctx context.Context, process *os.Process, endpoints []string) error
}

var planes = map[string]plane{
	"nginx":   {[]string{"/nginx", "-e", "stderr", "-c", scratch + "/nginx.conf"}, setNginx},
	"haproxy": {[]string{"/haproxy", "-db", "-f", scratch + "/haproxy.cfg"}, new(haproxySlots).set},
	"envoy":   {[]string{"/envoy", "-c", scratch + "/envoy.yaml", "--disable-hot-restart", "--concurrency", "2", "--log-level", "warning"}, setEnvoy},
}

// run runs the proxy with t's endpoints, until ctx is done or the proxy ends.
func (p plane) run(ctx context.Context, t *table) error {
	if err := errors.Join(writeNginx(t.endpoints()), write("haproxy.cfg", haproxyCfg), write("envoy.yaml", envoyYAML), writeEnvoy(t.endpoints())); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		changed := t.nextChange()
		pause := time.Hour
		if err := p.set(ctx, cmd.Process, t.endpoints()); err != nil {
			fmt.Fprintln(os.Stderr, "router:", err)
			pause = 50 * time.Millisecond
		}
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was told to end
			}
			return fmt.Errorf("%s ended: %w", p.args[0], err)
		case <-changed:
		case <-time.After(pause):
		}
	}
}

// setNginx reloads nginx: its old workers go on until their requests are answered.
func setNginx(_ context.Context, process *os.Process, endpoints []string) error {
	if err := writeNginx(endpoints); err != nil {
		return err
	}
	if _, err := os.Stat(scratch + "/nginx.pid"); err != nil {
		return err // before it has that file, the signal would end it
	}
	return process.Signal(syscall.SIGHUP)
}

func writeNginx(endpoints []string) error {
	var text bytes.Buffer
	if err := template.Must(template.New("").Parse(nginxConf)).Execute(&text, endpoints); err != nil {
		return err
	}
	return write("nginx.conf", text.String())
}

// haproxySlots holds the endpoint of each server that haproxy.cfg has room for, "" for none. An endpoint
// keeps its server.
type haproxySlots [32]string

// set changes the servers through HAProxy's runtime API, without a reload.
func (h *haproxySlots) set(ctx context.Context, _ *os.Process, endpoints []string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", scratch+"/haproxy.sock")
	if err != nil {
		return err
	}
	defer conn.Close()
	var orders []string
	next := *h
	for i, endpoint := range next {
		if endpoint != "" && !slices.Contains(endpoints, endpoint) {
			next[i] = ""
			orders = append(orders, fmt.Sprintf("set server app/s%d state maint", i+1))
		}
	}
	for _, endpoint := range endpoints {
		if slices.Contains(next[:], endpoint) {
			continue
		}
		free := slices.Index(next[:], "")
		host, port, err := net.SplitHostPort(endpoint)
		if err != nil || free < 0 {
			return fmt.Errorf("no server for %s: %w", endpoint, err)
		}
		next[free] = endpoint
		orders = append(orders, fmt.Sprintf("set server app/s%d addr %s port %s", free+1, host, port), fmt.Sprintf("set server app/s%d state ready", free+1))
	}
	if _, err := io.WriteString(conn, strings.Join(orders, ";")+"\n"); err != nil {
		return err
	}
	if _, err = io.Copy(io.Discard, conn); err == nil {
		*h = next
	}
	return err
}

func setEnvoy(_ context.Context, _ *os.Process, endpoints []string) error {
	return writeEnvoy(endpoints)
}

// writeEnvoy writes the endpoints where Envoy watches for them.
func writeEnvoy(endpoints []string) error {
	type object = map[string]any
	all := []object{}
	for _, endpoint := range endpoints {
		host, port, err := net.SplitHostPort(endpoint)
		if err != nil {
			return err
		}
		all = append(all, object{"endpoint": object{"address": object{"socket_address": object{"address": host, "port_value": json.Number(port)}}}})
	}
	text, err := json.Marshal(object{"resources": []object{{
		"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": "app",
		"endpoints": []object{{"lb_endpoints": all}},
	}}})
	if err != nil {
		return err
	}
	return write("endpoints.json", string(text))
}

// write replaces a file in the scratch folder as a whole.
func write(name, text string) error {
	path := filepath.Join(scratch, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
