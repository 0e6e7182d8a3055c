package zookeeper

import (
	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Kind is ZooKeeper. It has no lag because each server catches up before it is asked: of three, all
// were seen to agree 10 ms after a node was deleted.
var Kind = registry.Kind{
	Name: "zookeeper", About: "ZooKeeper with the layouts of Spring Cloud and Dubbo: the instance's nodes are deleted",
	Keys: registry.Keys(registry.ServerKeys, registry.InstanceKeys, registry.PasswordKeys, []registry.Key{
		{Name: "layout", Help: "spring or dubbo (spring)"},
		{Name: "root", Help: "path of the services, or of Dubbo's interfaces (/services, /dubbo)"},
	}),
	Caches: caches.Spring,
	Settings: registry.Settings{
		Properties: map[string][]string{
			"server":  {"spring.cloud.zookeeper.connect-string"},
			"service": {"spring.application.name"},
			"root":    {"spring.cloud.zookeeper.discovery.root"},
			"port":    {"spring.cloud.zookeeper.discovery.instance-port"},
		},
		Layouts: map[string]map[string][]string{"dubbo": {
			"server":   {"dubbo.registry.address"},
			"service":  {"dubbo.application.name", "spring.application.name"},
			"root":     {"dubbo.registry.group"},
			"username": {"dubbo.registry.username"},
			"password": {"dubbo.registry.password"},
		}},
		LoginInURL: true,
	},
	New: registry.Maker(New),
}
