package objstore_test

import (
	"errors"
	"fmt"

	"lighterman.dev/lighterman/uploader/objstore"
)

// A store wraps what its service answered, and the caller decides by the class.
func ExampleClassOf() {
	err := fmt.Errorf("put a/key: %w", &objstore.Error{Class: objstore.Throttled, Err: errors.New("SlowDown (status 503)")})
	fmt.Println(err)
	fmt.Println(objstore.ClassOf(err))
	fmt.Println(objstore.CureOf(err))
	// Output:
	// put a/key: SlowDown (status 503)
	// Throttled
	// the store asks for fewer requests: lower spec.uploader.concurrency, or raise the store's limits
}
