package rules

import (
	_ "embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

//go:embed servers.yaml
var serversFile []byte

// serverTable is what servers.yaml says, ready to be used.
type serverTable struct {
	Shutdown []framework `json:"shutdown"`
	Delays   struct {
		Flags  []string `json:"flags"`
		Files  []string `json:"files"`
		Images []string `json:"images"`
	} `json:"delays"`
	Roles     map[string][]string `json:"roles"`
	NotStores []string            `json:"notStores"`
	Workers   []worker            `json:"workers"`
	Ports     []string            `json:"storePorts"`
	Java      struct {
		Images []string `json:"images"`
		Env    []string `json:"env"`
	} `json:"java"`

	delayFlag, delayFile *regexp.Regexp
	images               map[string]string // role by image name
}

// framework says where a server's own shutdown time is set; servers.yaml
// describes the fields.
type framework struct {
	Name     string   `json:"name"`
	Source   string   `json:"source"`
	Program  string   `json:"program"`
	Flag     string   `json:"flag"`
	Env      string   `json:"env"`
	Property string   `json:"property"`
	File     string   `json:"file"`
	Unit     string   `json:"unit"`
	Default  int64    `json:"default"`
	Unless   []string `json:"unless"`
	With     []string `json:"with"`

	file *regexp.Regexp
	unit time.Duration
}

// worker takes work from a queue.
type worker struct {
	Name    string   `json:"name"`
	Program string   `json:"program"`
	Words   []string `json:"words"`
}

// workerOf is the worker that a container runs.
func workerOf(c *workload.Container) (worker, bool) {
	for _, w := range servers().Workers {
		if runs(c, w.Program) && (len(w.Words) == 0 || slices.ContainsFunc(w.Words, func(word string) bool { return runs(c, word) })) {
			return w, true
		}
	}
	return worker{}, false
}

// runsJava reports whether a container shows that it runs a JVM.
func runsJava(c *workload.Container) bool {
	java := servers().Java
	if runs(c, "java") || slices.Contains(java.Images, c.ImageName()) {
		return true
	}
	return slices.ContainsFunc(java.Env, func(name string) bool { _, set := c.Env(name); return set })
}

// The roles of an image that rules ask for.
const (
	store    = "store"
	exporter = "exporter"
	tool     = "tool"
	proxy    = "proxy"
)

var servers = sync.OnceValue(func() *serverTable {
	t, err := parseServers(serversFile)
	if err != nil {
		panic(err) // the table is part of the program, and tested
	}
	return t
})

func parseServers(text []byte) (*serverTable, error) {
	t := &serverTable{}
	if err := yaml.UnmarshalStrict(text, t); err != nil {
		return nil, err
	}
	units := map[string]time.Duration{"": time.Second, "s": time.Second, "ms": time.Millisecond}
	for i := range t.Shutdown {
		f := &t.Shutdown[i]
		var err error
		if f.file, err = regexp.Compile(f.File); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		unit, known := units[f.Unit]
		if f.unit = unit; !known {
			return nil, fmt.Errorf("%s: unit %q: want ms or s", f.Name, f.Unit)
		}
	}
	var err error
	if t.delayFlag, err = regexp.Compile(`(?i)` + strings.Join(t.Delays.Flags, "|")); err != nil {
		return nil, err
	}
	if t.delayFile, err = regexp.Compile(`(?mi)^\s*(?:` + strings.Join(t.Delays.Files, "|") + `)\b[\s:="']*([0-9][0-9a-z.]*)?`); err != nil {
		return nil, err
	}
	t.images = map[string]string{}
	for role, names := range t.Roles {
		for _, name := range names {
			t.images[name] = role
		}
	}
	return t, nil
}

// roleOf is what a container is by its image, or by the ports that it declares;
// "" if the table does not say.
func roleOf(c *workload.Container) string {
	if role := imageRole(c); role != "" {
		return role
	}
	stores := 0
	for p := range c.Node.Get("ports").All() {
		if !slices.Contains(servers().Ports, p.Get("containerPort").Str()) {
			return ""
		}
		stores++
	}
	if stores > 0 {
		return store
	}
	return ""
}

func imageRole(c *workload.Container) string {
	t, name := servers(), strings.ToLower(c.ImageName())
	if role := t.images[name]; role != "" {
		return role
	}
	if strings.Contains(name, "exporter") {
		return exporter
	}
	for i := len(name) - 1; i > 0; i-- {
		if strings.IndexByte("-_.", name[i]) < 0 {
			continue
		}
		role := t.images[name[:i]]
		if role == "" {
			continue
		}
		words := strings.FieldsFunc(name[i:], func(r rune) bool { return strings.ContainsRune("-_.", r) })
		if slices.ContainsFunc(words, func(w string) bool { return slices.Contains(t.NotStores, w) }) {
			return ""
		}
		return role
	}
	return ""
}

// answers reports whether a container answers requests that a stop could lose: it is not a store,
// whose clients know how to reconnect, is not only scraped, and does more than sleep.
func answers(c *workload.Container) bool {
	switch roleOf(c) {
	case store, exporter, tool:
		return false
	}
	return !idles(c)
}

// idles reports whether a container's command does nothing but wait.
func idles(c *workload.Container) bool {
	argv := c.Argv()
	if len(argv) == 0 {
		return false
	}
	script := shell.Read(argv, nil)
	for _, command := range script.Commands {
		if name := command.Name(); !idle[name] && name != ":" && name != "trap" && name != "wait" {
			return false
		}
	}
	return script.Complete && len(script.Commands) > 0
}
