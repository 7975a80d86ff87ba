package session

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// show shows progress: a bar on a terminal, else a line now and then.
type show struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	shown time.Time
}

// every is how often a line is written. The first comes with the first news.
const every = 10 * time.Second

func newShow(out io.Writer) *show {
	s := &show{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.bar = progressbar.NewOptions64(1, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("uploading"), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return s
}

func (s *show) progress(p Progress) {
	if s.bar != nil {
		s.bar.ChangeMax64(max(1, p.BytesTotal))
		_ = s.bar.Set64(p.Bytes) // It is for people.
		return
	}
	if time.Since(s.shown) < every {
		return
	}
	s.shown = time.Now()
	_, _ = fmt.Fprintf(s.out, "lighterman: uploading: %d of %d files, %s of %s\n", p.Files, p.FilesTotal, size(p.Bytes), size(p.BytesTotal))
}

func (s *show) end() {
	if s.bar != nil {
		_ = s.bar.Finish() // It is for people.
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, exponent := float64(n)/unit, 0
	for value >= unit && exponent < 4 {
		value, exponent = value/unit, exponent+1
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTP"[exponent])
}
