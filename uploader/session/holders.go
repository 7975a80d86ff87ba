package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// maxHolders bounds the processes that a message names.
const maxHolders = 5

// pipeHolders returns the processes that have a pipe open, as "17 (sleep)": of a command that has ended, those that it left
// behind. link is the pipe's name in /proc/PID/fd, proc_pid_fd(5). The process's own container alone is seen.
func pipeHolders(link string) []string {
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*") // The pattern is valid.
	var holders []string
	seen := map[string]bool{}
	for _, file := range files {
		pid := strings.Split(file, "/")[2]
		if seen[pid] || pid == fmt.Sprint(os.Getpid()) {
			continue
		}
		if target, err := os.Readlink(file); err != nil || target != link {
			continue
		}
		seen[pid] = true
		name, _ := os.ReadFile(filepath.Join("/proc", pid, "comm")) //nolint:gosec // Of /proc alone; the process may have ended.
		if holders = append(holders, fmt.Sprintf("%s (%s)", pid, strings.TrimSpace(string(name)))); len(holders) == maxHolders {
			break
		}
	}
	return holders
}

// pipeLink returns the name of a pipe in /proc/PID/fd; empty where there is no /proc.
func pipeLink(f *os.File) string {
	link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd())) // Without it nothing can be said.
	return link
}
