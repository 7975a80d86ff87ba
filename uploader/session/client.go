package session

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
)

// Ask sends a request to the sidecar and calls take with each answer, until take returns false.
func Ask(ctx context.Context, dir string, r Request, take func(Answer) bool) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, Socket))
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
		if !take(a) {
			return nil
		}
	}
}
