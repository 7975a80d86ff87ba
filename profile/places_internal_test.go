package profile

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// The texts by which a test knows the bucket and the prefix in a variable.
const (
	markedBucket = "marked-bucket"
	markedPrefix = "marked/prefix"
)

// markPlace gives a spec a bucket and a prefix that nothing else has.
func markPlace(spec *v1alpha1.CredentialProfileSpec) {
	switch {
	case spec.S3 != nil:
		spec.S3.Bucket, spec.S3.Prefix = markedBucket, markedPrefix
	case spec.Azure != nil:
		spec.Azure.Container, spec.Azure.Prefix = markedBucket, markedPrefix
	default:
		spec.GCS.Bucket, spec.GCS.Prefix = markedBucket, markedPrefix
	}
}

// TestPlaces holds the rows of the tools to what they render: each variable with the bucket or the prefix is marked as a place, or is
// an identity for that place; each that is marked is rendered; and Omit leaves out the marked ones, and nothing else.
func TestPlaces(t *testing.T) {
	for _, d := range dialects {
		rendersPlace := map[string]bool{}
		for i := range stores {
			s := &stores[i]
			for j := range s.modes {
				if d.cellsFor(s).modes[s.modes[j].Name].unsupportedReason == "" {
					checkPlaces(t, d, s, &s.modes[j], rendersPlace)
				}
			}
		}
		for _, name := range slices.Concat(d.places, d.archives) {
			if !rendersPlace[name] {
				t.Errorf("%s: %s is marked as a place, and no mode has it", d.name, name)
			}
		}
		if (len(d.archives) > 0) != (d.sharing != "") {
			t.Errorf("%s: say in sharing what the tool does to an archive that two workloads share", d.name)
		}
	}
}

// TestPlacesInTheProfilePage checks that docs/profile.md names the archives, and what becomes of one that is shared.
func TestPlacesInTheProfilePage(t *testing.T) {
	page, err := os.ReadFile("../docs/profile.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dialects {
		row := "| `" + string(d.name) + "` | `" + strings.Join(d.archives, "`, `") + "`"
		if len(d.archives) > 0 && !strings.Contains(string(page), row) {
			t.Errorf("docs/profile.md has no row that begins with %s", row)
		}
	}
	for _, name := range []Placeholder{PlaceholderNamespace, PlaceholderServiceAccount, PlaceholderWorkload, PlaceholderPod} {
		if !strings.Contains(string(page), "| `{"+string(name)+"}` |") || !strings.Contains(placeholderPattern, string(name)) ||
			!strings.Contains(writePlaceholders, "{"+string(name)+"}") {
			t.Errorf("docs/profile.md, the pattern or the cure does not have {%s}", name)
		}
	}
}

func checkPlaces(t *testing.T, d *dialect, s *Store, m *Mode, rendersPlace map[string]bool) {
	t.Helper()
	spec := example(t, s, m)
	markPlace(spec)
	spec.Tools = []v1alpha1.Tool{d.name}
	all := rendered(spec)
	spec.ToolOptions = &v1alpha1.ToolOptions{Location: v1alpha1.ToolLocationOmit}
	identity := rendered(spec)
	left := map[string]bool{}
	for i := range identity.Vars {
		left[identity.Vars[i].Name] = true
	}
	for i := range all.Vars {
		v := &all.Vars[i]
		isPlace := v.tool != "" && d.hasPlace(v.Name)
		rendersPlace[v.Name] = rendersPlace[v.Name] || isPlace
		where := d.name + ", " + v1alpha1.Tool(s.Name+"."+m.Name)
		switch hasPrefix := strings.Contains(v.Value, markedPrefix); {
		case v.tool == "":
		case hasPrefix != d.hasArchive(v.Name):
			t.Errorf("%s: %s is %q, and in archives: %v", where, v.Name, v.Value, d.hasArchive(v.Name))
		case strings.Contains(v.Value, markedBucket) && !isPlace && v.Groups&s.IdentityGroup == 0:
			t.Errorf("%s: %s is %q: add it to places", where, v.Name, v.Value)
		}
		if left[v.Name] == isPlace {
			t.Errorf("%s: with location Omit, %s is there: %v, and it is marked as a place: %v", where, v.Name, left[v.Name], isPlace)
		}
	}
}

// TestSharingWarning holds when a profile is told that workloads share one archive.
func TestSharingWarning(t *testing.T) {
	const any = ""
	for spec, want := range map[string][2]string{ // What is missing in a profile of a namespace, and in a cluster profile.
		`{tools: [wal-g]}`:                                         {"{workload}", "{namespace}/{workload}"},
		`{prefix: "pg", tools: [pgbackrest]}`:                      {"{workload}", "{namespace}/{workload}"},
		`{prefix: "{namespace}", tools: [restic]}`:                 {"{workload}", "{workload}"},
		`{prefix: "{namespace}/{serviceAccount}", tools: [wal-g]}`: {"{workload}", "{workload}"},
		`{prefix: "{workload}", tools: [wal-g]}`:                   {any, "{namespace}"},
		`{prefix: "{pod}", tools: [wal-g]}`:                        {any, "{namespace}"},
		`{prefix: "{namespace}/{workload}", tools: [wal-g]}`:       {any, any},
		`{prefix: "{namespace}/{pod}", tools: [wal-g]}`:            {any, any},
		`{tools: [wal-g], allowed: [orders-db]}`:                   {any, "{namespace}/{workload}"},
		`{tools: [wal-g], allowed: [default]}`:                     {"{workload}", "{namespace}/{workload}"},
		`{tools: [wal-g], allowed: [orders-db, billing-db]}`:       {"{workload}", "{namespace}/{workload}"},
		`{tools: [wal-g], location: Omit}`:                         {any, any},
		`{tools: [wal-g], location: Inject}`:                       {"{workload}", "{namespace}/{workload}"},
		`{tools: [rclone, kopia, barman, litestream, velero]}`:     {any, any}, // They are told the place in arguments.
		`{tools: []}`: {any, any},
	} {
		var short struct {
			Prefix   string                `json:"prefix"`
			Tools    []v1alpha1.Tool       `json:"tools"`
			Allowed  []string              `json:"allowed"`
			Location v1alpha1.ToolLocation `json:"location"`
		}
		if err := yaml.UnmarshalStrict([]byte(spec), &short); err != nil {
			t.Fatal(err)
		}
		r := Resolve(&v1alpha1.CredentialProfileSpec{
			S3:    &v1alpha1.S3Store{Bucket: "b", Prefix: short.Prefix},
			Tools: short.Tools, AllowedServiceAccounts: short.Allowed,
			ToolOptions: &v1alpha1.ToolOptions{Location: short.Location},
		})
		for i, clusterWide := range []bool{false, true} {
			got := r.SharingWarning(clusterWide)
			if want[i] == "" && got != "" || want[i] != "" && !strings.Contains(got, ": add "+want[i]+" to it") {
				t.Errorf("%s, cluster profile %v: got %q, want it to ask for %q", spec, clusterWide, got, want[i])
			}
			for _, tool := range short.Tools {
				if got != "" && !strings.Contains(got, string(tool)+", which ") {
					t.Errorf("%s: %q does not name %s", spec, got, tool)
				}
			}
		}
	}
}
