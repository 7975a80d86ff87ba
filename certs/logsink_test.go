package certs

import (
	"errors"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestLibraryLogger(t *testing.T) {
	tests := map[string]struct {
		verbosity int
		want      []string
	}{
		"by default, only what is wrong": {0, []string{`lib "msg"="broken" "error"="disk on fire" "k"="v"`}},
		"for debugging, more": {1, []string{
			`lib "level"=1 "msg"="attempt" "k"="v"`,
			`lib "level"=1 "msg"="error ensuring CA" "k"="v" "error"="Operation cannot be fulfilled on secrets \"x\": other replica"`,
			`lib "msg"="broken" "error"="disk on fire" "k"="v"`,
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			var failed []error
			log := newLibraryLogger(funcr.New(func(prefix, args string) { got = append(got, prefix+" "+args) },
				funcr.Options{Verbosity: test.verbosity}), func(err error) { failed = append(failed, err) })
			log = log.WithName("lib").WithValues("k", "v")
			log.Info("attempt")
			log.V(2).Info("chatter")
			log.Error(apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "x", errors.New("other replica")), "error ensuring CA")
			log.Error(errors.New("disk on fire"), "broken")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
			if len(failed) != 1 {
				t.Errorf("failures = %v, want the one that is real", failed)
			}
		})
	}
	if newLibraryLogger(logr.Discard(), nil).Enabled() {
		t.Error("a logger that discards is enabled")
	}
}
