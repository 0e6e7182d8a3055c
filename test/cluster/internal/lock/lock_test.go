package lock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLock(t *testing.T) {
	dir := t.TempDir()
	release, held, err := Try(dir)
	if err != nil || !held {
		t.Fatalf("a free folder: held %v, %v", held, err)
	}
	if _, held, err := Try(dir); err != nil || held {
		t.Errorf("a held folder: held %v, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := Acquire(ctx, dir); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), dir) {
		t.Errorf("waiting for a held folder: %v", err)
	}
	release()
	release, err = Acquire(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if _, _, err := Try(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}
