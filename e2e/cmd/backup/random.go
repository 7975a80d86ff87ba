package main

import (
	crand "crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"

	"k8s.io/apimachinery/pkg/api/resource"
)

// writeRandom writes bytes that no store and no file system can compress, and says what they are.
func writeRandom(out io.Writer, name, size string) error {
	n, err := resource.ParseQuantity(size)
	if err != nil {
		return fmt.Errorf("--random=%s: %w", size, err)
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // It never fails.
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8(seed), n.Value())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%x  %s\n", sum.Sum(nil), name)
	return err
}
