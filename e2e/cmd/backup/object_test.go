package main

import (
	"io"
	"testing"
)

func TestOpenRefuses(t *testing.T) {
	for _, bad := range []string{"pg/key", "s3://pg", "s3://pg/", "gs:///key", "http://account.blob.core.windows.net/c/b", "https://account.blob.core.windows.net/c"} {
		if _, err := open(t.Context(), io.Discard, bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
