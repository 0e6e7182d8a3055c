package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lameduck-dev/lameduck/check/corpus"
)

// BenchmarkCheckCommand runs the program that users run, as `make build` makes
// it, over folders of files with three objects each: from its start to its
// end, with all that it links. Memory is the most that was resident at once.
func BenchmarkCheckCommand(b *testing.B) {
	program := filepath.Join(b.TempDir(), "lameduck")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building: %v\n%s", err, out)
	}
	type size struct {
		shape string
		files int
	}
	sizes := []size{{corpus.Shapes[0], 100_000}}
	for _, shape := range corpus.Shapes {
		sizes = append(sizes, size{shape, 10_000})
	}
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%s/files=%d", s.shape, s.files), func(b *testing.B) {
			dir := b.TempDir()
			if err := corpus.Write(dir, s.shape, s.files); err != nil {
				b.Fatal(err)
			}
			var cpu float64
			var peak int64
			for b.Loop() {
				check := exec.Command(program, "check", dir)
				err := check.Run()
				if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitFound {
					b.Fatalf("%v, want exit code %d for the flaws of the corpus", err, exitFound)
				}
				cpu += (check.ProcessState.UserTime() + check.ProcessState.SystemTime()).Seconds()
				peak = max(peak, check.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/run")
			b.ReportMetric(cpu/float64(b.N), "cpu-s/run")
			b.ReportMetric(float64(peak)/1024, "MB-peak") // Maxrss is in kB on Linux
			b.ReportMetric(0, "ns/op")
		})
	}
}
