package cli

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/pflag"
)

// LogOptions are the flags of a command that logs.
type LogOptions struct{ Level, Format string }

// logFormats are the values of --log-format.
var logFormats = map[string]func(io.Writer, *slog.HandlerOptions) slog.Handler{
	"json": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) },
	"text": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
}

// BindFlags defines the flags.
func (o *LogOptions) BindFlags(f *pflag.FlagSet) {
	f.StringVar(&o.Level, "log-level", "info", "least level that is logged: debug, info, warn or error")
	f.StringVar(&o.Format, "log-format", "json", "format of the log: json or text")
}

// SetUp returns the handler of the process's log, which is written to w. The standard library logs there, too, for instance
// net/http.
func (o *LogOptions) SetUp(w io.Writer) (slog.Handler, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Level)); err != nil {
		return nil, fmt.Errorf("--log-level=%s is not a level: use debug, info, warn or error", o.Level)
	}
	newHandler := logFormats[o.Format]
	if newHandler == nil {
		return nil, fmt.Errorf("--log-format=%s is not a format: use json or text", o.Format)
	}
	handler := newHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: replaceAttr})
	slog.SetDefault(slog.New(handler))
	return handler, nil
}

// replaceAttr makes fields the same whichever library logs them: logr has more levels below info and names the error "err"
// (github.com/go-logr/logr v1.4.4, slogsink.go), and slog writes a duration as a number of nanoseconds.
func replaceAttr(groups []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && len(groups) == 0 && a.Key == slog.LevelKey &&
		level < slog.LevelInfo {
		return slog.Any(slog.LevelKey, slog.LevelDebug)
	}
	if err, ok := a.Value.Any().(error); ok && a.Key == "err" {
		return slog.Any("error", err)
	}
	if text, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() != slog.KindTime && a.Key != slog.LevelKey {
		return slog.String(a.Key, text.String())
	}
	return a
}
