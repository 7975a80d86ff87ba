package session

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressReporter shows the progress of an upload: as a bar on a terminal, otherwise as a line every progressInterval.
type progressReporter struct {
	out      io.Writer
	bar      *progressbar.ProgressBar // nil: out is no terminal
	lastLine time.Time
}

// progressInterval is the time between two lines.
const progressInterval = 10 * time.Second

func newProgressReporter(out io.Writer) *progressReporter {
	r := &progressReporter{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		r.bar = progressbar.NewOptions64(1, progressbar.OptionSetWriter(out), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("uploading"), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	return r
}

// showProgress updates the bar, or writes a line.
func (r *progressReporter) showProgress(p Progress) {
	if r.bar != nil {
		r.bar.ChangeMax64(max(1, p.BytesTotal))
		_ = r.bar.Set64(p.Bytes) // The display is not essential.
		return
	}
	if time.Since(r.lastLine) < progressInterval {
		return
	}
	r.lastLine = time.Now()
	_, _ = fmt.Fprintf(r.out, "lighterman: uploading: %d of %d files, %s of %s\n",
		p.Files, p.FilesTotal, formatBytes(p.Bytes), formatBytes(p.BytesTotal))
}

// clearBar removes the bar.
func (r *progressReporter) clearBar() {
	if r.bar != nil {
		_ = r.bar.Finish() // The display is not essential.
	}
}

// formatBytes returns a number of bytes for people, as in "2.1 GiB".
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
