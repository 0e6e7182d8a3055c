package registries

import "maps"

// TestLogin is the login of servers that have one.
var TestLogin = Login{User: "test", Password: "test-password"}

// Plans are the usual set-ups by their names. Each call makes a new plan, with free ports.
func Plans() map[string]func() Plan { return maps.Clone(plans) }

var plans = map[string]func() Plan{
	"nacos2":            func() Plan { return Nacos2(Nacos{}) },
	"nacos2-auth":       func() Plan { return Nacos2(Nacos{Auth: true}) },
	"nacos2-cluster":    func() Plan { return Nacos2(Nacos{Members: 2}) },
	"nacos3":            func() Plan { return Nacos3(Nacos{}) },
	"nacos3-auth":       func() Plan { return Nacos3(Nacos{Auth: true}) },
	"eureka":            func() Plan { return Eureka(EurekaServer{}) },
	"eureka-peers":      func() Plan { return Eureka(EurekaServer{Peers: 2}) },
	"eureka-auth":       func() Plan { return Eureka(EurekaServer{Login: &TestLogin}) },
	"polaris":           Polaris,
	"zookeeper":         ZooKeeper,
	"zookeeper-cluster": func() Plan { return ZooKeepers(ZooKeeperServer{Members: 3}) },
	"consul":            func() Plan { return Consul(ConsulServer{}) },
	"consul-acl":        func() Plan { return Consul(ConsulServer{Agents: 2, ACL: true}) },
	"etcd":              func() Plan { return Etcd(EtcdServer{}) },
	"etcd-cluster":      func() Plan { return Etcd(EtcdServer{Members: 3}) },
}
