package rules

import (
	"net"
	"net/url"
	"strings"

	"github.com/lameduck-dev/lameduck/workload/shell"
)

// client is a program that asks a server, and how it is told which one.
type client struct {
	options []string // names without dashes, whose value is HOST, HOST:PORT or a URL
	url     bool     // any argument may be a URL
	last    int      // the host is the argument that many places before the last; 0: no such argument
}

// clients are from the programs' manuals.
var clients = map[string]client{
	"curl":       {url: true},
	"wget":       {url: true},
	"nc":         {last: 2},
	"ncat":       {last: 2},
	"netcat":     {last: 2},
	"pg_isready": {options: []string{"h", "host"}},
	"psql":       {options: []string{"h", "host"}, url: true},
	"mysql":      {options: []string{"h", "host"}},
	"mariadb":    {options: []string{"h", "host"}},
	"mysqladmin": {options: []string{"h", "host"}},
	"mongo":      {options: []string{"host"}, url: true},
	"mongosh":    {options: []string{"host"}, url: true},
	"redis-cli":  {options: []string{"h", "u"}},
	"valkey-cli": {options: []string{"h", "u"}},
	"nats":       {options: []string{"s", "server"}, url: true},
	"etcdctl":    {options: []string{"endpoints"}},

	"grpc_health_probe":            {options: []string{"addr"}},
	"kafka-topics.sh":              {options: kafka},
	"kafka-broker-api-versions.sh": {options: kafka},
	"kafka-consumer-groups.sh":     {options: kafka},
	"kafka-metadata-quorum.sh":     {options: kafka},
	"kafka-topics":                 {options: kafka},
	"kafka-broker-api-versions":    {options: kafka},
}

var kafka = []string{"bootstrap-server", "broker-list"}

// hostOf is the host that a command asks, as it is written; "" if none is seen.
func hostOf(command shell.Command) string {
	client, known := clients[command.Name()]
	if !known {
		return ""
	}
	args, options := command.Args(), command.Options()
	for _, name := range client.options {
		if options[name] != "" {
			return hostIn(options[name])
		}
	}
	if client.url {
		for _, arg := range args[1:] {
			if strings.Contains(arg, "://") {
				return hostIn(arg)
			}
		}
	}
	if client.last > 0 && len(args) > client.last && isNumber(args[len(args)-1]) {
		return args[len(args)-client.last]
	}
	return ""
}

// hostIn is the first host of a URL, of HOST:PORT or of a list of them.
func hostIn(text string) string {
	text, _, _ = strings.Cut(text, ",")
	if _, rest, is := strings.Cut(text, "://"); is {
		if u, err := url.Parse(text); err == nil {
			return u.Hostname()
		}
		text, _, _ = strings.Cut(rest[strings.LastIndexByte(rest, '@')+1:], "/")
	}
	if host, _, err := net.SplitHostPort(text); err == nil {
		return host
	}
	return text
}
