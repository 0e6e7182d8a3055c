package spring

import (
	"archive/zip"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// file is one configuration file.
type file struct {
	name string // without its folder
	text string
}

// maxFile bounds one file, in bytes.
const maxFile = 1 << 20

// files are the application's configuration files, the strongest place first.
func (p Process) files(a *Application) []file {
	var all []file
	for _, place := range p.places(a) {
		all = append(all, p.read(place)...)
	}
	return all
}

// places are folders, files and jars in which Spring looks.
func (p Process) places(a *Application) []string {
	var places []string
	if text, ok := a.Property("spring.config.additional-location"); ok {
		places = append(places, locations(text)...)
	}
	if text, ok := a.Property("spring.config.location"); ok {
		places = append(places, locations(text)...)
	} else {
		below, _ := filepath.Glob(p.path("config/*/")) // a bad pattern it is not
		places = append(append(places, below...), "config/", "./")
	}
	return append(places, p.classPath()...)
}

// locations reads a list of places; the later ones are the stronger ones.
func locations(text string) []string {
	places := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' })
	for i, place := range places {
		place = strings.TrimPrefix(strings.TrimSpace(place), "optional:")
		places[i] = strings.TrimPrefix(place, "file:")
	}
	slices.Reverse(places)
	return slices.DeleteFunc(places, func(place string) bool { return place == "" || strings.HasPrefix(place, "classpath:") })
}

// classPath is where the application's own files are: its jar, or the folders it was unpacked to.
func (p Process) classPath() []string {
	places := []string{"BOOT-INF/classes/"}
	for i, arg := range p.Args[:max(0, len(p.Args)-1)] {
		switch arg {
		case "-jar":
			places = append(places, p.Args[i+1])
		case "-cp", "-classpath", "--class-path":
			places = append(places, filepath.SplitList(p.Args[i+1])...)
		}
	}
	return places
}

func (p Process) read(place string) []file {
	at := p.path(place)
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return nil
	case info.IsDir():
		return readDir(os.DirFS(at), ".")
	case strings.HasSuffix(at, ".jar"), strings.HasSuffix(at, ".war"):
		jar, err := zip.OpenReader(at)
		if err != nil {
			return nil
		}
		defer func() { _ = jar.Close() }() // it was only read
		return append(readDir(jar, "BOOT-INF/classes"), readDir(jar, ".")...)
	}
	return readFile(os.DirFS(filepath.Dir(at)), filepath.Base(at))
}

func readDir(in fs.FS, dir string) []file {
	entries, err := fs.ReadDir(in, dir)
	if err != nil {
		return nil
	}
	var all []file
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, "application") || strings.HasPrefix(name, "bootstrap") {
			all = append(all, readFile(in, path.Join(dir, name))...)
		}
	}
	return all
}

func readFile(in fs.FS, name string) []file {
	opened, err := in.Open(name)
	if err != nil {
		return nil
	}
	defer func() { _ = opened.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(opened, maxFile))
	if err != nil {
		return nil
	}
	return []file{{path.Base(name), string(text)}}
}

// load reads the files in the order of their strength: those of a profile before those of
// none, application before bootstrap, and within a folder .properties before YAML.
func load(files []file, profiles []string) []source {
	var sources []source
	for _, base := range []string{"application", "bootstrap"} {
		suffixes := []string{""}
		for _, profile := range profiles { // the last one is the strongest
			suffixes = append([]string{"-" + profile}, suffixes...)
		}
		for _, suffix := range suffixes {
			for _, f := range files {
				extension := path.Ext(f.name)
				if strings.TrimSuffix(f.name, extension) != base+suffix {
					continue
				}
				switch extension {
				case ".properties":
					sources = append(sources, parseProperties(f.text, profiles))
				case ".yml", ".yaml":
					sources = append(sources, parseYAML(f.text, profiles))
				}
			}
		}
	}
	return sources
}
