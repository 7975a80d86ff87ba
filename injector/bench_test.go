package injector_test

import (
	"testing"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/benchpod"
	"lighterman.dev/lighterman/profile"
)

func BenchmarkInject(b *testing.B) {
	profile, err := profile.Parse([]byte(benchpod.Profile))
	if err != nil {
		b.Fatal(err)
	}
	pod, err := injector.ParsePod(benchpod.JSON)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		result, err := injector.Inject(pod, profile, settings)
		if err != nil || len(result.Operations) == 0 {
			b.Fatal(err, len(result.Operations))
		}
	}
}

func BenchmarkParsePod(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchpod.JSON)))
	for b.Loop() {
		if _, err := injector.ParsePod(benchpod.JSON); err != nil {
			b.Fatal(err)
		}
	}
}
