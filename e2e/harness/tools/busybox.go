package tools

import (
	"context"
	"fmt"
	"path/filepath"
)

// Busybox returns a static busybox, which is a shell and its utilities in one program: the one of Debian's package
// busybox-static, unpacked into the cache.
func (b *Builder) Busybox(ctx context.Context) (string, error) {
	root, err := b.unpack(ctx, "busybox-static")
	if err != nil {
		return "", fmt.Errorf("find a static busybox: %w", err)
	}
	return filepath.Join(root, "bin", "busybox"), nil
}
