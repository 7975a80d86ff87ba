package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

func main() {
	allow := flag.String("allow", "allow.yaml", "the list of findings that are accepted for a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	clean, err := run(ctx, *allow, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "vuln:", err)
	}
	if err != nil || !clean {
		os.Exit(1)
	}
}

// run scans the modules in dirs and reports whether nothing reachable is left that the allow list does not accept.
func run(ctx context.Context, allowFile string, dirs []string) (clean bool, err error) {
	if len(dirs) == 0 {
		return false, fmt.Errorf("no module to scan: name its directory")
	}
	text, err := os.ReadFile(allowFile)
	if err != nil {
		return false, err
	}
	list, err := parseAllowances(text, time.Now())
	if err != nil {
		return false, fmt.Errorf("%s: %w", allowFile, err)
	}
	database, version, err := locateDatabase(ctx)
	if err != nil {
		return false, err
	}
	if published, err := module.PseudoVersionTime(version); err == nil {
		fmt.Printf("vuln: database golang.org/x/vulndb of %s\n", published.Format(time.DateOnly))
	}
	var all []finding
	for _, dir := range dirs {
		findings, err := scanModule(ctx, database, dir)
		if err != nil {
			return false, fmt.Errorf("scan %s: %w", dir, err)
		}
		fmt.Printf("vuln: %s reaches %d known vulnerabilities\n", dir, len(findings))
		all = append(all, findings...)
	}
	return report(all, list), nil
}

// report prints findings and allow list, and reports whether there is nothing to mend.
func report(all []finding, list []allowance) bool {
	accepted, refused, unused := judge(all, list)
	for _, found := range accepted {
		fmt.Printf("vuln: %s in %s is accepted for now, see the allow list\n", found.ID, found.Module)
	}
	for _, found := range refused {
		fmt.Printf("vuln: %s: %s\n  %s %s, fixed in %s\n  %s\n", found.ID, found.Summary, found.Module, found.Version,
			orNoVersion(found.Fixed), strings.Join(found.Trace, "\n  → "))
	}
	for _, entry := range unused {
		fmt.Printf("vuln: %s of the allow list matches no finding any more: remove it\n", entry.ID)
	}
	return len(refused)+len(unused) == 0
}

func orNoVersion(version string) string {
	if version == "" {
		return "no version yet"
	}
	return version
}
