package backlog

import (
	"context"
	"net"
	"testing"
	"time"
)

// TestSharedSocket: a socket that another process holds too, as systemd does, goes on taking in connections.
func TestSharedSocket(t *testing.T) {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	theirs, err := plain.Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	file, err := theirs.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	inherited, err := net.FileListener(file)
	file.Close()
	if err != nil {
		t.Fatal(err)
	}
	ours := New(inherited)
	done := answers(ours)
	if err := ours.Drain(); err != nil {
		t.Error(err)
	}
	<-done
	c, err := net.DialTimeout("tcp", theirs.Addr().String(), 2*time.Second)
	if err != nil {
		t.Fatalf("the other holder's socket takes in nothing any more: %v", err)
	}
	c.Close()
}
