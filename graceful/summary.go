package graceful

import (
	"context"
	"log/slog"
	"time"
)

// summary is what is told in one line at the end.
type summary struct {
	report
	took     []slog.Attr // a duration each
	inFlight int
}

func (s *summary) add(phase string, took time.Duration, seen report) {
	s.took = append(s.took, slog.Duration(phase, took))
	s.report.add(seen)
}

// write logs what finished, what did not, and how long each phase took.
func (s *summary) write(log *slog.Logger, why string, total time.Duration, err error) {
	took := append([]slog.Attr{slog.Duration("total", total)}, s.took...)
	attrs := []slog.Attr{
		slog.String("cause", why),
		slog.Int("in_flight", s.inFlight),
		slog.Any("finished", s.finished),
		{Key: "took", Value: slog.GroupValue(took...)},
	}
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
		var texts []string
		for _, failed := range s.failed {
			texts = append(texts, failed.Error())
		}
		attrs = append(attrs, slog.Any("not_finished", texts), slog.String("error", err.Error()))
	}
	log.LogAttrs(context.Background(), level, "stopped", attrs...)
}

func (g *Group) logger() *slog.Logger {
	if g.Logger == nil {
		return slog.Default()
	}
	return g.Logger
}
