package sidecar

import (
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/spool"
)

// TestSettleDelayEnds has files whose time of change is that of another clock. Only a test inside the package can: nobody may set a
// file's time of change.
func TestSettleDelayEnds(t *testing.T) {
	now := time.Now()
	l := newLoop(&sidecar{Options: Options{SettleDelay: time.Second}})
	tests := map[string]struct {
		changed, seen time.Time
		size          int64
		isSettled     bool
	}{
		"changed long ago, and just seen":          {changed: now.Add(-time.Minute), seen: now, size: 1, isSettled: true},
		"just changed":                             {changed: now, seen: now, size: 1},
		"changed in the future, and just seen":     {changed: now.Add(time.Hour), seen: now, size: 1},
		"changed in the future, and seen long ago": {changed: now.Add(time.Hour), seen: now.Add(-time.Minute), size: 1, isSettled: true},
		"empty, and changed in the future":         {changed: now.Add(time.Hour), seen: now.Add(-time.Second)},
		"empty, for longer than its delay":         {changed: now.Add(time.Hour), seen: now.Add(-2 * emptyFileDelay), isSettled: true},
	}
	for name, test := range tests {
		state := spool.State{Size: test.size, Changed: test.changed.UnixNano()}
		remaining := l.untilSettled(&trackedFile{state: state, stateSince: test.seen})
		if (remaining <= 0) != test.isSettled || remaining > emptyFileDelay {
			t.Errorf("%s: %v remain", name, remaining)
		}
	}
}
