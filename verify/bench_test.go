package verify

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRun shows what a request costs the load generator at 2,000 requests a second, with the
// server in another process: "go test -run '^$' -bench Run -benchtime 1x ./verify".
func BenchmarkRun(b *testing.B) {
	const seconds = 5
	address := startServer(b)
	TuneRuntime(2000) // as the command does
	for _, lanes := range [][]string{{LaneKeepAlive}, {LanePost}, {LaneFresh}, DefaultLanes} {
		b.Run(strings.Join(lanes, "+"), func(b *testing.B) {
			var requests int
			var late, latency float64
			began := cpuTime(b)
			for b.Loop() {
				result, err := Run(b.Context(), Options{URL: "http://" + address, Lanes: lanes, Rate: 2000, Duration: seconds * time.Second})
				if err != nil {
					b.Fatal(err)
				}
				if result.Totals.OK != result.Totals.Requests {
					b.Fatalf("not all were answered: %+v", result.Totals)
				}
				requests += result.Totals.Requests
				late, latency = result.Lateness.P99, result.Lanes[0].Latency["before"].P50
			}
			cost := cpuTime(b) - began
			b.ReportMetric(float64(cost.Microseconds())/float64(requests), "cpu-µs/request")
			b.ReportMetric(late, "late-p99-ms")
			b.ReportMetric(latency, "latency-p50-ms")
		})
	}
}

func startServer(tb testing.TB) (address string) {
	tb.Helper()
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), serverEnv+"=1")
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := server.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		_ = server.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
