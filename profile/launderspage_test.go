package profile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
)

const launderersHead = `
## Images that drop the environment

A variable helps a program only if it reaches it. Between a container and the backup tool in it may stand a program that starts others
without the container's variables. The tool then finds no identity, and goes on to that of the node.

| program | what is started has | what helps |
|---|---|---|
| cron of Debian and its kin | the variables of the crontab | run the tool in a CronJob's own container; else let the entrypoint write the variables to a file that only the job's user can read, and read it in the job |
| ` + "`su -`, `su -l`" + ` | a fresh environment | ` + "`su`" + ` without the dash, ` + "`setpriv`, `gosu`" + ` or ` + "`runAsUser`" + ` |
| ` + "`sudo`" + ` | a fresh environment | ` + "`sudo -E`" + `, or ` + "`runAsUser`" + ` |
| sshd | a fresh environment for each session | ` + "`kubectl exec`" + `, which has the container's variables |
| systemd as the first process | what the unit and ` + "`PassEnvironment=`" + ` name | the latter, for each variable |
| runit with ` + "`envdir` or `chpst -e`" + ` | what the run script leaves, and the directory's files | see [Spilo](#spilo) |

Where ` + "`command` or `args`" + ` of a container start one of the first five, a [warning](denials.md#warnings) says so; where they name the backup
tool behind ` + "`su -` or `sudo`" + `, the pod is [denied](denials.md#droppedidentity). What an image does by itself, Lighterman cannot see, but for the images below, which are recognised by the variables that only they read. What
operators' pods have is on [their page](operators.md).
`

// laundererSections are the sections of docs/tools.md on images that drop the environment.
func laundererSections(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(launderersHead)
	for _, l := range Launderers {
		fmt.Fprintf(&b, "\n### %s\n\nRead in version %s. It starts %s with these variables alone: %s.\n\n", l.Name, l.Version, l.Step, code(l.kept))
		fmt.Fprintf(&b, "A pod whose identity would be lost is [denied](denials.md#droppedidentity). With `%s` in `spec.tools`:\n\n", l.Tool)
		b.WriteString("| store | auth mode | arrives | what is lost |\n|---|---|---|---|\n")
		for i := range stores {
			for j := range stores[i].modes {
				b.WriteString(laundererRow(t, l, &stores[i], &stores[i].modes[j]))
			}
		}
		b.WriteString("\nNor does the authority of an Azure cloud other than the public one arrive.\n\n")
		for _, note := range l.Notes {
			b.WriteString("- " + escape(note) + "\n")
		}
		for _, u := range l.Unreached {
			fmt.Fprintf(&b, "- `%s…` set: %s gets nothing of the injected identity: %s.\n", u.Prefix, u.Part, escape(u.Cure))
		}
	}
	return b.String()
}

// laundererRow is the row of a mode: what is lost without its optional fields, and with them.
func laundererRow(t *testing.T, l *Launderer, s *Store, m *Mode) string {
	t.Helper()
	spec := example(t, s, m)
	fields := optionalFields(spec)
	word, text := "yes", ""
	if lost := lostOf(spec, l); len(lost) > 0 {
		word, text = "no", code(lost)
	}
	for _, f := range fields {
		f.set()
		if lost := lostOf(spec, l); word == "yes" && len(lost) > 0 {
			text = "with `" + f.name + "`: " + code(lost)
		}
	}
	if why := dialectOf(l.Tool).cellsFor(s).modes[m.Name].unsupportedReason; why != "" {
		return fmt.Sprintf("| `%s` | `%s` | no | %s %s |\n", s.Name, m.Name, l.Tool, escape(why))
	}
	return fmt.Sprintf("| `%s` | `%s` | %s | %s |\n", s.Name, m.Name, word, text)
}

// optionalField is a field of an auth mode that adds a variable.
type optionalField struct {
	name string
	set  func()
}

