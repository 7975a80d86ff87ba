package journal

import "slices"

// maxCommands bounds the attempts of one container that are remembered.
const maxCommands = 1000

// RecordCommand records an attempt of a wrapped container, or what has become of it.
func (j *Journal) RecordCommand(c Command) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.applyCommand(c) {
		j.dead += 150 // About the size of the record that this one replaces.
	}
	if _, err := j.writeRecord(&record{Command: &c}); err != nil {
		j.commandsUnwritten = true
	}
	j.compactIfWorthwhile()
}

// applyCommand replaces what is known of an attempt, or adds it. It reports whether it has replaced one.
func (j *Journal) applyCommand(c Command) bool {
	of := func(known Command) bool { return known.Container == c.Container }
	at := slices.IndexFunc(j.commands, func(known Command) bool { return of(known) && known.Attempt == c.Attempt })
	if at >= 0 {
		j.commands[at] = c
		return true
	}
	j.commands = append(j.commands, c)
	count := 0
	for _, known := range j.commands {
		if of(known) {
			count++
		}
	}
	if count > maxCommands {
		// The time of an attempt ends with the next one: that of the first now holds that of the second.
		first := slices.IndexFunc(j.commands, of)
		second := first + 1 + slices.IndexFunc(j.commands[first+1:], of)
		j.commands = slices.Delete(j.commands, second, second+1)
	}
	return false
}

// Commands returns the attempts of all wrapped containers, in the order in which they began.
func (j *Journal) Commands() []Command {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.commands)
}

// SetSegments records the segments of the manifest that are stored, in place of those before.
func (j *Journal) SetSegments(segments []Segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.applySegments(segments)
	if at, err := j.writeRecord(&record{Segments: &segments}); err == nil {
		j.dead += at.size
	}
	j.compactIfWorthwhile()
}

func (j *Journal) applySegments(segments []Segment) {
	j.segments = slices.Clone(segments)
	for _, s := range segments {
		j.segmented = max(j.segmented, s.Last)
		j.last = max(j.last, s.Last) // An entry that is lost must not lend its number to another.
	}
}

// Segments returns the segments of the manifest that are stored, in their order in it.
func (j *Journal) Segments() []Segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.segments)
}
