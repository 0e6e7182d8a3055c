package registries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// ZooKeeper is a ZooKeeper 3.9 server alone.
func ZooKeeper() Plan {
	n := node{host: "127.0.0.1", port: freePort(), ready: imok}
	n.args = func(built, dir string) []string {
		return append(java(built, "zookeeper", "128m", dir, "zookeeper.admin.enableServer=false", "zookeeper.4lw.commands.whitelist=ruok"), "zoo.cfg")
	}
	n.files = map[string]string{"zoo.cfg": fmt.Sprintf("tickTime=2000\ndataDir=data\nclientPort=%d\nclientPortAddress=%s\n", n.port, n.host)}
	return Plan{name: "zookeeper", program: maven("zookeeper", "zookeeper"), nodes: []node{n}}
}

// imok asks the server whether it serves.
func imok(ctx context.Context, n node) error {
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
	if _, err := io.WriteString(conn, "ruok"); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && string(answer) != "imok" {
		err = errors.New("it does not say that it is ok")
	}
	return err
}