// optionalFields returns those of the spec's mode, none of which is set after it.
func optionalFields(spec *v1alpha1.CredentialProfileSpec) []optionalField {
	key := &v1alpha1.KeyRef{Name: "n", Key: "k"}
	switch {
	case spec.S3 != nil && spec.S3.Auth.WebIdentity != nil:
		web := spec.S3.Auth.WebIdentity
		web.AssumeRole = nil
		return []optionalField{{"assumeRole", func() {
			web.AssumeRole = &v1alpha1.S3AssumeRole{RoleARN: "arn:aws:iam::444455556666:role/backup"}
		}}}
	case spec.S3 != nil && spec.S3.Auth.AccessKey != nil:
		access := spec.S3.Auth.AccessKey
		access.SessionToken = nil
		return []optionalField{{"sessionToken", func() { access.SessionToken = key }}}
	case spec.Azure != nil && spec.Azure.Auth.ManagedIdentity != nil:
		managed := spec.Azure.Auth.ManagedIdentity
		managed.ClientID = ""
		return []optionalField{{"clientID", func() { managed.ClientID = "c" }}}
	case spec.Azure != nil && spec.Azure.Auth.ServicePrincipal != nil:
		principal := spec.Azure.Auth.ServicePrincipal
		principal.ClientSecret, principal.ClientCertificate = key, nil
		return []optionalField{{"clientCertificate", func() { principal.ClientSecret, principal.ClientCertificate = nil, key }}}
	}
	return nil
}

// lostOf returns what the tool of an image does not get of a profile that names it, without a CA bundle.
func lostOf(spec *v1alpha1.CredentialProfileSpec, l *Launderer) []string {
	spec.Tools, spec.CABundle = []v1alpha1.Tool{l.Tool}, nil
	e := Environment{Resolved: Resolve(spec), Files: Files{Token: "/token"}}
	if e.CredentialsFile() != "" {
		e.Files.Credentials = "/file"
	}
	e.addAll()
	return l.Lost(&e, func(int) bool { return true }, func(string) bool { return false })
}

// TestLaunderersNameWhatToolsRead holds each image's list against its tool: what it passes on in place of another variable is one that the
// tool's row has, so that the cure of a denial is one.
func TestLaunderersNameWhatToolsRead(t *testing.T) {
	for _, l := range Launderers {
		var injected []string
		for i := range stores {
			for j := range stores[i].modes {
				if dialectOf(l.Tool).cellsFor(&stores[i]).modes[stores[i].modes[j].Name].unsupportedReason == "" {
					for _, v := range variables(t, dialectOf(l.Tool), &stores[i], &stores[i].modes[j]) {
						injected = append(injected, v.Name)
					}
				}
			}
		}
		for from, to := range l.carriers {
			if !slices.Contains(injected, to) || !slices.Contains(l.kept, to) {
				t.Errorf("%s: %s, in place of %s, is not both injected for %s and passed on", l.Name, to, from, l.Tool)
			}
		}
		for i := range stores {
			if l.cures[stores[i].Name] == "" {
				t.Errorf("%s: no cure for %s", l.Name, stores[i].Name)
			}
		}
	}
}

// TestFindStarter holds what counts as a command of a script.
func TestFindStarter(t *testing.T) {
	for _, c := range []struct {
		words []string
		found bool
		tool  string
	}{
		{[]string{"cron", "-f"}, true, ""},
		{[]string{"bash", "-lc", "a=1 exec su -l postgres"}, true, ""},
		{[]string{"su", "-", "postgres", "-c", "/usr/local/bin/wal-g backup-push /data"}, true, "wal-g"},
		{[]string{"sh", "-c", `su - postgres -c "restic backup /data"`}, true, "restic"},
		{[]string{"/bin/sh", "-e", "-c", "if true; then sudo restic backup /data; fi"}, true, "restic"},
		{[]string{"sh", "-c", "su - app -c /app/run; restic backup /data"}, true, ""},
		{[]string{"tini", "--", "sh", "-c", "sshd -D"}, true, ""},
		{[]string{"sh", "-c", "echo cron"}, false, ""},
		{[]string{"sh", "cron"}, false, ""},
		{[]string{"sudo", "--preserve-env=A", "restic"}, false, ""},
		{[]string{"su", "postgres", "-c", "wal-g"}, false, ""},
		{[]string{"su", "-", "-w", "AWS_ROLE_ARN", "postgres", "-c", "wal-g"}, false, ""},
		{[]string{"crond", "-f"}, false, ""},
		{[]string{"A=1"}, false, ""},
		{nil, false, ""},
	} {
		starter, tool := FindStarter(c.words, nil)
		if (starter != nil) != c.found || tool != c.tool {
			t.Errorf("%q: found %v and %q, want something: %t, and %q", c.words, starter, tool, c.found, c.tool)
		}
	}
}
