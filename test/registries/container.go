package registries

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/test/build"
	"github.com/lameduck-dev/lameduck/test/cluster/image"
)

const (
	appFolder = "/app"
	// DataFolder is the only folder that the programs write to in a container: a volume that any user may write to.
	DataFolder = "/data"
)

// Container is how a server or an application runs in a pod.
type Container struct {
	Args  []string // of the image's entrypoint
	Env   map[string]string
	Ports []int32 // the first is the main one
	Ready string  // the path that answers 200 once it serves; empty: it serves once it listens

	program build.Program
	jar     string
}

// Image is the tag of the container's image.
func (c Container) Image() string { return "registry.local/" + c.program.Name + ":dev" }

func container(p build.Program, jar, heap string, properties ...string) Container {
	return Container{Args: java(appFolder, jar, heap, DataFolder, properties...)[1:], program: p, jar: jar}
}

// Nacos2Containers are Nacos 2 servers without authentication: a single one, or the members of a cluster, which know
// each other by these names, the pods' host names.
func Nacos2Containers(hosts ...string) []Container {
	var members []string
	for _, host := range hosts {
		members = append(members, host+":8848")
	}
	var all []Container
	for range hosts {
		properties := []string{"nacos.home=" + DataFolder}
		if len(hosts) > 1 {
			properties = append(properties, "nacos.preferHostnameOverIp=true", "nacos.member.list="+strings.Join(members, ","),
				"nacos.functionMode=naming", "embeddedStorage=true")
		}
		c := container(maven("nacos2", "nacos2"), "nacos2", "384m", properties...)
		c.Ports, c.Ready = []int32{8848, 9848, 9849, 7848}, "/nacos/v1/ns/operator/metrics"
		all = append(all, c)
	}
	return all
}

// Nacos3Container is a single Nacos 3 server. It has no administrator until somebody sets the password.
func Nacos3Container() Container {
	c := container(maven("nacos3", "nacos3"), "nacos3", "384m", "nacos.home="+DataFolder)
	c.Ports, c.Ready = []int32{8848, 9848, 9849}, "/nacos/v3/admin/core/state/readiness"
	return c
}

// EurekaContainers are Eureka servers that replicate to each other under these host names, behind basic auth if there is
// a login.
func EurekaContainers(login *Login, hosts ...string) []Container {
	var urls []string
	for _, host := range hosts {
		urls = append(urls, EurekaURL(host+":8761", login))
	}
	var all []Container
	for _, host := range hosts {
		c := container(maven("eureka", "eureka"), "eureka", "256m", eurekaProperties(host, urls, login)...)
		if c.Ports = []int32{8761}; login == nil {
			c.Ready = "/eureka/apps"
		}
		all = append(all, c)
	}
	return all
}

// ZooKeeperContainer is a single ZooKeeper server.
func ZooKeeperContainer() Container {
	c := container(maven("zookeeper", "zookeeper"), "zookeeper", "128m", "zookeeper.admin.enableServer=false")
	c.Ports = []int32{2181}
	c.Args = append(c.Args, "2181", DataFolder+"/zookeeper")
	return c
}

// Container is the application in a pod. It is configured by its environment where possible, as most are.
func (a App) Container() Container {
	c := container(a.Framework.program(), a.Framework.jar(), "160m")
	if a.Framework.isDubbo() {
		c = container(a.Framework.program(), a.Framework.jar(), "160m", a.properties()...)
		if c.Ports = []int32{20880, 22222}; a.Upstream != "" {
			c.Ports = []int32{8080}
		}
		return c
	}
	c.Env = map[string]string{}
	for _, property := range a.properties() {
		name, value, _ := strings.Cut(property, "=")
		if strings.ToLower(name) != name { // the environment would lose the case of a map's key: defaultZone
			c.Env["SPRING_APPLICATION_JSON"] = fmt.Sprintf("{%q:%q}", name, value)
			continue
		}
		c.Env[environmentName(name)] = value
	}
	c.Ports, c.Ready = []int32{8080}, "/actuator/health/readiness"
	return c
}

// environmentName is the name of a Spring Boot property in the environment.
func environmentName(property string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "").Replace(property))
}

// Hook is the command of a preStop hook that does what `curl -X METHOD URL && sleep SECONDS` does, without a shell or
// curl in the image. ${NAME} in the URL stands for a variable of the container.
func (a App) Hook(method, url string, seconds int) []string {
	return []string{javaBinary, "-Xmx16m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", appFolder + "/" + a.Framework.jar() + ".jar",
		"dev.lameduck.registries.spring.Hook", method, url, fmt.Sprint(seconds)}
}

const javaBinary = "/jre/bin/java"

// WriteImages builds the containers' images, and writes them to one archive that holds the Java runtime once.
func WriteImages(ctx context.Context, file string, progress io.Writer, containers ...Container) error {
	files, err := runtimeFiles(ctx, progress)
	if err != nil {
		return err
	}
	below, err := image.NewLayer(files)
	if err != nil {
		return err
	}
	specs := map[string]image.Spec{}
	for _, c := range containers {
		built, err := c.program.Build(ctx, progress)
		if err != nil {
			return err
		}
		files, err := programLayer(built, c.jar)
		if err != nil {
			return fmt.Errorf("packing %s: %w", c.program.Name, err)
		}
		specs[c.Image()] = image.Spec{Tag: c.Image(), Below: []*image.Layer{below}, Files: files, Entrypoint: []string{javaBinary}}
	}
	return image.WriteAll(slices.Collect(maps.Values(specs)), file)
}
