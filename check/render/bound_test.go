package render

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimeIsBounded: what takes longer than a minute is ended, with its name; what is done by then is not.
func TestTimeIsBounded(t *testing.T) {
	for name, took := range map[string]time.Duration{"in time": maxTime - time.Second, "too long": maxTime + time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []string
				stop := watch("charts/large", func(err error) { told = append(told, err.Error()) })
				time.Sleep(took)
				synctest.Wait()
				stop()
				if late := took > maxTime; late != (len(told) == 1) || late && !strings.HasPrefix(told[0], "charts/large takes more than 1m0s to render") {
					t.Errorf("after %s: %q", took, told)
				}
			})
		})
	}
}
