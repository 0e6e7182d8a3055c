package check

import (
	"errors"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// HookPrograms are what hooks are usually made of.
var HookPrograms = []string{"sh", "bash", "ash", "dash", "busybox", "sleep", "curl", "wget", "kill"}

// Image is what a container image says about its process.
type Image struct {
	Entrypoint []string          `json:"entrypoint"`
	Cmd        []string          `json:"cmd"`
	StopSignal string            `json:"stopSignal"`
	Shell      *bool             `json:"shell"`    // has it /bin/sh; nil if not known
	Programs   []string          `json:"programs"` // which of HookPrograms are in its PATH; nil if not known
	Labels     map[string]string `json:"labels"`
}

// Lacks reports whether the image is known not to have a program that hooks
// are made of.
func (i Image) Lacks(program string) bool {
	if i.Programs != nil {
		return !slices.Contains(i.Programs, program)
	}
	return i.Shell != nil && !*i.Shell
}

// Images holds what is known about images. One that is not in it is unknown: no rule guesses.
type Images map[string]Image

// Add adds an image under a name that manifests use.
func (m Images) Add(name string, i Image) { m[fullName(name)] = i }

// Of is what is known about an image, however much of its name is left out.
func (m Images) Of(name string) (Image, bool) {
	if len(m) == 0 {
		return Image{}, false
	}
	i, ok := m[fullName(name)]
	return i, ok
}

// Repository is an image's name without tag and digest, "" if it has neither.
func Repository(name string) string {
	repo, _, digest := strings.Cut(name, "@")
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		return repo[:i]
	}
	if digest {
		return repo
	}
	return ""
}

// fullName adds what a container runtime adds: the registry, its folder of
// official images, the tag. A digest makes the tag meaningless.
func fullName(name string) string {
	rest, digest, pinned := strings.Cut(name, "@")
	repo := Repository(rest)
	tag := ":latest"
	if repo == "" {
		repo = rest
	} else {
		tag = rest[len(repo):]
	}
	host, path, found := strings.Cut(repo, "/")
	switch {
	case !found:
		repo = "docker.io/library/" + repo
	case host == "index.docker.io", host == "docker.io":
		if repo = "docker.io/" + path; !strings.Contains(path, "/") {
			repo = "docker.io/library/" + path
		}
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		repo = "docker.io/" + repo
	}
	if pinned {
		return repo + "@" + digest
	}
	return repo + tag
}

// ParseImages reads a file of facts about images: YAML, by name.
func ParseImages(text []byte) (Images, error) {
	var byName map[string]Image
	if err := yaml.UnmarshalStrict(text, &byName); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: json: "))
	}
	m := Images{}
	for name, i := range byName {
		m.Add(name, i)
	}
	return m, nil
}
