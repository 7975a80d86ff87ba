package transfer

import "testing"

// Memory that is freed in another order than it was taken in has the size that is asked for, and none of it is lost.
func TestStreamMemoryHasTheSizeThatIsAskedFor(t *testing.T) {
	m := newStreamMemory(40, 4)
	take := func(size int64) *streamBuffer {
		t.Helper()
		b, err := m.take(t.Context(), size)
		if err != nil || int64(len(b.data)) != size {
			t.Fatalf("got %d bytes of %d: %v", len(b.data), size, err)
		}
		return b
	}
	small, other := take(10), take(10)
	m.free(small)
	large := take(20)
	m.free(large)
	m.free(other)
	large = take(20)
	m.free(large)
	if !m.bytes.TryAcquire(40) || !m.parts.TryAcquire(4) {
		t.Error("memory is lost")
	}
}
