package registries

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lameduck-dev/lameduck/test/build"
)

// jre is a Java runtime made from the installed JDK: the modules that servers use, without debug symbols.
var jre = build.Program{
	Name: "jre", Root: here, Needs: javaPackages,
	Command: func(out string) []string {
		return []string{"jlink", "--output", filepath.Join(out, "jre"), "--strip-debug", "--no-man-pages", "--no-header-files",
			"--add-modules", "java.se,jdk.charsets,jdk.crypto.ec,jdk.httpserver,jdk.jfr,jdk.management,jdk.management.agent," +
				"jdk.naming.dns,jdk.net,jdk.security.auth,jdk.unsupported,jdk.zipfs"}
	},
}

// desktop are the runtime's libraries that need a display, which no server has.
var desktop = map[string]bool{
	"libawt_xawt.so": true, "libfontmanager.so": true, "libjavajpeg.so": true, "libjawt.so": true, "libjsound.so": true,
	"liblcms.so": true, "libmlib_image.so": true, "libsplashscreen.so": true,
}

// forJars are the libraries that native code in the programs' jars is linked with, such as RocksDB in Nacos.
var forJars = []string{"libdl.so.2", "libpthread.so.0", "librt.so.1", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"}

// runtimeFiles are the Java runtime and the system libraries that it needs, and nothing else: no shell.
func runtimeFiles(ctx context.Context, progress io.Writer) (map[string]string, error) {
	built, err := jre.Build(ctx, progress)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	var binaries []string
	err = filepath.WalkDir(built, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "legal":
			return fs.SkipDir
		case entry.IsDir() || desktop[entry.Name()]:
			return nil
		}
		files[strings.TrimPrefix(path, built)] = path
		if entry.Name() == "java" || strings.HasSuffix(path, ".so") {
			binaries = append(binaries, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("packing the Java runtime: %w", err)
	}
	libraries, err := build.Libraries(ctx, binaries)
	if err != nil {
		return nil, fmt.Errorf("packing the Java runtime: %w", err)
	}
	for _, library := range libraries {
		if strings.HasPrefix(library, built) {
			continue
		}
		files[library] = library
		if filepath.Base(library) == "libc.so.6" {
			for _, name := range forJars {
				beside := filepath.Join(filepath.Dir(library), name)
				files[beside] = beside
			}
		}
	}
	return files, nil
}

// programLayer is a built Java program: its jar and the folder of the other jars.
func programLayer(built, jar string) (map[string]string, error) {
	files := map[string]string{appFolder + "/" + jar + ".jar": filepath.Join(built, jar+".jar")}
	entries, err := os.ReadDir(filepath.Join(built, "lib"))
	for _, entry := range entries {
		files[appFolder+"/lib/"+entry.Name()] = filepath.Join(built, "lib", entry.Name())
	}
	return files, err
}
