package node

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSupervisorTellsWhoEnded(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := &supervisor{env: []string{"WORD=clear"}, running: map[int]string{}}
	if err := s.start("lasting", "/bin/sleep", log, "60"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for pid, name := range s.running {
			if p, err := os.FindProcess(pid); err == nil && name == "lasting" {
				_ = p.Kill()
			}
		}
	})
	if err := s.start("failing", "/bin/sh", log, "-c", "echo $WORD; exit 3"); err != nil {
		t.Fatal(err)
	}
	if got, want := s.reap().Error(), "failing ended with exit status 3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if data, err := os.ReadFile(log); err != nil || string(data) != "clear\n" {
		t.Errorf("log is %q, error %v", data, err)
	}
}
