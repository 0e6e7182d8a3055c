package registries

import "github.com/lameduck-dev/lameduck/test/build"

// here is where the programs' sources are.
var here = build.Here("java/pom.xml")

const javaPackages = "the packages openjdk-17-jdk-headless and maven, or run hack/deps.sh --registries"

// maven is the program built from java/folder with these -D properties.
func maven(name, folder string, properties ...string) build.Program {
	return build.Program{
		Name: name, Root: here, Needs: javaPackages, Sources: []string{"java/pom.xml", "java/" + folder},
		Command: func(out string) []string {
			args := []string{"mvn", "--batch-mode", "--file", "java/" + folder + "/pom.xml", "-Dout=" + out}
			for _, property := range properties {
				args = append(args, "-D"+property)
			}
			return append(args, "package")
		},
	}
}
