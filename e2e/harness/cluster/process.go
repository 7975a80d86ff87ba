package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// process names a process for good: numbers are reused, the pair of number and start time is not until the machine boots again.
type process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"`
	Boot  string `json:"boot"`
}

func identify(pid int) (process, error) {
	start, err := startTime(pid)
	if err != nil {
		return process{}, err
	}
	boot, err := bootID()
	if err != nil {
		return process{}, err
	}
	return process{PID: pid, Start: start, Boot: boot}, nil
}

func (p process) save(file string) error {
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("save process id: %w", err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("save process id: %w", err)
	}
	return nil
}

func loadProcess(file string) (process, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return process{}, fmt.Errorf("load process id: %w", err)
	}
	var p process
	if err := json.Unmarshal(data, &p); err != nil {
		return process{}, fmt.Errorf("load process id from %s: %w", file, err)
	}
	return p, nil
}

func (p process) alive() bool {
	now, err := identify(p.PID)
	return err == nil && now == p
}

// startTime is field 22 of /proc/<pid>/stat. The second field is a name in parentheses that may hold anything, spaces too.
func startTime(pid int) (string, error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", fmt.Errorf("identify process: %w", err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("identify process %d: %d fields in its stat", pid, len(fields))
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", fmt.Errorf("identify process %d: it has ended", pid)
	}
	return fields[19], nil
}

func bootID() (string, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("identify process: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}
