package cli_test

import (
	"bytes"
	"errors"
	"log"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"lighterman.dev/lighterman/internal/cli"
)

// TestLog writes the same with logr, as the webhook does, and with slog, as the uploader does.
func TestLog(t *testing.T) {
	defer slog.SetDefault(slog.Default())
	defer log.SetFlags(log.Flags())
	defer log.SetOutput(log.Writer())
	when := regexp.MustCompile(`^(\{"time":"|time=)20\d\d-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)("| )`)
	for _, test := range []struct {
		options cli.LogOptions
		want    []string
	}{
		{cli.LogOptions{Level: "debug", Format: "json"}, []string{
			`,"level":"DEBUG","msg":"watch","delay":"1.5s"}`, `,"level":"ERROR","msg":"write","error":"disk full","attempt":2}`,
			`,"level":"INFO","msg":"of net/http"}`,
		}},
		{cli.LogOptions{Level: "info", Format: "text"}, []string{
			`level=ERROR msg=write error="disk full" attempt=2`, `level=INFO msg="of net/http"`,
		}},
	} {
		logs := map[string]func(slog.Handler){
			"logr": func(h slog.Handler) {
				l := logr.FromSlogHandler(h)
				l.V(1).Info("watch", "delay", 1500*time.Millisecond)
				l.Error(errors.New("disk full"), "write", "attempt", 2)
			},
			"slog": func(h slog.Handler) {
				l := slog.New(h)
				l.Debug("watch", "delay", 1500*time.Millisecond)
				l.Error("write", "error", errors.New("disk full"), "attempt", 2)
			},
		}
		for name, write := range logs {
			var out bytes.Buffer
			handler, err := test.options.SetUp(&out)
			if err != nil {
				t.Fatal(err)
			}
			write(handler)
			log.Print("of net/http")
			var got []string
			for line := range strings.Lines(out.String()) {
				if !when.MatchString(line) {
					t.Errorf("%s: no time in %s", name, line)
				}
				got = append(got, strings.TrimSuffix(when.ReplaceAllString(line, ""), "\n"))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		}
	}
}

func TestLogRefuses(t *testing.T) {
	t.Parallel()
	for want, options := range map[string]cli.LogOptions{
		"--log-level=loud is not a level: use debug, info, warn or error": {Level: "loud", Format: "json"},
		"--log-format=xml is not a format: use json or text":              {Level: "info", Format: "xml"},
	} {
		if _, err := options.SetUp(nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
