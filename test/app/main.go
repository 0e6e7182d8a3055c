// Command app is the application that lameduck's proofs stop. It answers every request with the
// request's id and its pod's name, keeps a ledger of what it received and applied on its standard
// output, and stops as it is told to, well or badly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// config is how the application behaves. Flags can also come from the environment, as words in
// APP_FLAGS; there is no variable for each, since Kubernetes sets APP_PORT in pods near a Service "app".
type config struct {
	port        int
	grpcPort    int
	stop        string
	stopTimeout time.Duration
	startDelay  time.Duration
	work        time.Duration
	pod         string
}

const usage = `app: a server to be stopped, for lameduck's proofs

  GET or POST /   answers {"id", "pod", "ledger"} after --work (or ?ms=N milliseconds);
                  with ?stream=N it then streams for N milliseconds, a chunk every 500 ms, before
                  the answer is complete
  GET /events     server-sent events, one every 500 ms
  GET /download   a file that takes ?ms=N milliseconds (3000) to send
  GET /ws         a WebSocket that sends back what it gets
  GET /ledger     what it received and applied, as JSON
  GET /readyz     200 while it listens; it stays ready while it stops
  GET /livez      200
HTTP/1.1, and HTTP/2 in clear. With --grpc-port, the service grpc.health.v1.Health of gRPC as well. What
has X-Request-Id is in the ledger.

How it handles SIGTERM (--stop):
  ignore     not at all: only SIGKILL ends it
  exit       exits at once, with code 0
  shutdown   http.Server.Shutdown of Go: closes idle connections at once, which races with clients
             that are about to use them
  graceful   closes the listener, answers on the connections it has with "Connection: close" until
             each was told or was idle for 2 s, then exits with code 0; HTTP/2 and gRPC connections
             get a GOAWAY, WebSockets the code 1001, streams of events and of gRPC their proper end

Exit codes: 0 stopped as told, 1 could not listen or serve, 2 wrong flags.

Flags:
`

func main() {
	c, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(2)
	}
	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*config, error) {
	var c config
	flags := flag.NewFlagSet("app", flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&c.port, "port", 8080, "port to listen on")
	flags.IntVar(&c.grpcPort, "grpc-port", 0, "port for gRPC; 0: none")
	flags.StringVar(&c.stop, "stop", "graceful", "what SIGTERM does: ignore, exit, shutdown or graceful")
	flags.DurationVar(&c.stopTimeout, "stop-timeout", 10*time.Second, "longest time that shutdown and graceful take")
	flags.DurationVar(&c.startDelay, "start-delay", 0, "time before it listens")
	flags.DurationVar(&c.work, "work", 5*time.Millisecond, "time that a request takes")
	flags.StringVar(&c.pod, "pod", os.Getenv("POD_NAME"), "its name; default: POD_NAME, or the host name")
	// The environment comes first, so that arguments win.
	args = append(strings.Fields(os.Getenv("APP_FLAGS")), args...)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q, see --help", flags.Arg(0))
	}
	switch c.stop {
	case "ignore", "exit", "shutdown", "graceful":
	default:
		return nil, fmt.Errorf("--stop %q: must be ignore, exit, shutdown or graceful", c.stop)
	}
	if c.stopTimeout < 0 || c.startDelay < 0 || c.work < 0 {
		return nil, errors.New("durations must not be negative")
	}
	if c.pod == "" {
		var err error
		if c.pod, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("finding its own name (set POD_NAME): %w", err)
		}
	}
	return &c, nil
}

func run(c *config) error {
	book := newBook(os.Stdout)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-time.After(c.startDelay):
	case <-signals:
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf(":%d", c.port))
	if err != nil {
		return fmt.Errorf("listening on port %d: %w", c.port, err)
	}
	app := newApp(c, book)
	served := make(chan error, 2)
	if c.grpcPort > 0 {
		calls, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf(":%d", c.grpcPort))
		if err != nil {
			return fmt.Errorf("listening on port %d: %w", c.grpcPort, err)
		}
		go func() {
			if err := app.calls.Serve(calls); err != nil {
				served <- err
			}
		}()
	}
	book.start()
	go func() { served <- app.server.Serve(listener) }()
	for {
		select {
		case err := <-served:
			return fmt.Errorf("serving: %w", err)
		case <-signals:
			book.sigterm()
			if c.stop == "ignore" {
				continue
			}
			app.stop(listener)
			book.exit()
			return nil
		}
	}
}
