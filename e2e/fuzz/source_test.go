package fuzz

import (
	"hash/fnv"
	"math/rand"
)

// source makes choices of bytes: first of those that it is given, one a choice, so that the fuzzer's mutations change
// single choices; then of bytes that follow from them.
type source struct {
	data []byte
	rest *rand.Rand
}

func newSource(data []byte) *source {
	hash := fnv.New64a()
	_, _ = hash.Write(data) // It cannot fail.
	return &source{data: data, rest: rand.New(rand.NewSource(int64(hash.Sum64())))}
}

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return byte(s.rest.Uint32())
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

// below gives 0 to n-1.
func (s *source) below(n int) int { return int(s.byte()) % n }

// chance is true in so many of a hundred cases.
func (s *source) chance(percent int) bool { return s.below(100) < percent }

// seed is for generators that want one.
func (s *source) seed() int64 {
	var seed int64
	for range 8 {
		seed = seed<<8 | int64(s.byte())
	}
	return seed
}

func pick[T any](s *source, choices ...T) T { return choices[s.below(len(choices))] }

// rarely gives one of others instead of usual.
func rarely[T any](s *source, usual T, others ...T) T {
	if s.chance(3) {
		return pick(s, others...)
	}
	return usual
}

// some gives a few of the choices, none of them twice, in their order.
func some[T any](s *source, percent int, choices ...T) []T {
	var taken []T
	for _, c := range choices {
		if s.chance(percent) {
			taken = append(taken, c)
		}
	}
	return taken
}

// maybe gives a pointer to value, or nil.
func maybe[T any](s *source, percent int, value T) *T {
	if s.chance(percent) {
		return &value
	}
	return nil
}
