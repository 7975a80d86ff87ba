package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := printTables(os.Stdout, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "benchtable:", err)
		os.Exit(1)
	}
}

// result is what one run of a benchmark printed.
type result struct {
	// group is the benchmark without its tool: Upload/files=1x2Gi.
	group, tool string
	values      map[string]float64 // by unit
}

// parse reads a line of a benchmark; false: it is another line.
func parse(line string) (result, bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
		return result{}, false
	}
	name := strings.TrimPrefix(fields[0], "Benchmark")
	if at := strings.LastIndexByte(name, '-'); at > 0 {
		name = name[:at] // The number of processors.
	}
	r := result{group: name, values: map[string]float64{}}
	if group, tool, found := strings.Cut(name, "/tool="); found {
		r.group, r.tool = group, tool
	}
	for i := 2; i+1 < len(fields); i += 2 {
		value, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return result{}, false
		}
		r.values[fields[i+1]] = value
	}
	return r, true
}

// table holds the rounds of a group, each tool's in the order in which they were run.
type table struct {
	group  string
	tools  []string
	rounds map[string][]result
}

func printTables(w io.Writer, r io.Reader) error {
	var tables []*table
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		found, ok := parse(lines.Text())
		if !ok {
			continue
		}
		at := slices.IndexFunc(tables, func(t *table) bool { return t.group == found.group })
		if at < 0 {
			at, tables = len(tables), append(tables, &table{group: found.group, rounds: map[string][]result{}})
		}
		tables[at].add(found)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the results: %w", err)
	}
	slices.SortFunc(tables, func(a, b *table) int { return strings.Compare(a.group, b.group) })
	for _, t := range tables {
		if _, err := io.WriteString(w, t.markdown()); err != nil {
			return err
		}
	}
	return nil
}

// order is that of the tools in a table.
var order = []string{"", "uploader", "sdk", "sdk+sha256", "s5cmd", "rclone", "aws"}

func (t *table) add(r result) {
	if t.rounds[r.tool] == nil {
		t.tools = append(t.tools, r.tool)
		slices.SortFunc(t.tools, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	}
	t.rounds[r.tool] = append(t.rounds[r.tool], r)
}

// columns are the units of a benchmark, in the order of a table.
var columns = []struct{ unit, title, format string }{
	{"wall-s", "time", "%.2f s"},
	{"durable-s", "durable after", "%.2f s"},
	{"join-s", "of that, the store's join", "%.2f s"},
	{"cpu-s", "CPU", "%.2f s"},
	{"peak-MiB", "memory", "%.0f MiB"},
}

func (t *table) markdown() string {
	var b strings.Builder
	rounds := len(t.rounds[t.tools[0]])
	fmt.Fprintf(&b, "\n%s, %d rounds\n\n| |", t.group, rounds)
	titles := 0
	for _, c := range columns {
		if t.has(c.unit) {
			fmt.Fprintf(&b, " %s | least to most |", c.title)
			titles += 2
		}
	}
	for _, base := range t.bases() {
		fmt.Fprintf(&b, " time ÷ %s | CPU ÷ %s |", base, base)
		titles += 2
	}
	fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("---|", titles))
	for _, tool := range t.tools {
		fmt.Fprintf(&b, "| %s |", tool)
		for _, c := range columns {
			if t.has(c.unit) {
				values := t.values(tool, c.unit)
				fmt.Fprintf(&b, " "+c.format+" | %.2f–%.2f |", median(values), slices.Min(values), slices.Max(values))
			}
		}
		for _, base := range t.bases() {
			fmt.Fprintf(&b, " %s | %s |", t.ratio(tool, base, "wall-s"), t.ratio(tool, base, "cpu-s"))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (t *table) has(unit string) bool {
	_, found := t.rounds[t.tools[0]][0].values[unit]
	return found
}

// bases are the tools that the others are compared with.
func (t *table) bases() (bases []string) {
	for _, base := range []string{"sdk", "sdk+sha256"} {
		if len(t.rounds[base]) > 0 {
			bases = append(bases, base)
		}
	}
	return bases
}

func (t *table) values(tool, unit string) (values []float64) {
	for _, r := range t.rounds[tool] {
		values = append(values, r.values[unit])
	}
	return values
}

// ratio returns the median of the ratios of two tools within the rounds that both have.
func (t *table) ratio(tool, base, unit string) string {
	values, others := t.values(tool, unit), t.values(base, unit)
	var ratios []float64
	for i := range min(len(values), len(others)) {
		if others[i] > 0 {
			ratios = append(ratios, values[i]/others[i])
		}
	}
	if len(ratios) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", median(ratios))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}
