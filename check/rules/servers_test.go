package rules

import (
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/workload"
)

// TestServers holds the table of servers to its form.
func TestServers(t *testing.T) {
	table := servers()
	for _, f := range table.Shutdown {
		places := 0
		for _, place := range []string{f.Flag, f.Property, f.File} {
			if place != "" {
				places++
			}
		}
		if f.Env != "" && f.Flag == "" {
			places++
		}
		if f.Name == "" || !strings.HasPrefix(f.Source, "https://") || places > 1 || places == 0 && f.Default == 0 {
			t.Errorf("%+v: want a name, a source and one place", f)
		}
		if f.Default > 0 && f.Program == "" || f.Flag != "" && f.Program == "" && f.Env == "" {
			t.Errorf("%s: a flag and a default need the program that is seen to run", f.Name)
		}
		if f.File != "" && f.file.NumSubexp() != 1 {
			t.Errorf("%s: %q needs one group, for the time", f.Name, f.File)
		}
	}
	seen := map[string]string{}
	for role, names := range table.Roles {
		for _, name := range names {
			if seen[name] != "" || strings.ToLower(name) != name {
				t.Errorf("%s: role %s twice, or not in lower case", name, role)
			}
			seen[name] = role
		}
	}
}

func TestParseServersRefuses(t *testing.T) {
	for _, text := range []string{"shutdown: [{name: x, unit: h}]", "shutdown: [{name: x, file: '('}]", "shutdown: [{nme: x}]", "delays: {flags: ['(']}", "delays: {files: ['(']}"} {
		if _, err := parseServers([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestRoleOf(t *testing.T) {
	for image, want := range map[string]string{
		"mysql:8": store, "docker.io/bitnami/postgresql:16": store, "redis-stack": store, "percona_xtradb_cluster_5_6": store,
		"redis-commander": "", "postgres-operator": "", "quay.io/prom/mysqld-exporter": exporter, "prom/node-exporter:v1": exporter,
		"nginx:1.25": proxy, "example.com/shop/web:1": "", "registry.k8s.io/pause": tool, "mysqlweb": "", "zookeeper-ui": "",
	} {
		if got := roleOf(&workload.Container{Image: image}); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}
