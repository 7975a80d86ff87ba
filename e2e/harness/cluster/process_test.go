package cluster

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func startSleep(t *testing.T) (*exec.Cmd, <-chan error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, done
}

func TestKill(t *testing.T) {
	cmd, done := startSleep(t)
	p, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	if err := p.save(file); err != nil {
		t.Fatal(err)
	}
	loaded, err := loadProcess(file)
	if err != nil || loaded != p || !loaded.alive() {
		t.Fatalf("loaded %+v, error %v, want %+v alive", loaded, err, p)
	}
	if err := loaded.kill(5 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil {
		t.Error("it ended by itself")
	}
	if p.alive() {
		t.Error("it is alive")
	}
	if err := p.kill(time.Second); err != nil {
		t.Errorf("a second kill: %v", err)
	}
}

func TestKillSparesAnotherProcessOfTheSameNumber(t *testing.T) {
	cmd, done := startSleep(t)
	p, err := identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, stale := range map[string]process{
		"earlier process": {PID: p.PID, Start: "1", Boot: p.Boot},
		"earlier boot":    {PID: p.PID, Start: p.Start, Boot: "another"},
	} {
		if stale.alive() {
			t.Errorf("%s passes for this one", name)
		}
		if err := stale.kill(time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	select {
	case err := <-done:
		t.Errorf("the process was ended: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}
