package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report prints both starts beside the targets.
func report(out io.Writer, o *options, first, restart result) {
	fmt.Fprintf(out, "\n%d namespaces, %d service accounts, %d profiles, %d cluster profiles; GOMEMLIMIT=%s\n\n",
		o.namespaces+2, o.serviceAccounts, o.profiles+1, o.clusterProfiles, o.memoryLimit)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, get func(*result) string, target string) {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t\n", what, get(&first), get(&restart), target)
	}
	mark := func(good bool, target string) string {
		if good {
			return target + " ok"
		}
		return target + " MISSED"
	}
	memoryTarget := func(m memory) string { return mark(m.resident < maxResident, "< "+mebibytes(maxResident)) }
	fmt.Fprintln(table, "\tfirst start\trestart\ttarget (restart)\t")
	row("ready after", func(r *result) string { return r.ready.Round(time.Millisecond).String() },
		mark(restart.ready < maxRestart, "< "+maxRestart.String()))
	row("resident when ready", func(r *result) string { return mebibytes(r.idle.resident) }, memoryTarget(restart.idle))
	row("peak until then", func(r *result) string { return mebibytes(r.idle.peak) }, "")
	after := fmt.Sprintf("after %d reviews", o.requests)
	row("resident "+after, func(r *result) string { return mebibytes(r.loaded.resident) }, memoryTarget(restart.loaded))
	row("peak "+after, func(r *result) string { return mebibytes(r.loaded.peak) }, "")
	row("reviews a second", func(r *result) string { return fmt.Sprintf("%.0f", r.load.perSecond) }, "")
	row("round trip, half", func(r *result) string { return r.load.p50.Round(10 * time.Microsecond).String() }, "")
	row("round trip, 99 %", func(r *result) string { return r.load.p99.Round(10 * time.Microsecond).String() }, "")
	_ = table.Flush() // Standard output: there is nobody left to tell.
	fmt.Fprintf(out, "\nA round trip is a review of %d bytes over HTTPS, one of %d at a time, with the client on the same machine.\n",
		restart.load.bytes, o.connections)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }
