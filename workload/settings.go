package workload

import (
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Setting is a value that a container is configured with, and its place.
type Setting struct {
	Value  string
	Object *manifest.Object
	Node   *manifest.Node
}

// Env looks a variable up in the container's environment: env first, then
// envFrom, as the kubelet does. ConfigMaps that are not in the input are
// unknown, and so is every Secret.
func (c *Container) Env(name string) (Setting, bool) {
	var found Setting
	ok := false
	for e := range c.env.All() {
		if e.Get("name").Str() != name {
			continue
		}
		if v := e.Get("value"); v != nil {
			found, ok = Setting{v.Value, c.Pod.Object, v}, true
		} else if ref := e.Get("valueFrom", "configMapKeyRef"); ref != nil {
			found, ok = c.configMapKey(ref.Get("name").Str(), ref.Get("key").Str())
		}
	}
	if ok {
		return found, true
	}
	for e := range c.envFrom.All() {
		key, matches := strings.CutPrefix(name, e.Get("prefix").Str())
		if ref := e.Get("configMapRef", "name"); ref != nil && matches {
			if s, there := c.configMapKey(ref.Str(), key); there {
				found, ok = s, true
			}
		}
	}
	return found, ok
}

// ownEnv looks a variable up among those whose values the pod template itself holds. A value that
// refers to others is unknown.
func (c *Container) ownEnv(name string) (value string, known bool) {
	for e := range c.env.All() {
		if e.Get("name").Str() == name {
			value, known = e.Get("value").Str(), e.Get("value").Set() && !strings.Contains(e.Get("value").Str(), "$")
		}
	}
	return value, known
}

func (c *Container) configMapKey(configMap, key string) (Setting, bool) {
	cm := c.Pod.Input.Find(c.Pod.Object, "ConfigMap", c.Pod.Namespace, configMap)
	if cm == nil {
		return Setting{}, false
	}
	n := cm.Root.Get("data", key)
	if n == nil {
		return Setting{}, false
	}
	return Setting{n.Value, cm, n}, true
}

// Files are the ConfigMap entries that are mounted into the container, by the
// path at which it sees them.
func (c *Container) Files() map[string]Setting {
	if c.mounts == nil {
		return nil
	}
	files := map[string]Setting{}
	for mount := range c.mounts.All() {
		for volume := range c.Pod.Pod.Get("volumes").All() {
			if volume.Get("name").Str() != mount.Get("name").Str() {
				continue
			}
			c.volumeFiles(files, mount, volume.Get("configMap"))
			for source := range volume.Get("projected", "sources").All() {
				c.volumeFiles(files, mount, source.Get("configMap"))
			}
		}
	}
	return files
}

func (c *Container) volumeFiles(files map[string]Setting, mount, configMap *manifest.Node) {
	if configMap == nil {
		return
	}
	cm := c.Pod.Input.Find(c.Pod.Object, "ConfigMap", c.Pod.Namespace, configMap.Get("name").Str())
	if cm == nil {
		return
	}
	place := map[string]string{}
	for item := range configMap.Get("items").All() {
		place[item.Get("key").Str()] = item.Get("path").Str()
	}
	at, sub := mount.Get("mountPath").Str(), mount.Get("subPath").Str()
	for n := range cm.Root.Get("data").All() {
		file := n.Key
		if len(place) > 0 {
			if file = place[n.Key]; file == "" {
				continue
			}
		}
		switch sub {
		case "":
			files[path.Join(at, file)] = Setting{n.Value, cm, n}
		case file:
			files[at] = Setting{n.Value, cm, n}
		}
	}
}

// Property looks a Spring property up where Spring does, strongest first:
// command line, system properties, environment, application files. Names are
// written in kebab case, as in spring.lifecycle.timeout-per-shutdown-phase.
func (c *Container) Property(property string) (Setting, bool) {
	for _, lead := range []string{"", "D"} {
		if v, at, ok := c.flag(lead, property); ok {
			return Setting{v, c.Pod.Object, at}, true
		}
	}
	for _, options := range []string{"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS"} {
		s, ok := c.Env(options)
		if !ok {
			continue
		}
		for _, word := range strings.Fields(s.Value) {
			if v, is := strings.CutPrefix(word, "-D"+property+"="); is {
				s.Value = v
				return s, true
			}
		}
	}
	for _, name := range envNames(property) {
		if s, ok := c.Env(name); ok {
			return s, true
		}
	}
	for _, file := range c.applicationFiles() {
		if v, ok := fileProperty(file, property); ok {
			file.Value = v
			return file, true
		}
	}
	return Setting{}, false
}

// envCache keeps envNames' answers: every container is asked for the same few
// properties.
var envCache sync.Map

// envNames is Spring's relaxed binding: dots become underscores, dashes go or,
// in the older form, become underscores too.
func envNames(property string) []string {
	if names, ok := envCache.Load(property); ok {
		return names.([]string)
	}
	upper := strings.ToUpper(strings.ReplaceAll(property, ".", "_"))
	names := []string{strings.ReplaceAll(upper, "-", ""), strings.ReplaceAll(upper, "-", "_")}
	envCache.Store(property, names)
	return names
}

// applicationFiles are the mounted Spring configuration files, in the order of their paths; Spring
// reads no file of another name by default.
func (c *Container) applicationFiles() []Setting {
	var out []Setting
	files := c.Files()
	if len(files) == 0 {
		return nil
	}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		base := path.Base(p)
		if strings.HasPrefix(base, "application") || strings.HasPrefix(base, "bootstrap") {
			s := files[p]
			s.Node = s.Node.Saying(base, s.Value)
			out = append(out, s)
		}
	}
	return out
}

func fileProperty(file Setting, property string) (string, bool) {
	switch path.Ext(file.Node.Key) {
	case ".properties":
		return propertiesValue(file.Value, property)
	case ".yml", ".yaml":
		return yamlValue(file.Value, property)
	}
	return "", false
}

func propertiesValue(text, property string) (value string, found bool) {
	for _, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		i := strings.IndexAny(line, "=:")
		if i > 0 && sameProperty(strings.TrimSpace(line[:i]), property) {
			value, found = strings.TrimSpace(line[i+1:]), true
		}
	}
	return value, found
}

// yamlValue reads the documents that hold for every profile.
func yamlValue(text, property string) (value string, found bool) {
	for root := range manifest.Documents(text) {
		if root.Get("spring", "config", "activate") != nil || root.Get("spring", "profiles") != nil {
			continue
		}
		if n := findProperty(root, "", property); n != nil && n.Kind == manifest.Scalar {
			value, found = n.Value, true
		}
	}
	return value, found
}

// findProperty walks a tree in which a key may stand for several levels.
func findProperty(n *manifest.Node, prefix, property string) *manifest.Node {
	for c := range n.All() {
		key := c.Key
		if prefix != "" {
			key = prefix + "." + c.Key
		}
		if sameProperty(key, property) {
			return c
		}
		if c.Kind == manifest.Map {
			if found := findProperty(c, key, property); found != nil {
				return found
			}
		}
	}
	return nil
}

// sameProperty compares names in any of the forms that Spring binds.
func sameProperty(a, b string) bool {
	return len(a) <= len(b)+8 && plainName(a) == plainName(b)
}

var dashes = strings.NewReplacer("-", "", "_", "")

func plainName(s string) string { return strings.ToLower(dashes.Replace(s)) }
