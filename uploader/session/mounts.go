package session

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mount is a mounted file system that this process sees.
type mount struct{ path, fileSystem string }

// maxMounts bounds the mounts that a message lists.
const maxMounts = 10

// kernelFileSystems are those in which no program leaves a backup, as proc(5), sysfs(5) and cgroups(7) describe them.
var kernelFileSystems = []string{
	"autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
	"fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "sysfs", "tracefs",
}

// runtimePaths are those that the container runtime and the kubelet mount in every container: they hold no backup.
var runtimePaths = []string{
	"/", "/dev", "/proc", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/secrets", "/var/run/secrets",
}

// otherMounts returns the writable mounts of this process's container apart from some directories and what is below them.
func otherMounts(except ...string) []mount {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	defer f.Close()
	return writableMounts(f, except)
}

// writableMounts reads /proc/self/mountinfo, as proc_pid_mountinfo(5) describes it.
func writableMounts(mountinfo io.Reader, except []string) []mount {
	var mounts []mount
	for lines := bufio.NewScanner(mountinfo); lines.Scan(); {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields, behind := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 6 || len(behind) < 1 {
			continue
		}
		m := mount{path: unescapeMount(fields[4]), fileSystem: behind[0]}
		readOnly := slices.Contains(strings.Split(fields[5], ","), "ro")
		if readOnly || slices.Contains(kernelFileSystems, m.fileSystem) || isRuntimePath(m.path) ||
			slices.ContainsFunc(except, func(dir string) bool { return isWithin(m.path, dir) }) {
			continue
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// isRuntimePath reports whether a path is one of runtimePaths, or below one other than the root.
func isRuntimePath(path string) bool {
	return slices.ContainsFunc(runtimePaths, func(dir string) bool {
		return path == dir || (dir != "/" && isWithin(path, dir))
	})
}

// isWithin reports whether a path is a directory, or below it.
func isWithin(path, dir string) bool {
	dir = filepath.Clean(dir)
	return path == dir || strings.HasPrefix(path, dir+"/")
}

// unescapeMount returns a path of mountinfo, in which the kernel writes a space, a tab, a line feed and a backslash as \ooo.
func unescapeMount(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if code, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// describeMounts returns where else in the container files may have been written.
func describeMounts(mounts []mount, spool string) string {
	if len(mounts) == 0 {
		return fmt.Sprintf("the container has no other writable volume: if the command writes to its standard output or below another "+
			"directory, write to %s instead", spool)
	}
	var paths []string
	for _, m := range mounts[:min(len(mounts), maxMounts)] {
		paths = append(paths, fmt.Sprintf("%s (%s)", m.path, m.fileSystem))
	}
	if len(mounts) > maxMounts {
		paths = append(paths, fmt.Sprintf("and %d more", len(mounts)-maxMounts))
	}
	return fmt.Sprintf("the container's other writable volumes are %s: if the command writes there, or to its standard output, "+
		"write to %s instead", strings.Join(paths, ", "), spool)
}
