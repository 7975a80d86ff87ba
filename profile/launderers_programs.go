package profile

import (
	"path"
	"slices"
	"strings"
)

// Starter is a program as data that starts others without the variables of its own environment.
type Starter struct {
	// programs are its names.
	programs []string
	// drops reports whether it does so with these arguments; nil: with any.
	drops func(args []string) bool
	// What completes "container … starts …".
	What string
	// Cure is how the program keeps the variables; empty: it cannot.
	Cure string
}

// starters: crontab(5) of Debian's cron 3.0pl1; su(1) of util-linux 2.38, which keeps the variables without a dash (run); sudoers(5)
// of sudo 1.9.13, env_reset; sshd(8) of OpenSSH 9.2, LOGIN PROCESS; systemd.exec(5) of systemd 252, ENVIRONMENT VARIABLES IN SPAWNED
// PROCESSES. What is not known to drop them is not here, such as the crond of BusyBox.
var starters = [...]Starter{
	{programs: []string{"cron"}, What: "cron, whose jobs have only the variables of the crontab"},
	{
		programs: []string{"su"}, drops: hasLoginFlag, What: "su with a login shell, which clears the variables",
		Cure: "leave the dash of su out, or set runAsUser",
	},
	{
		programs: []string{"sudo"}, drops: lacksPreserveFlag, What: "sudo, which clears the variables without -E",
		Cure: "write sudo -E, or set runAsUser",
	},
	{programs: []string{"sshd"}, What: "sshd, whose sessions have none of its variables"},
	{programs: []string{"systemd", "init"}, What: "systemd, whose services have none of its variables"},
}

func hasLoginFlag(args []string) bool {
	keeps := func(arg string) bool { return arg == "-w" || strings.HasPrefix(arg, "--whitelist-environment") }
	isLogin := func(arg string) bool { return arg == "-" || arg == "-l" || arg == "--login" }
	return slices.ContainsFunc(args, isLogin) && !slices.ContainsFunc(args, keeps)
}

func lacksPreserveFlag(args []string) bool {
	return !slices.ContainsFunc(args, func(arg string) bool {
		return arg == "-E" || strings.HasPrefix(arg, "--preserve-env")
	})
}

// toolPrograms are the programs that look for an identity of a store.
var toolPrograms = []string{
	"restic", "rclone", "wal-g", "pgbackrest", "kopia", "velero", "litestream", "xbcloud", "mc", "duplicity",
	"aws", "az", "gcloud", "gsutil", "s5cmd", "s3cmd",
	"barman-cloud-backup", "barman-cloud-wal-archive", "barman-cloud-restore", "barman-cloud-wal-restore",
}

// FindStarter returns what a container starts that drops its variables, as its command and arguments say, and the backup tool that is
// started by it there; nil: nothing that is known, and an empty tool: none is named. Scripts of an image are not seen.
func FindStarter(command, args []string) (starter *Starter, tool string) {
	if !slices.ContainsFunc(command, namesStarter) && !slices.ContainsFunc(args, namesStarter) {
		return nil, ""
	}
	words := slices.Concat(command, args)
	script := shellScript(words)
	if script == "" {
		return findInCommand(words)
	}
	for line := range strings.FieldsFuncSeq(script, isSeparator) {
		if starter, tool = findInCommand(strings.Fields(line)); starter != nil {
			return starter, tool
		}
	}
	return nil, ""
}

// namesStarter reports whether a text has the name of a starter in it: most have none, and are not taken apart.
func namesStarter(text string) bool {
	for i := range starters {
		if slices.ContainsFunc(starters[i].programs, func(name string) bool { return strings.Contains(text, name) }) {
			return true
		}
	}
	return false
}

// isSeparator reports whether a character of a shell's script ends a command.
func isSeparator(r rune) bool { return strings.ContainsRune(";&|\n(){}`", r) }

var (
	shells = []string{"sh", "bash", "dash", "ash", "zsh", "ksh"}
	// wrappers run what follows them with their own variables.
	wrappers = []string{
		"exec", "nohup", "tini", "dumb-init", "--", "-g", "-c", "if", "then", "do", "else", "!", "time", "nice",
	}
)

// shellScript returns the text that a shell runs by -c; empty: the words are no such command.
func shellScript(words []string) string {
	words = skipWrappers(words)
	if len(words) < 3 || !slices.Contains(shells, path.Base(words[0])) {
		return ""
	}
	for i, word := range words[1 : len(words)-1] {
		if strings.HasPrefix(word, "-") && strings.Contains(word, "c") {
			return words[i+2]
		}
	}
	return ""
}

// skipWrappers returns a command without what only runs it: wrappers, and assignments of variables.
func skipWrappers(words []string) []string {
	at := slices.IndexFunc(words, func(word string) bool {
		return !slices.Contains(wrappers, path.Base(word)) && !strings.Contains(word, "=")
	})
	if at < 0 {
		return nil
	}
	return words[at:]
}

func findInCommand(words []string) (starter *Starter, tool string) {
	words = skipWrappers(words)
	if len(words) == 0 {
		return nil, ""
	}
	for i := range starters {
		s := &starters[i]
		if slices.Contains(s.programs, path.Base(words[0])) && (s.drops == nil || s.drops(words[1:])) {
			return s, findTool(words[1:])
		}
	}
	return nil, ""
}

// findTool returns the backup tool among the words of a command, of which one may be a command itself; empty: there is none.
func findTool(words []string) string {
	for _, text := range words {
		for word := range strings.FieldsSeq(text) {
			if name := path.Base(strings.Trim(word, `"'`)); slices.Contains(toolPrograms, name) {
				return name
			}
		}
	}
	return ""
}
