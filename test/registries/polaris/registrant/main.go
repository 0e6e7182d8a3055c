// Command registrant registers an instance in Polaris with the library that applications use, at
// its defaults, heartbeats included, and lists what a consumer on it is given. It reads commands,
// one a line: register, deregister, instances. Each is answered with one line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/polarismesh/polaris-go"
	"github.com/polarismesh/polaris-go/api"
	"github.com/polarismesh/polaris-go/pkg/model"
)

// app is the instance.
type app struct {
	provider           polaris.ProviderAPI
	consumer           polaris.ConsumerAPI
	namespace, service string
	host               string
	port               int
}

type answer struct {
	Error     string   `json:"error,omitempty"`
	Instances []string `json:"instances,omitempty"`
}

func main() {
	servers := flag.String("servers", "", "Polaris's `addresses` for gRPC, separated by commas")
	service := flag.String("service", "orders", "`name` of the service")
	address := flag.String("address", "127.0.0.1:7001", "`host:port` of the instance")
	logs := flag.String("logs", "", "`folder` for the library's logs")
	flag.Parse()
	a, err := open(strings.Split(*servers, ","), *service, *address, *logs)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if out.Encode(a.do(lines.Text())) != nil {
			return
		}
	}
}

func open(servers []string, service, address, logs string) (*app, error) {
	if err := api.SetLoggersDir(logs); err != nil {
		return nil, fmt.Errorf("setting the logs' folder: %w", err)
	}
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("reading the port: %w", err)
	}
	context, err := polaris.NewSDKContextByAddress(servers...)
	if err != nil {
		return nil, fmt.Errorf("opening Polaris: %w", err)
	}
	return &app{provider: polaris.NewProviderAPIByContext(context), consumer: polaris.NewConsumerAPIByContext(context),
		namespace: "default", service: service, host: host, port: port}, nil
}

func (a *app) do(command string) (said answer) {
	var err error
	switch command {
	case "register":
		err = a.register()
	case "deregister":
		request := &polaris.InstanceDeRegisterRequest{}
		request.Service, request.Namespace, request.Host, request.Port = a.service, a.namespace, a.host, a.port
		err = a.provider.Deregister(request)
	case "instances":
		said.Instances, err = a.instances()
	default:
		err = fmt.Errorf("no command %q", command)
	}
	if err != nil {
		said.Error = err.Error()
	}
	return said
}

// register says what an operator may have set, too, so that it can be seen to be kept.
func (a *app) register() error {
	ttl, weight, protocol, version := 5, 70, "http", "v1"
	request := &polaris.InstanceRegisterRequest{}
	request.Service, request.Namespace, request.Host, request.Port = a.service, a.namespace, a.host, a.port
	request.TTL, request.Weight, request.Protocol, request.Version = &ttl, &weight, &protocol, &version
	request.Metadata = map[string]string{"zone": "a"}
	_, err := a.provider.RegisterInstance(request)
	return err
}

// instances are those that the library would send to.
func (a *app) instances() (all []string, err error) {
	request := &polaris.GetInstancesRequest{}
	request.Service, request.Namespace = a.service, a.namespace
	found, err := a.consumer.GetInstances(request)
	var sdk model.SDKError
	if errors.As(err, &sdk) && sdk.ErrorCode() == model.ErrCodeAPIInstanceNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, one := range found.GetInstances() {
		all = append(all, net.JoinHostPort(one.GetHost(), strconv.Itoa(int(one.GetPort()))))
	}
	return all, nil
}
