package spring

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/kinds"
	"github.com/lameduck-dev/lameduck/registry/local"
)

func TestComplete(t *testing.T) {
	for _, test := range []struct {
		name    string
		process Process
		spec    string
		want    string
		port    uint16
	}{
		{"by environment", Process{Env: []string{"SPRING_APPLICATION_NAME=orders", "SPRING_CLOUD_NACOS_DISCOVERY_SERVERADDR=nacos:8848", "SERVER_PORT=8081"}}, "nacos",
			"nacos server=nacos:8848 service=orders", 8081},
		{"by the older form", Process{Env: []string{"SPRING_APPLICATION_NAME=orders", "SPRING_CLOUD_NACOS_DISCOVERY_SERVER_ADDR=nacos:8848"}}, "nacos",
			"nacos server=nacos:8848 service=orders", 0},
		{"what is given stays", Process{Env: []string{"SPRING_APPLICATION_NAME=orders", "SPRING_CLOUD_NACOS_SERVER_ADDR=nacos:8848"}}, "nacos service=mine",
			"nacos server=nacos:8848 service=mine", 0},
		{"by the command line, which is stronger", Process{Args: []string{"java", "-Dspring.application.name=b", "-Dserver.port=1", "-jar", "none.jar", "--spring.application.name=a"}, Env: []string{"SERVER_PORT=2"}}, "nacos server=n",
			"nacos server=n service=a", 1},
		{"by Java's variable", Process{Env: []string{"JAVA_TOOL_OPTIONS=-Xmx64m -Dspring.application.name=orders"}}, "nacos", "nacos service=orders", 0},
		{"by JSON", Process{Env: []string{`SPRING_APPLICATION_JSON={"spring":{"application":{"name":"orders"},"cloud.nacos.discovery":{"namespace":"dev"}}}`}}, "nacos",
			"nacos namespace=dev service=orders", 0},
		{"by files", Process{Dir: "testdata/folder"}, "nacos", "nacos namespace=development server=nacos:8848 service=orders", 9001},
		{"placeholders by environment", Process{Dir: "testdata/folder", Env: []string{"NACOS_HOST=n2", "NONE=G"}}, "nacos",
			"nacos group=G namespace=development server=n2:8848 service=orders", 9001},
		{"URLs with a login", Process{Dir: "testdata/folder"}, "eureka", "eureka server=http://eureka-0:8761/eureka/,http://eureka-1:8761/eureka/ service=orders", 9001},
		{"a place that is named", Process{Dir: "/", Env: []string{"SPRING_CONFIG_LOCATION=optional:file:" + absolute("testdata/folder/application.yml")}}, "nacos",
			"nacos server=nacos:8848 service=orders", 9000},
		{"a place more", Process{Dir: "testdata/folder", Env: []string{"SPRING_CONFIG_ADDITIONAL_LOCATION=" + absolute("testdata/profiles") + "/"}}, "nacos",
			"nacos group=PROD namespace=development server=nacos:8848 service=orders", 7000},
		{"profiles", Process{Dir: "testdata/profiles"}, "nacos", "nacos group=PROD server=nacos:8848 service=orders", 7000},
		{"another profile", Process{Dir: "testdata/profiles", Env: []string{"SPRING_PROFILES_ACTIVE=test"}}, "nacos", "nacos group=TEST server=nacos:8848 service=orders-test", 0},
		{"in the jar", Process{Args: []string{"java", "-jar", jar(t, "testdata/profiles")}}, "nacos", "nacos group=PROD server=nacos:8848 service=orders", 7000},
		{"a random port is none", Process{Env: []string{"SERVER_PORT=0", "SPRING_APPLICATION_NAME=${random.value}"}}, "nacos", "nacos", 0},
		{"Dubbo's QoS", Process{Env: []string{"DUBBO_APPLICATION_QOS_PORT=33333", "DUBBO_APPLICATION_NAME=orders", "SPRING_APPLICATION_NAME=other"}}, "dubbo", "dubbo server=127.0.0.1:33333 service=orders", 0},
		{"ZooKeeper", Process{Env: []string{"SPRING_CLOUD_ZOOKEEPER_CONNECTSTRING=zk-0:2181,zk-1:2181/prod", "SPRING_APPLICATION_NAME=orders", "SPRING_CLOUD_ZOOKEEPER_DISCOVERY_ROOT=/apps"}}, "zookeeper",
			"zookeeper root=/apps server=zk-0:2181,zk-1:2181/prod service=orders", 0},
		{"Dubbo's ZooKeeper", Process{Env: []string{"DUBBO_REGISTRY_ADDRESS=zookeeper://user:secret@zk-0:2181?backup=zk-1:2181,zk-2:2181", "SPRING_APPLICATION_NAME=orders"}}, "zookeeper layout=dubbo",
			"zookeeper layout=dubbo server=zookeeper://zk-0:2181?backup=zk-1:2181,zk-2:2181 service=orders", 0},
		{"Consul's agent and names", Process{Env: []string{"SPRING_CLOUD_CONSUL_HOST=10.0.0.1", "SPRING_APPLICATION_NAME=my.shop__orders",
			"SPRING_CLOUD_CONSUL_DISCOVERY_INSTANCE_ID=${spring.application.name}:${HOSTNAME}", "HOSTNAME=orders-0"}}, "consul",
			"consul id=my-shop-orders-orders-0 server=10.0.0.1:8500 service=my-shop-orders", 0},
		{"Consul by TLS", Process{Env: []string{"SPRING_CLOUD_CONSUL_PORT=8501", "SPRING_CLOUD_CONSUL_SCHEME=https", "SPRING_CLOUD_CONSUL_DISCOVERY_SERVICE_NAME=a", "SPRING_APPLICATION_NAME=b"}}, "consul",
			"consul server=https://localhost:8501 service=a", 0},
		{"Consul of others stays", Process{Env: []string{"SPRING_CLOUD_CONSUL_HOST=10.0.0.1"}}, "consul server=c service=A_b", "consul server=c service=A_b", 0},
		{"an actuator", Process{Env: []string{"SERVER_PORT=8081", "SPRING_APPLICATION_NAME=orders", "EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=http://eureka:8761/eureka"}}, "actuator",
			"actuator backend=eureka server=127.0.0.1:8081 service=orders", 8081},
		{"an actuator below the application's path", Process{Env: []string{"SERVER_PORT=8081", "SERVER_SERVLET_CONTEXTPATH=/shop", "SERVER_ADDRESS=10.0.0.3", "SERVER_SSL_ENABLED=true"}}, "actuator",
			"actuator context=/shop/actuator server=https://10.0.0.3:8081", 8081},
		{"an actuator on a port of its own", Process{Env: []string{"SERVER_PORT=8081", "SERVER_SERVLET_CONTEXTPATH=/shop", "MANAGEMENT_SERVER_PORT=9001", "MANAGEMENT_ENDPOINTS_WEB_BASEPATH=/manage", "SPRING_CLOUD_NACOS_DISCOVERY_SERVERADDR=n", "SPRING_CLOUD_CONSUL_HOST=c"}}, "actuator",
			"actuator context=/manage server=127.0.0.1:9001", 8081},
		{"Polaris, by the hosts of its gRPC", Process{Env: []string{"SPRING_CLOUD_POLARIS_ADDRESS=grpc://p-0:8091,grpc://p-1:8091", "SPRING_CLOUD_POLARIS_NAMESPACE=shop", "SPRING_APPLICATION_NAME=orders"}}, "polaris",
			"polaris namespace=shop server=p-0:8090,p-1:8090 service=orders", 0},
		{"no end", Process{Env: []string{"SPRING_APPLICATION_NAME=${spring.application.name}"}}, "nacos", "nacos", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.process.Dir == "" {
				test.process.Dir = t.TempDir()
			}
			spec, err := kinds.All.ParseSpec(test.spec)
			if err != nil {
				t.Fatal(err)
			}
			got, pod, err := Complete(spec, registry.Pod{}, Read(test.process))
			if err != nil || got.String() != test.want {
				t.Errorf("%s, %v, want %s", got, err, test.want)
			}
			if test.port == 0 && len(pod.Ports) != 0 || test.port != 0 && (len(pod.Ports) != 1 || pod.Ports[0] != test.port) {
				t.Errorf("ports %v, want %d", pod.Ports, test.port)
			}
		})
	}
}

