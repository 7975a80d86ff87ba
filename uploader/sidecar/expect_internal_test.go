package sidecar

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/index"
	"lighterman.dev/lighterman/uploader/manifest"
)

func TestUnmetBounds(t *testing.T) {
	of := func(bytes int64) previousRun {
		return previousRun{entry: &index.Entry{Run: "6f1c", Bytes: bytes, Files: 100, Written: time.Unix(0, 0).UTC()}}
	}
	none, denied := previousRun{err: index.ErrNone}, previousRun{err: errors.New("403")}
	zero := int64(0)
	three := int64(3)
	for name, test := range map[string]struct {
		expect   uploader.Expect
		totals   manifest.Totals
		previous previousRun
		want     []string
	}{
		"a file":              {uploader.Expect{}, manifest.Totals{Files: 1}, none, nil},
		"no file":             {uploader.Expect{}, manifest.Totals{}, none, []string{"it has 0 files, and uploader.expect.minFiles is 1: 1 too few"}},
		"no file, as wished":  {uploader.Expect{MinFiles: &zero}, manifest.Totals{}, none, nil},
		"as many files":       {uploader.Expect{MinFiles: &three}, manifest.Totals{Files: 3}, none, nil},
		"too few files":       {uploader.Expect{MinFiles: &three}, manifest.Totals{Files: 1}, none, []string{"minFiles is 3: 2 too few"}},
		"as many bytes":       {uploader.Expect{MinBytes: 10}, manifest.Totals{Files: 1, Bytes: 10}, none, nil},
		"a byte too few":      {uploader.Expect{MinBytes: 10}, manifest.Totals{Files: 1, Bytes: 9}, none, []string{"it has 9 bytes, and uploader.expect.minBytes is 10: 1 too few"}},
		"shrunk by as much":   {uploader.Expect{MaxShrinkPercent: 20}, manifest.Totals{Files: 1, Bytes: 80}, of(100), nil},
		"grown":               {uploader.Expect{MaxShrinkPercent: 20}, manifest.Totals{Files: 1, Bytes: 800}, of(100), nil},
		"shrunk by more":      {uploader.Expect{MaxShrinkPercent: 20}, manifest.Totals{Files: 1, Bytes: 79}, of(100), []string{"it has 79 bytes, and uploader.expect.maxShrinkPercent is 20, of the 100 bytes of the run 6f1c, written at 1970-01-01T00:00:00Z, at least 80 are expected: 1 too few"}},
		"a bound between two": {uploader.Expect{MaxShrinkPercent: 50}, manifest.Totals{Files: 1, Bytes: 2}, of(5), []string{"at least 3 are expected"}},
		"shrunk to nothing":   {uploader.Expect{MaxShrinkPercent: 100}, manifest.Totals{Files: 1}, of(math.MaxInt64), nil},
		"huge":                {uploader.Expect{MaxShrinkPercent: 1}, manifest.Totals{Files: 1, Bytes: 9131138316486228049}, of(math.MaxInt64), nil},
		"a little less":       {uploader.Expect{MaxShrinkPercent: 1}, manifest.Totals{Files: 1, Bytes: 9131138316486228048}, of(math.MaxInt64), []string{"1 too few"}},
		"the first run":       {uploader.Expect{MaxShrinkPercent: 1}, manifest.Totals{Files: 1}, none, nil},
		"no one knows":        {uploader.Expect{MaxShrinkPercent: 1}, manifest.Totals{Files: 1}, denied, []string{"the last complete run is not known: 403"}},
		"no one asks":         {uploader.Expect{}, manifest.Totals{Files: 1}, denied, nil},
		"all at once": {
			uploader.Expect{MinFiles: &three, MinBytes: 10, MaxShrinkPercent: 1},
			manifest.Totals{Files: 1, Bytes: 1},
			of(100),
			[]string{"minFiles", "minBytes", "maxShrinkPercent"},
		},
	} {
		got := unmetBounds(test.expect, test.totals, test.previous)
		if len(got) != len(test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
			continue
		}
		for i, want := range test.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q", name, got[i], want)
			}
		}
	}
}
