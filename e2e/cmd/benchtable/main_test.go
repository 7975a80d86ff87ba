package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTables(t *testing.T) {
	const results = `goos: linux
BenchmarkUpload/files=1x2Gi/tool=sdk-2    1  1.5 cpu-s  16 peak-MiB  6.0 wall-s
BenchmarkUpload/files=1x2Gi/tool=uploader-2    1  3.0 cpu-s  18 idle-MiB  25 peak-MiB  6.6 wall-s
PASS
BenchmarkUpload/files=1x2Gi/tool=uploader-2    1  4.0 cpu-s  18 idle-MiB  27 peak-MiB  12.0 wall-s
BenchmarkUpload/files=1x2Gi/tool=sdk-2    1  2.0 cpu-s  16 peak-MiB  12.0 wall-s
BenchmarkStream/size=1Gi-2    1  1.25 durable-s  0.5 join-s
ok  	lighterman.dev/lighterman/e2e/upload	5.647s
`
	const want = `
Stream/size=1Gi, 1 rounds

| | durable after | least to most | of that, the store's join | least to most |
|---|---|---|---|---|
|  | 1.25 s | 1.25–1.25 | 0.50 s | 0.50–0.50 |

Upload/files=1x2Gi, 2 rounds

| | time | least to most | CPU | least to most | memory | least to most | time ÷ sdk | CPU ÷ sdk |
|---|---|---|---|---|---|---|---|---|
| uploader | 9.30 s | 6.60–12.00 | 3.50 s | 3.00–4.00 | 26 MiB | 25.00–27.00 | 1.05 | 2.00 |
| sdk | 9.00 s | 6.00–12.00 | 1.75 s | 1.50–2.00 | 16 MiB | 16.00–16.00 | 1.00 | 1.00 |
`
	var got strings.Builder
	if err := printTables(&got, strings.NewReader(results)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