// TestLogin has credentials found, used and never shown.
func TestLogin(t *testing.T) {
	spec, err := kinds.All.ParseSpec("eureka")
	if err != nil {
		t.Fatal(err)
	}
	app := Read(Process{Dir: "testdata/folder"})
	spec, _, err = Complete(spec, registry.Pod{}, app)
	if err != nil {
		t.Fatal(err)
	}
	username, password, err := spec.Login()
	if err != nil || username != "user" || password != "p@ss" || strings.Contains(spec.String(), "p@") {
		t.Errorf("%q, %q, %v in %s", username, password, err, spec)
	}
	t.Setenv("TEST_PASSWORD", "own")
	own, err := kinds.All.ParseSpec("eureka password-env=TEST_PASSWORD")
	if err != nil {
		t.Fatal(err)
	}
	if own, _, err = Complete(own.WithSecrets(local.Secret), registry.Pod{}, app); err != nil {
		t.Fatal(err)
	}
	if username, password, err := own.Login(); err != nil || username != "" || password != "own" {
		t.Errorf("%q, %q, %v", username, password, err)
	}
}

// TestToken has Consul's token found where Spring looks for it, unless another is given.
func TestToken(t *testing.T) {
	t.Setenv("OWN", "own")
	for _, test := range []struct{ env, spec, want string }{
		{"SPRING_CLOUD_CONSUL_DISCOVERY_ACL_TOKEN=secret", "consul", "secret"},
		{"CONSUL_TOKEN=secret", "consul", "secret"},
		{"SPRING_CLOUD_CONSUL_TOKEN=secret", "consul", "secret"},
		{"SPRING_CLOUD_CONSUL_TOKEN=secret", "consul token-env=OWN", "own"},
	} {
		spec, err := kinds.All.ParseSpec(test.spec)
		if err != nil {
			t.Fatal(err)
		}
		if spec, _, err = Complete(spec, registry.Pod{}, Read(Process{Dir: t.TempDir(), Env: []string{test.env}})); err != nil {
			t.Fatal(err)
		}
		if token, err := spec.WithSecrets(local.Secret).Secret("token"); err != nil || token != test.want || strings.Contains(spec.String(), "secret") {
			t.Errorf("%s: %q, %v in %s", test.env, token, err, spec)
		}
	}
}

