package lightermancmd

import (
	"fmt"

	"github.com/go-logr/logr"
	"github.com/go-logr/zapr"
	"github.com/spf13/pflag"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// logOptions are the flags of a command that logs.
type logOptions struct{ level, format string }

func (o *logOptions) bind(f *pflag.FlagSet) {
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&o.format, "log-format", "json", "json or text")
}

func (o *logOptions) logger() (logr.Logger, error) {
	level, err := zapcore.ParseLevel(o.level)
	if err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level=%s is not a level: use debug, info, warn or error", o.level)
	}
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(level)
	config.Sampling = nil
	config.DisableStacktrace = true
	config.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	switch o.format {
	case "json":
	case "text":
		config.Encoding = "console"
	default:
		return logr.Logger{}, fmt.Errorf("--log-format=%s is not a format: use json or text", o.format)
	}
	log, err := config.Build()
	if err != nil {
		return logr.Logger{}, fmt.Errorf("set up the log: %w", err)
	}
	// What net/http and client-go say goes the same way.
	zap.RedirectStdLog(log)
	logger := zapr.NewLogger(log)
	klog.SetLogger(logger.WithName("client"))
	return logger, nil
}
