package render

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/manifest"
)

// server are the paths that kustomize takes for an address: of a file, or of a git repository.
var server = regexp.MustCompile(`(?i)^\s*(https?:|ssh:|file:|git::|github\.com[:/]|[a-z0-9][a-z0-9._-]*@)|://`)

// fetched is an address that a built-in transformer or generator may load a file from.
var fetched = regexp.MustCompile(`(?i)https?:[^"\s]*`)

func remote(path string) bool { return !strings.Contains(path, "\n") && server.MatchString(path) }

// local lets kustomize have a kustomization only if it names nothing but files of this disk,
// and asks for the origin of each resource. Whatever kustomize loads comes from a kustomization
// that went through here, so that it never gets to call a server or git.
func (r *reading) local(path string, text []byte) ([]byte, error) {
	dir := filepath.Dir(path)
	if !slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path)) {
		return text, nil
	}
	var k types.Kustomization
	if err := k.Unmarshal(text); err != nil {
		return text, nil //nolint:nilerr // kustomize says what is wrong with it
	}
	k.FixKustomization()
	for _, f := range r.disk.folders {
		if rel, ok := manifest.Below(f.path, path); ok {
			path = rel
			break
		}
	}
	for field, paths := range named(&k) {
		for _, each := range paths {
			if remote(each) {
				return nil, fmt.Errorf("%s: %s names %s, and nothing is fetched; run kustomize build and check its output", path, field, each)
			}
		}
	}
	if len(k.HelmCharts) > 0 {
		return nil, fmt.Errorf("%s: helmCharts runs helm, and nothing is run; run kustomize build --enable-helm and check its output", path)
	}
	for field, configs := range map[string][]string{"generators": k.Generators, "transformers": k.Transformers, "validators": k.Validators} {
		for _, config := range configs {
			if err := r.plugin(dir, path, field, config); err != nil {
				return nil, err
			}
		}
	}
	for _, base := range slices.Concat(k.Resources, k.Components) {
		r.disk.allow(filepath.Join(dir, base))
	}
	if dir == r.dir && !slices.Contains(k.BuildMetadata, types.OriginAnnotations) {
		var whole map[string]any
		if err := yaml.Unmarshal(text, &whole); err == nil {
			whole["buildMetadata"] = append(k.BuildMetadata, types.OriginAnnotations)
			return yaml.Marshal(whole)
		}
	}
	return text, nil
}

// named are the paths that a kustomization names, by field.
func named(k *types.Kustomization) map[string][]string {
	out := map[string][]string{
		"resources": k.Resources, "components": k.Components, "crds": k.Crds, "configurations": k.Configurations,
		"openapi": {k.OpenAPI["path"]},
	}
	for _, p := range k.Patches {
		out["patches"] = append(out["patches"], p.Path)
	}
	for _, p := range k.PatchesJson6902 { //nolint:staticcheck // deprecated, and still read
		out["patchesJson6902"] = append(out["patchesJson6902"], p.Path)
	}
	for _, p := range k.PatchesStrategicMerge { //nolint:staticcheck // deprecated, and still read
		out["patchesStrategicMerge"] = append(out["patchesStrategicMerge"], string(p))
	}
	for _, p := range k.Replacements {
		out["replacements"] = append(out["replacements"], p.Path)
	}
	sources := func(field string, s types.KvPairSources) {
		for _, file := range slices.Concat(s.FileSources, s.EnvSources, []string{s.EnvSource}) {
			_, path, keyed := strings.Cut(file, "=")
			if !keyed {
				path = file
			}
			out[field] = append(out[field], path)
		}
	}
	for _, g := range k.ConfigMapGenerator {
		sources("configMapGenerator", g.KvPairSources)
	}
	for _, g := range k.SecretGenerator {
		sources("secretGenerator", g.KvPairSources)
	}
	return out
}

// plugin refuses a generator, transformer or validator that may reach out. A folder of them is
// built before it is used, so its files don't show what it says.
func (r *reading) plugin(dir, path, field, config string) error {
	place := fmt.Sprintf("%s: %s", path, field)
	if !strings.Contains(config, "\n") {
		if remote(config) {
			return fmt.Errorf("%s names %s, and nothing is fetched; run kustomize build and check its output", place, config)
		}
		text, err := r.disk.ReadFile(filepath.Join(dir, config))
		if err != nil {
			return fmt.Errorf("%s: %s is not read: %w; run kustomize build and check its output", place, config, err)
		}
		config, place = string(text), place+" "+config
	}
	f, _ := manifest.Parse(place, config)
	for _, o := range f.Objects {
		if o.APIVersion != konfig.BuiltinPluginApiVersion || o.Kind == "HelmChartInflationGenerator" {
			return fmt.Errorf("%s runs %s, and nothing is run; run kustomize build and check its output", place, o.Kind)
		}
		if address := fetched.FindString(o.Root.String()); address != "" {
			return fmt.Errorf("%s names %s, and nothing is fetched; run kustomize build and check its output", place, address)
		}
	}
	return nil
}
