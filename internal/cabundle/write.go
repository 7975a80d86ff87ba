package cabundle

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile writes a bundle to a file that every user may read. A reader sees the whole file or none.
func WriteFile(name string, bundle []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), ".ca-bundle-*")
	if err != nil {
		return fmt.Errorf("write the CA bundle: %w", err)
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // After the rename there is none.
	_, err = temporary.Write(bundle)
	err = errors.Join(err, temporary.Chmod(0o444), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("write the CA bundle: %w", err)
	}
	return nil
}
