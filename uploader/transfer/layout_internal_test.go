package transfer

import (
	"math"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
)

const (
	mebi = int64(1) << 20
	gibi = int64(1) << 30
	tebi = int64(1) << 40
)

var (
	amazon = objstore.Limits{MinPart: 5 * mebi, MaxPart: 5 * gibi, MaxParts: 10_000}
	azure  = objstore.Limits{MinPart: 1, MaxPart: 4000 * mebi, MaxParts: 50_000}
	equal  = objstore.Limits{
		MinPart: 5 * mebi, MaxPart: 5 * gibi, MaxParts: 10_000, EqualParts: true, MaxObject: 5 * tebi,
	}
	google = objstore.Limits{MinPart: 256 << 10, MaxPart: 5 * tebi, MaxParts: 5 << 40 >> 18, Align: 256 << 10}
)

func TestGrowingLayoutHoldsTheLongestFile(t *testing.T) {
	for _, limits := range []objstore.Limits{amazon, azure, equal, google, {MaxPart: 5 * gibi, MaxParts: 1000}} {
		for _, configured := range []int64{5 * mebi, 16 * mebi, 5 * gibi} {
			for _, longest := range []int64{0, gibi, 160 * gibi, tebi, 5 * tebi, 48 * tebi, 1 << 60, math.MaxInt64} {
				plan := planGrowing(limits, configured, longest)
				longest = min(longest, maxObject(limits))
				if n := plan.count(longest); n > limits.MaxParts {
					t.Errorf("%+v of %d bytes: %+v has %d parts", limits, longest, plan, n)
				}
				if plan.first < min(configured, limits.MaxPart) {
					t.Errorf("%+v: %+v has smaller parts than are configured", limits, plan)
				}
				if largest := plan.sizeOf(limits.MaxParts); largest > limits.MaxPart {
					t.Errorf("%+v: %+v has a part of %d bytes", limits, plan, largest)
				}
				if limits.EqualParts && plan.doubleAfter > 0 {
					t.Errorf("%+v: %+v has parts that differ", limits, plan)
				}
			}
		}
	}
}

func TestGrowingLayoutBeginsSmall(t *testing.T) {
	for longest, want := range map[int64]layout{
		100 * gibi: {first: 16 * mebi},
		tebi:       {first: 16 * mebi, doubleAfter: 10_000 / 6, largest: 5 * gibi},
		5 * tebi:   {first: 16 * mebi, doubleAfter: 10_000 / 9, largest: 5 * gibi},
	} {
		if got := planGrowing(amazon, 16*mebi, longest); got != want {
			t.Errorf("%d bytes: got %+v, want %+v", longest, got, want)
		}
	}
}

func TestPartsFollowEachOther(t *testing.T) {
	for _, l := range []layout{
		{first: 5},
		{first: 5, doubleAfter: 1, largest: 30},
		{first: 5, doubleAfter: 3, largest: 40},
		{first: 5, doubleAfter: 3, largest: 19},
	} {
		var offset int64
		for number := 1; number < 20; number++ {
			if got := l.offsetOf(number); got != offset {
				t.Fatalf("%+v: part %d begins at %d, want %d", l, number, got, offset)
			}
			size := l.sizeOf(number)
			if size > l.largest && l.largest > 0 {
				t.Fatalf("%+v: part %d has %d bytes", l, number, size)
			}
			for _, into := range []int64{1, size - 1, size} {
				if got := l.count(offset + into); got != number {
					t.Fatalf("%+v: %d bytes have %d parts, want %d", l, offset+into, got, number)
				}
			}
			offset += size
		}
	}
}
