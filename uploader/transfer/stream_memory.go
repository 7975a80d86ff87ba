package transfer

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/semaphore"

	"lighterman.dev/lighterman/uploader/objstore"
)

// streamPlan chooses the sizes of the parts of a stream, whose length is not known: parts begin small, so that several are
// in flight, and grow, so that their number suffices.
type streamPlan struct {
	// first is the size of the first part, and most the largest of one.
	first, most int64
	// memory is what all parts that are in memory have together.
	memory int64
	// parts is how many there are, and growth after how many their size is doubled.
	parts, growth int64
}

// growthSteps is the number of steps in which the parts of a stream grow: each doubles them.
const growthSteps = 5

// newStreamPlan returns the plan for a store, with so many bytes of memory for parts.
func newStreamPlan(l objstore.Limits, partSize, memory int64) streamPlan {
	align := max(1, l.Align)
	// One part is filled while another is sent.
	most := max(align, min(l.MaxPart, max(memory/2, l.MinPart))/align*align)
	plan := streamPlan{
		first: min(most, (max(partSize, l.MinPart)+align-1)/align*align), most: most, memory: max(memory, 2*most),
		parts: int64(l.MaxParts), growth: max(1, int64(l.MaxParts)/growthSteps),
	}
	if l.EqualParts { // They cannot grow later.
		plan.first, plan.growth = most, plan.parts
	}
	return plan
}

// size returns the size of a part; zero: there is none of this number.
func (p streamPlan) size(number int) int64 {
	if int64(number) > p.parts {
		return 0
	}
	size := p.first
	for steps := int64(number-1) / p.growth; steps > 0 && 2*size <= p.most; steps-- {
		size *= 2
	}
	return size
}

// lastSize returns the size of the last part that there can be.
func (p streamPlan) lastSize() int64 { return p.size(int(p.parts)) }

// largest returns the size of the largest stream.
func (p streamPlan) largest() (sum int64) {
	for from := int64(1); from <= p.parts; from += p.growth {
		sum += min(p.growth, p.parts-from+1) * p.size(int(from))
	}
	return sum
}

// streamMemory is the memory of a stream's parts.
type streamMemory struct {
	// bytes and parts bound what is in memory: large parts by their size, small ones by their number.
	bytes, parts *semaphore.Weighted
	mu           sync.Mutex
	idle         []*streamBuffer
}

// streamBuffer is the memory of one part.
type streamBuffer struct{ data []byte }

func newStreamMemory(bytes int64, parts int) *streamMemory {
	return &streamMemory{bytes: semaphore.NewWeighted(bytes), parts: semaphore.NewWeighted(int64(parts))}
}

// take returns memory for a part. It waits until there is room.
func (m *streamMemory) take(ctx context.Context, size int64) (*streamBuffer, error) {
	if err := errors.Join(m.parts.Acquire(ctx, 1), m.bytes.Acquire(ctx, size)); err != nil {
		return nil, context.Cause(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// Parts grow: memory of the former size is not needed again, and may be freed after some of the new size.
	m.idle = slices.DeleteFunc(m.idle, func(b *streamBuffer) bool { return int64(len(b.data)) != size })
	if last := len(m.idle) - 1; last >= 0 {
		buffer := m.idle[last]
		m.idle = m.idle[:last]
		return buffer, nil
	}
	return &streamBuffer{data: make([]byte, size)}, nil
}

// free takes the memory of a part back.
func (m *streamMemory) free(b *streamBuffer) {
	m.mu.Lock()
	m.idle = append(m.idle, b)
	m.mu.Unlock()
	m.bytes.Release(int64(len(b.data)))
	m.parts.Release(1)
}

// errPartEnded is the error of reading a part whose request has ended.
var errPartEnded = errors.New("the request of the part has ended")

// partReader reads a part in memory. After end nothing reads it: a transport may read on for a moment when the answer to
// its request is there, and the memory is then that of another part.
type partReader struct {
	mu     sync.RWMutex
	data   []byte
	offset int64
}

func newPartReader(data []byte, offset int64) *partReader {
	return &partReader{data: data, offset: offset}
}

// ReadAt implements io.ReaderAt. Offsets are those of the stream.
func (r *partReader) ReadAt(p []byte, offset int64) (int, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	at := offset - r.offset
	if r.data == nil || at < 0 || at > int64(len(r.data)) {
		return 0, errPartEnded
	}
	n := copy(p, r.data[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// end waits until nothing reads the part, and lets nothing read it any more.
func (r *partReader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.data = nil
}
