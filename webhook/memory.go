package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// The bounds of the memory that reviews take. Nearly every review has less than 32 KiB and a patch of a few, and passes
// without waiting; the rest share what there is. Together with the caches they stay within half of the chart's limit.
const (
	// maxBody is the size of the largest review. The API server limits the objects of its clients to 3 MiB
	// (k8s.io/apiserver v0.37 pkg/server/config.go, MaxRequestBodyBytes), and etcd's limit for what is stored is half of that.
	maxBody = 4 << 20
	// smallBody is read at once: the number of connections bounds how many there are.
	smallBody = 32 << 10
	// largeBodies are for the bodies that are larger.
	largeBodies = 8 << 20
	// decodedSmall and decodedLarge are for what reviews are decoded to, and for what is planned: those that cost at most
	// smallReview, as nearly all do, do not wait for the others.
	decodedSmall = 8 << 20
	decodedLarge = 24 << 20
	smallReview  = 1 << 20
	// largePatches is for the encoding of patches that are larger than smallPatch.
	largePatches = 12 << 20
	smallPatch   = 32 << 10
	// shareTimeout is how long a request waits for its share. The API server waits 5 seconds for the answer.
	shareTimeout = time.Second
)

// What a byte or an element costs beside the body itself, measured with the reviews of TestCostCoversDecoding.
const (
	costOfReview  = 64 << 10
	costOfByte    = 1
	costOfElement = 400
	// costOfPatch is for the patch, its encoding in base64 and the copies between.
	costOfPatch = 6
)

// errBusy reports that other requests hold all memory.
var errBusy = errors.New("too many requests at the same time: try again")

// tooLargeError is a review that is not decoded, for it would take too much memory.
type tooLargeError struct{ detail string }

func (e *tooLargeError) Error() string {
	return e.detail + ": no pod that can be stored is that large; shorten its annotations and lists"
}

// memoryBudget bounds the memory of the requests that are answered at the same time.
type memoryBudget struct {
	once                                        sync.Once
	bodies, smallReviews, largeReviews, patches *semaphore.Weighted
}

func (b *memoryBudget) init() {
	b.once.Do(func() {
		b.bodies, b.patches = semaphore.NewWeighted(largeBodies), semaphore.NewWeighted(largePatches)
		b.smallReviews, b.largeReviews = semaphore.NewWeighted(decodedSmall), semaphore.NewWeighted(decodedLarge)
	})
}

// share is what a request has acquired of the budget.
type share struct {
	budget *memoryBudget
	taken  [3]struct { // body, review, patch
		from *semaphore.Weighted
		size int64
	}
	n int
}

func (b *memoryBudget) newShare() share {
	b.init()
	return share{budget: b}
}

// release returns everything that was acquired. What a large review was decoded to is collected first: otherwise the next one would be
// decoded beside the garbage of this one.
func (s *share) release() {
	for _, t := range s.taken[:s.n] {
		if t.from == s.budget.largeReviews && t.size >= decodedLarge/4 {
			runtime.GC()
		}
		t.from.Release(t.size)
	}
}

func (s *share) acquire(ctx context.Context, from *semaphore.Weighted, size int64) error {
	if !from.TryAcquire(size) {
		ctx, cancel := context.WithTimeout(ctx, shareTimeout)
		defer cancel()
		if err := from.Acquire(ctx, size); err != nil {
			return errBusy
		}
	}
	s.taken[s.n].from, s.taken[s.n].size = from, size
	s.n++
	return nil
}

// acquireBody takes room for a body of the given size, or the largest where that is not known.
func (s *share) acquireBody(ctx context.Context, size int64) error {
	if size < 0 || size > maxBody {
		size = maxBody
	}
	return s.acquire(ctx, s.budget.bodies, size)
}

// acquireReview takes room for what a body is decoded to. Each element of a list and each field of an object ends with a comma
// or is the last one of its list, so commas bound how many there are; those in texts count too.
func (s *share) acquireReview(ctx context.Context, body []byte) error {
	elements := bytes.Count(body, []byte(","))
	cost := costOfReview + int64(len(body))*costOfByte + int64(elements)*costOfElement
	switch {
	case cost > decodedLarge:
		return &tooLargeError{fmt.Sprintf("the review of the pod has %d bytes with %d elements", len(body), elements)}
	case cost > smallReview:
		return s.acquire(ctx, s.budget.largeReviews, cost)
	}
	return s.acquire(ctx, s.budget.smallReviews, cost)
}

// acquirePatch takes room for the encoding of a patch.
func (s *share) acquirePatch(ctx context.Context, size int) error {
	if size <= smallPatch {
		return nil
	}
	return s.acquire(ctx, s.budget.patches, min(int64(size)*costOfPatch, largePatches))
}
