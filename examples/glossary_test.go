package examples_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const glossary = "../docs/glossary.md"

// productNames are the first values of the enums that name products: the pages of presets, tools and clouds list them.
var productNames = []string{"AWS", "barman", "AzurePublic"}

// TestGlossaryTerms looks up each term on the page that its entry links to, and holds the terms in alphabetical order.
func TestGlossaryTerms(t *testing.T) {
	terms := 0
	for _, group := range sections(string(read(t, glossary)), "## ") {
		entries := sections(group.text, "### ")
		if !slices.IsSortedFunc(entries, func(a, b section) int {
			return strings.Compare(strings.ToLower(a.heading), strings.ToLower(b.heading))
		}) {
			t.Errorf("%s: the terms are not in alphabetical order", group.heading)
		}
		for _, entry := range entries {
			terms++
			if !explained(t, entry) {
				t.Errorf("%s: link to a page or a section of a page that has the term", entry.heading)
			}
			if n := strings.Count(strings.Join(strings.Fields(entry.text), " ")+" ", ". "); n < 1 || n > 3 {
				t.Errorf("%s: %d sentences", entry.heading, n)
			}
		}
	}
	if terms < 25 {
		t.Errorf("only %d terms were found", terms)
	}
	if !strings.Contains(string(read(t, "../README.md")), "(docs/glossary.md)") {
		t.Error("README.md does not link to the glossary")
	}
}

// TestGlossaryValues looks for each value of the API's enums.
func TestGlossaryValues(t *testing.T) {
	files, err := filepath.Glob("../api/v1alpha1/*_types.go")
	if err != nil {
		t.Fatal(err)
	}
	text := string(read(t, glossary))
	values := 0
	for _, file := range files {
		for _, enum := range enumMarker.FindAllStringSubmatch(string(read(t, file)), -1) {
			names := strings.Split(enum[1], ";")
			if slices.Contains(productNames, names[0]) {
				continue
			}
			for _, name := range names {
				values++
				if !strings.Contains(text, "| `"+name+"` |") {
					t.Errorf("%s has the value %s: add a row to docs/glossary.md", filepath.Base(file), name)
				}
			}
		}
	}
	if values < 15 {
		t.Errorf("only %d values were found", values)
	}
}

var enumMarker = regexp.MustCompile(`\+kubebuilder:validation:Enum=(\S+)`)

// section is a heading with the text below it.
type section struct{ heading, text string }

// sections returns the sections of a level, for example "## ".
func sections(text, level string) []section {
	var all []section
	for _, part := range strings.Split("\n"+text, "\n"+level)[1:] {
		name, body, _ := strings.Cut(part, "\n")
		all = append(all, section{name, body})
	}
	return all
}

// explained reports whether a page, or the section of a page, that the entry links to has the entry's term.
func explained(t *testing.T, entry section) bool {
	t.Helper()
	for _, l := range link.FindAllStringSubmatch(entry.text, -1) {
		target, fragment, _ := strings.Cut(l[1], "#")
		if target == "" || strings.Contains(target, "://") {
			continue
		}
		text := string(read(t, filepath.Join(filepath.Dir(glossary), target)))
		if fragment != "" {
			text = sectionOf(text, fragment)
		}
		if strings.Contains(strings.ToLower(text), stem(entry.heading)) {
			return true
		}
	}
	return false
}

// sectionOf returns the text from the heading of an anchor to the next heading of its level.
func sectionOf(text, fragment string) string {
	for _, level := range []string{"## ", "### "} {
		for _, s := range sections(text, level) {
			if anchor(s.heading) == fragment {
				return s.heading + "\n" + s.text
			}
		}
	}
	return ""
}

// stem is a term in lower case, without an ending that another form of it changes.
func stem(term string) string {
	return strings.TrimSuffix(strings.ToLower(term), "ion")
}
