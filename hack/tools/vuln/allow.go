package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// maxAllowance is how far ahead an exception may end, so that each is looked at again.
const maxAllowance = 90 * 24 * time.Hour

// allowance is one vulnerability that is accepted for a time.
type allowance struct {
	ID     string `json:"id"`
	Until  string `json:"until"`
	Reason string `json:"reason"`
}

// parseAllowances reads an allow list and checks each of its lines.
func parseAllowances(text []byte, now time.Time) ([]allowance, error) {
	var list []allowance
	if err := yaml.UnmarshalStrict(text, &list); err != nil {
		return nil, err
	}
	var problems []error
	for i, entry := range list {
		if err := entry.check(now); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", entry.ID, err))
		}
		if slices.ContainsFunc(list[:i], func(earlier allowance) bool { return earlier.ID == entry.ID }) {
			problems = append(problems, fmt.Errorf("%s: is listed twice", entry.ID))
		}
	}
	return list, errors.Join(problems...)
}

// check returns what is wrong with one line of the list.
func (a allowance) check(now time.Time) error {
	until, err := time.Parse(time.DateOnly, a.Until)
	switch {
	case !strings.HasPrefix(a.ID, "GO-"):
		return errors.New("id must be that of the Go vulnerability database, such as GO-2026-0001")
	case err != nil:
		return fmt.Errorf("until must be a date such as 2026-12-24, and is %q", a.Until)
	case len(strings.Fields(a.Reason)) < 3:
		return errors.New("reason must say why the finding is accepted")
	case now.After(until.AddDate(0, 0, 1)):
		return fmt.Errorf("ended on %s: update the dependency, or look at it again and set a new date", a.Until)
	case until.Sub(now) > maxAllowance:
		return fmt.Errorf("until %s is more than %d days ahead", a.Until, int(maxAllowance.Hours()/24))
	}
	return nil
}

// judge splits findings into those that the list accepts and those that it does not, and returns the lines of the list that
// match none.
func judge(findings []finding, list []allowance) (accepted, refused []finding, unused []allowance) {
	for _, found := range findings {
		if slices.ContainsFunc(list, func(entry allowance) bool { return entry.ID == found.ID }) {
			accepted = append(accepted, found)
		} else {
			refused = append(refused, found)
		}
	}
	for _, entry := range list {
		if !slices.ContainsFunc(findings, func(found finding) bool { return found.ID == entry.ID }) {
			unused = append(unused, entry)
		}
	}
	return accepted, refused, unused
}
