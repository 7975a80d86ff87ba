package cgroup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/e2e/harness/require"
)

// fakeGroup makes a directory that looks like a group of version 2. Its files are plain ones: what was written last is what is read.
func fakeGroup(t *testing.T, controllers, enabled string) Hierarchy {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "cgroup.controllers"), controllers+"\n")
	write(t, filepath.Join(root, "cgroup.subtree_control"), enabled+"\n")
	return Hierarchy{Root: root, Unified: true}
}

func TestCreateUnified(t *testing.T) {
	tests := map[string]struct {
		controllers, enabled string
		want                 string
		wantErr              string
	}{
		"systemd has enabled all": {
			controllers: "cpuset cpu io memory pids", enabled: "cpuset cpu io memory pids", want: "cpuset cpu io memory pids\n",
		},
		"systemd has left out cpuset": {
			controllers: "cpuset cpu io memory hugetlb pids", enabled: "cpu io memory pids", want: "+cpuset",
		},
		"nothing is enabled for what the kubelet does not need": {
			controllers: "cpuset cpu io memory hugetlb pids rdma", enabled: "cpuset cpu memory pids", want: "cpuset cpu memory pids\n",
		},
		"version 1 has the controllers": {
			controllers: "hugetlb", enabled: "", want: "\n", wantErr: "has only: hugetlb",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := fakeGroup(t, test.controllers, test.enabled)
			err := h.Create("name")
			if test.wantErr == "" && err != nil || test.wantErr != "" && (err == nil || !strings.Contains(err.Error(), test.wantErr)) {
				t.Fatalf("error is %v, want %q", err, test.wantErr)
			}
			if got := read(t, filepath.Join(h.Root, "cgroup.subtree_control")); got != test.want {
				t.Errorf("subtree_control is %q, want %q", got, test.want)
			}
			if _, err := os.Stat(filepath.Join(h.Root, "name")); (err == nil) != (test.wantErr == "") {
				t.Errorf("group: %v", err)
			}
		})
	}
}

func TestDelegateInsideNamespace(t *testing.T) {
	h := fakeGroup(t, "cpuset cpu memory pids io", "cpuset cpu memory pids")
	if err := h.Delegate(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(h.Root, initGroup, "cgroup.procs")); got != "0" {
		t.Errorf("the process moves by writing %q", got)
	}
	if got := read(t, filepath.Join(h.Root, "cgroup.subtree_control")); got != "+io" {
		t.Errorf("last enabled %q, want the optional controller too", got)
	}
}

func TestRemoveIsRepeatable(t *testing.T) {
	h := Hierarchy{Root: t.TempDir(), Unified: true}
	if err := os.MkdirAll(filepath.Join(h.Root, "name", "kubepods", "pod1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.Remove("name"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(h.Root, "name")); err == nil {
		t.Error("the group is still there")
	}
}

func TestCreateSplitFillsCpuset(t *testing.T) {
	h := Hierarchy{Root: t.TempDir()}
	for _, c := range []string{"memory", "cpuset", "unified"} {
		if err := os.Mkdir(filepath.Join(h.Root, c), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(h.Root, "cpuset", "cpuset.cpus"), "0-1\n")
	write(t, filepath.Join(h.Root, "cpuset", "cpuset.mems"), "0\n")
	if err := h.Create("name"); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(h.Root, "cpuset", "name", "cpuset.cpus")); got != "0-1\n" {
		t.Errorf("cpus are %q", got)
	}
	made := filepath.Join(h.Root, "unified", "name")
	if _, err := os.Stat(made); err == nil {
		t.Error("a hybrid machine's version 2 got a group")
	}
	if err := os.Mkdir(made, 0o755); err != nil { // as runc does
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(h.Root, "cpuset")); err != nil { // its plain files would hinder
		t.Fatal(err)
	}
	if err := h.Remove("name"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("runc's group in a hybrid machine's version 2 stays behind")
	}
}

func TestDetect(t *testing.T) {
	if _, err := Detect(t.TempDir()); err == nil {
		t.Error("an empty directory passes for control groups")
	}
}

// TestOnThisMachine makes and removes a real group.
func TestOnThisMachine(t *testing.T) {
	h, err := Detect(Root)
	if err != nil || os.Geteuid() != 0 {
		require.Skip(t, "root and control groups on "+Root)
	}
	const name = "lighterman-unit-test"
	if err := h.Create(name); err != nil {
		t.Fatal(err)
	}
	dirs, err := h.dirs(name)
	if err != nil || len(dirs) == 0 {
		t.Errorf("groups %v, error %v", dirs, err)
	}
	if err := h.Remove(name); err != nil {
		t.Fatal(err)
	}
	if dirs, err := h.dirs(name); err != nil || len(dirs) != 0 {
		t.Errorf("left %v, error %v", dirs, err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