func TestBadValueIsNamed(t *testing.T) {
	spec, err := kinds.All.ParseSpec("nacos")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = Complete(spec, registry.Pod{}, Read(Process{Dir: t.TempDir(), Env: []string{"SPRING_CLOUD_NACOS_DISCOVERY_IP=pod"}}))
	if err == nil || !strings.Contains(err.Error(), "found as the application's spring.cloud.nacos.discovery.ip; give ip= to overrule it") {
		t.Error(err)
	}
}

func absolute(name string) string {
	path, err := filepath.Abs(name)
	if err != nil {
		panic(err)
	}
	return path
}

// jar makes a Spring Boot jar of a folder's files.
func jar(t *testing.T, dir string) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "app.jar"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	archive := zip.NewWriter(out)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		inside, err := archive.Create("BOOT-INF/classes/" + entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		inside.Write(text)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Name()
}

func FuzzParse(f *testing.F) {
	f.Add("spring:\n  application.name: ${A:${B}}\n---\na: [1, {b: 2}]\n")
	f.Add("a=b\\\n  c\n#---\nspring.profiles=x,!y\n")
	f.Add("a: ${a:${a:${a}}}\nb: ${c\n")
	f.Fuzz(func(t *testing.T, text string) {
		app := &Application{sources: []source{parseProperties(text, nil), parseYAML(text, []string{"x"})}}
		for name := range app.sources[0] {
			app.Property(name)
		}
		for name := range app.sources[1] {
			app.Property(name)
		}
	})
}
