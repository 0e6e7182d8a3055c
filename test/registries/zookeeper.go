package registries

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// ZooKeeperServer says how ZooKeeper is set up.
type ZooKeeperServer struct {
	Members int    // of an ensemble; 0 and 1 mean a single server
	KeyFile string // PEM of a key and its certificate: a single server with TLS only
}

// ZooKeeper is a single ZooKeeper 3.9 server.
func ZooKeeper() Plan { return ZooKeepers(ZooKeeperServer{}) }

// ZooKeepers are ZooKeeper 3.9 servers.
func ZooKeepers(options ZooKeeperServer) Plan {
	plan := Plan{name: "zookeeper", program: maven("zookeeper", "zookeeper")}
	const quorum, election = 1, 2 // a member's other ports, by their distance
	var members strings.Builder
	for i := range max(1, options.Members) {
		n := node{host: "127.0.0.1", port: freePort(quorum, election), ready: serves}
		n.args = func(built, dir string) []string {
			return append(java(built, "zookeeper", "128m", dir, "zookeeper.admin.enableServer=false", "zookeeper.4lw.commands.whitelist=srvr",
				"zookeeper.serverCnxnFactory="+options.connections()), "zoo.cfg")
		}
		if options.KeyFile != "" {
			n.ready = func(ctx context.Context, n node) error { return handshakes(ctx, n.address()) }
		}
		fmt.Fprintf(&members, "server.%d=%s:%d:%d\n", i+1, n.host, n.port+quorum, n.port+election)
		plan.nodes = append(plan.nodes, n)
	}
	for i, n := range plan.nodes {
		config := fmt.Sprintf("tickTime=2000\ndataDir=data\nclientPort=%d\nclientPortAddress=%s\n", n.port, n.host)
		if options.KeyFile != "" {
			config = fmt.Sprintf("tickTime=2000\ndataDir=data\nsecureClientPort=%d\nsecureClientPortAddress=%s\n"+
				"ssl.keyStore.location=%s\nssl.trustStore.location=%[3]s\nssl.clientAuth=none\n", n.port, n.host, options.KeyFile)
		}
		if options.Members > 1 {
			config += "initLimit=10\nsyncLimit=5\n" + members.String()
		}
		plan.nodes[i].files = map[string]string{"zoo.cfg": config, "data/myid": strconv.Itoa(i + 1)}
	}
	return plan
}

// connections is the server's connection factory; only Netty's does TLS.
func (o ZooKeeperServer) connections() string {
	if o.KeyFile != "" {
		return "org.apache.zookeeper.server.NettyServerCnxnFactory"
	}
	return "org.apache.zookeeper.server.NIOServerCnxnFactory"
}

// serves asks the server for its mode, which it reports once it serves.
func serves(ctx context.Context, n node) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.address())
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	} else {
		_ = conn.SetDeadline(time.Now().Add(time.Second))
	}
	if _, err := io.WriteString(conn, "srvr"); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !bytes.Contains(answer, []byte("Mode: ")) {
		err = errors.New("it does not serve yet")
	}
	return err
}
