package rules

import (
	"context"
	"fmt"
	"testing"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/check/corpus"
	"github.com/lameduck-dev/lameduck/manifest"
)

// BenchmarkCheck reads, joins and checks folders of files with three objects
// each, with all rules: the whole of what `lameduck check` does before it
// prints.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			dir := b.TempDir()
			if err := corpus.Write(dir, corpus.Shapes[0], n); err != nil {
				b.Fatal(err)
			}
			o := check.Options{Rules: All()}
			b.ReportAllocs()
			for b.Loop() {
				in, err := (&manifest.Loader{}).Load(context.Background(), dir)
				if err != nil {
					b.Fatal(err)
				}
				result, err := check.Run(context.Background(), in, o)
				if err != nil {
					b.Fatal(err)
				}
				if result.Summary.Objects != 3*n || result.Summary.Errors != n/20 {
					b.Fatalf("%+v", result.Summary)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/file")
		})
	}
}
