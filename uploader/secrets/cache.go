package secrets

import (
	"fmt"
	"maps"
	"path/filepath"
	"sync"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Cache keeps a value that is made of secrets until they change.
type Cache[T any] struct {
	source source
	build  func(Values) (T, error)

	mu sync.Mutex
	// stamp is the source's at the time when values were read.
	stamp  string
	values Values
	value  T
	err    error
	// rebuild makes Get build the value again, even of the same secrets.
	rebuild bool
}

// Variables returns a cache of what build makes of the secrets of an auth mode, by the names of their variables. It fails when
// they cannot be read, or build fails.
func Variables[T any](auth uploader.Auth, names []string, build func(Values) (T, error)) (*Cache[T], error) {
	return newCache(newSource(auth, names), func(v Values) (T, error) {
		if err := checkShapes(&auth, v); err != nil {
			var none T
			return none, err
		}
		return build(v)
	})
}

// File returns a cache of what build makes of the text of a file.
func File[T any](file string, build func(text string) (T, error)) (*Cache[T], error) {
	const name = "file"
	d := &directory{path: filepath.Dir(file), files: map[string]string{name: filepath.Base(file)}}
	return newCache(d, func(v Values) (T, error) {
		if v[name] == "" {
			var none T
			return none, fmt.Errorf("%s is missing or empty", file)
		}
		return build(v[name])
	})
}

// None returns a cache of what build makes without a secret. Renew lets it be built again.
func None[T any](build func() (T, error)) (*Cache[T], error) {
	return newCache(environment(nil), func(Values) (T, error) { return build() })
}

func newCache[T any](s source, build func(Values) (T, error)) (*Cache[T], error) {
	c := &Cache[T]{source: s, build: build, rebuild: true}
	_, err := c.Get()
	return c, err
}

// Get returns the value of the secrets as they are now. Secrets that cannot be read any more leave the value as it was. Secrets
// of which no value can be built are an error of class Misconfigured, until they change again.
func (c *Cache[T]) Get() (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp, err := c.source.changeStamp()
	if err == nil && stamp == c.stamp && !c.rebuild {
		return c.value, c.err
	}
	var values Values
	if err == nil {
		values, err = c.source.readValues()
	}
	switch {
	case err != nil && c.values == nil:
		return c.value, asMisconfigured(err)
	case err == nil && (c.rebuild || !maps.Equal(values, c.values)):
		c.value, c.err = c.build(values)
		c.err = asMisconfigured(c.err)
	}
	if err == nil {
		c.stamp, c.values, c.rebuild = stamp, values, false
	}
	return c.value, c.err
}

// Renew makes the next Get read the secrets and build the value again.
func (c *Cache[T]) Renew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rebuild = true
}

// asMisconfigured returns an error of the secrets with its class; nil for nil.
func asMisconfigured(err error) error {
	return objstore.AsMisconfigured(err, "look at the Secret that the profile names, and its keys")
}
