package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// Ask sends a request to the sidecar and calls take with each answer, until take returns false.
func Ask(ctx context.Context, dir string, r Request, take func(Answer) bool) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", socketPath(dir, r.Container))
	if err != nil {
		return fmt.Errorf("reach the sidecar: %w", err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	if err := json.NewEncoder(c).Encode(r); err != nil {
		return fmt.Errorf("ask the sidecar: %w", err)
	}
	for d := json.NewDecoder(c); ; {
		var a Answer
		if err := d.Decode(&a); err != nil {
			return fmt.Errorf("read the sidecar's answer: %w", err)
		}
		if a.Error != "" {
			return fmt.Errorf("the sidecar refuses: %w", errors.New(a.Error))
		}
		if !take(a) {
			return nil
		}
	}
}

// socketPath returns the path of the socket on which a container speaks. In its pod the container sees only the directory with its own
// socket; where the whole directory is seen, its own socket is below it.
func socketPath(dir, container string) string {
	if container != "" {
		own := filepath.Join(ContainerDirectory(dir, container), Socket)
		if _, err := os.Lstat(own); err == nil {
			return own
		}
	}
	return filepath.Join(dir, Socket)
}
