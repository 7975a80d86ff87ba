package transfer

import (
	"math"

	"lighterman.dev/lighterman/uploader/objstore"
)

// layout is where the parts of an upload are in a file.
type layout struct {
	// first is the size of the first parts. It doubles after each doubleAfter parts, up to largest; zero: all parts are
	// equal, except for the last.
	first       int64
	doubleAfter int
	largest     int64
}

// sizeOf returns the size of a part that is not the last.
func (l layout) sizeOf(number int) int64 {
	if l.doubleAfter == 0 {
		return l.first
	}
	size := l.first
	for range (number - 1) / l.doubleAfter {
		if size > l.largest/2 {
			return l.largest
		}
		size *= 2
	}
	return size
}

// offsetOf returns where a part begins.
func (l layout) offsetOf(number int) int64 {
	if l.doubleAfter == 0 {
		return int64(number-1) * l.first
	}
	var offset int64
	for at := 1; at < number; at += l.doubleAfter {
		n := min(l.doubleAfter, number-at)
		offset = addProduct(offset, l.sizeOf(at), n)
	}
	return offset
}

// count returns how many parts a file of a size has.
func (l layout) count(size int64) int {
	if l.doubleAfter == 0 {
		return int((size + l.first - 1) / l.first)
	}
	n := 0
	for size > 0 {
		part := l.sizeOf(n + 1)
		group := min(int64(l.doubleAfter), (size+part-1)/part)
		n += int(group)
		size -= group * part
	}
	return n
}

// addProduct returns sum+size*n, or the largest number where that is larger.
func addProduct(sum, size int64, n int) int64 {
	if n > 0 && size > (math.MaxInt64-sum)/int64(n) {
		return math.MaxInt64
	}
	return sum + size*int64(n)
}

// maxObject returns the largest object that the store takes.
func maxObject(l objstore.Limits) int64 {
	parts := addProduct(0, l.MaxPart, l.MaxParts)
	if l.MaxObject > 0 {
		return min(l.MaxObject, parts)
	}
	return parts
}

// planFixed returns the layout for a file of a known size.
func planFixed(l objstore.Limits, configured, size int64) layout {
	return layout{first: choosePartSize(l, configured, size)}
}

// mostDoublings bounds how often planGrowing doubles the size of parts in one upload.
const mostDoublings = 10

// planGrowing returns the layout for a file of an unknown size up to longest. Parts have the configured size at first,
// for most files stay far below what their file system holds, and become larger as late as longest permits.
func planGrowing(l objstore.Limits, configured, longest int64) layout {
	longest = min(longest, maxObject(l))
	equal := planFixed(l, configured, longest)
	if l.EqualParts || l.MaxParts < mostDoublings {
		return equal
	}
	for first := choosePartSize(l, configured, 0); first < equal.first; first *= 2 {
		for groups := 2; groups <= mostDoublings; groups++ {
			plan := layout{first: first, doubleAfter: l.MaxParts / groups, largest: l.MaxPart}
			if plan.offsetOf(l.MaxParts+1) >= longest {
				return plan
			}
		}
	}
	return equal
}

// choosePartSize returns the size of every part but the last, for a file of a size.
func choosePartSize(l objstore.Limits, configured, size int64) int64 {
	n := max(configured, l.MinPart, (size+int64(l.MaxParts)-1)/int64(l.MaxParts))
	if l.Align > 0 {
		n = (n + l.Align - 1) / l.Align * l.Align
	}
	return min(n, l.MaxPart)
}
