package session

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"lighterman.dev/lighterman/internal/message"
)

// progressReporter shows the progress of an upload: as a bar on a terminal, otherwise as a line every progressInterval.
type progressReporter struct {
	out      io.Writer
	bar      *progressbar.ProgressBar // nil: out is no terminal
	lastLine time.Time
	// waitingFor are the containers that the last line named.
	waitingFor string
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
	names := strings.Join(p.WaitingFor, ", ")
	if names != "" {
		r.showWaiting(names)
		return
	}
	if r.waitingFor != "" {
		r.waitingFor, r.lastLine = "", time.Time{}
	}
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

// waitingInterval is the time between two lines that name the same containers.
const waitingInterval = 5 * time.Minute

// showWaiting writes which containers' commands have not ended: at once, when they change, and now and then.
func (r *progressReporter) showWaiting(names string) {
	if names == r.waitingFor && time.Since(r.lastLine) < waitingInterval {
		return
	}
	r.waitingFor, r.lastLine = names, time.Now()
	line := message.Line("lighterman: the command has ended; waiting for the command of container " + names)
	_, _ = fmt.Fprintln(r.out, line) // The display is not essential.
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
