package session

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressReporter shows progress: a bar on a terminal, else a line now and then.
type progressReporter struct {
	out      io.Writer
	bar      *progressbar.ProgressBar
	lastLine time.Time
}

// progressInterval is how often a line is written. The first comes with the first news.
const progressInterval = 10 * time.Second

func newProgressReporter(out io.Writer) *progressReporter {
	s := &progressReporter{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.bar = progressbar.NewOptions64(1, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("uploading"), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return s
}

func (s *progressReporter) showProgress(p Progress) {
	if s.bar != nil {
		s.bar.ChangeMax64(max(1, p.BytesTotal))
		_ = s.bar.Set64(p.Bytes) // It is for people.
		return
	}
	if time.Since(s.lastLine) < progressInterval {
		return
	}
	s.lastLine = time.Now()
	_, _ = fmt.Fprintf(s.out, "lighterman: uploading: %d of %d files, %s of %s\n", p.Files, p.FilesTotal, formatBytes(p.Bytes), formatBytes(p.BytesTotal))
}

func (s *progressReporter) clearBar() {
	if s.bar != nil {
		_ = s.bar.Finish() // It is for people.
	}
}

// formatBytes is a number of bytes for people.
func formatBytes(n int64) string {
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
