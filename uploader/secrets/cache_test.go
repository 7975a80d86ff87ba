package secrets_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/storetest"
)

var names = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}

func pair(id, secret string) map[string]string {
	return map[string]string{"aws-access-key-id": id, "aws-secret-access-key": secret}
}

// joined makes one text of a pair.
func joined(v secrets.Values) (string, error) {
	if v[names[0]] == "" || v[names[1]] == "" {
		return "", errors.New("half a pair")
	}
	return v[names[0]] + " " + v[names[1]] + " " + v[names[2]], nil
}

func want[T comparable](t *testing.T, c *secrets.Cache[T], value T) {
	t.Helper()
	if got, err := c.Get(); err != nil || got != value {
		t.Errorf("got %v, %v, want %v", got, err, value)
	}
}

func TestFilesThatAreReplaced(t *testing.T) {
	v := storetest.NewVolume(t, pair("id-1\n", "secret-1\n"))
	built := 0
	c, err := secrets.Variables(uploader.Auth{SecretsDirectory: v.Dir}, names, func(v secrets.Values) (string, error) {
		built++
		return joined(v)
	})
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, "id-1 secret-1 ")
	want(t, c, "id-1 secret-1 ")
	v.Replace(pair("id-1", "secret-1")) // As when the token beside them is renewed.
	want(t, c, "id-1 secret-1 ")
	if built != 1 {
		t.Errorf("the value was built %d times", built)
	}
	v.Replace(pair("id-2", "secret-2"))
	want(t, c, "id-2 secret-2 ")
	c.Renew()
	want(t, c, "id-2 secret-2 ")
	if built != 3 {
		t.Errorf("the value was built %d times", built)
	}
}

// TestSecretsThatAreWrong has a Secret of which nothing can be made, until it is mended.
func TestSecretsThatAreWrong(t *testing.T) {
	v := storetest.NewVolume(t, pair("id-1", "secret-1"))
	c, err := secrets.Variables(uploader.Auth{SecretsDirectory: v.Dir}, names, joined)
	if err != nil {
		t.Fatal(err)
	}
	v.Replace(pair("id-2", " \n"))
	for range 2 {
		if _, err := c.Get(); objstore.ClassOf(err) != objstore.Misconfigured || !strings.Contains(objstore.CureOf(err), "Secret") {
			t.Errorf("got %v", err)
		}
	}
	v.Replace(pair("id-2", "secret-2"))
	want(t, c, "id-2 secret-2 ")
	if err := os.RemoveAll(v.Dir); err != nil {
		t.Fatal(err)
	}
	want(t, c, "id-2 secret-2 ")
	if _, err := secrets.Variables(uploader.Auth{SecretsDirectory: v.Dir}, names, joined); err == nil {
		t.Error("secrets that are not there give no error")
	}
}

// TestNeverHalfAPair replaces the files all the time while they are read.
func TestNeverHalfAPair(t *testing.T) {
	v := storetest.NewVolume(t, pair("0", "0"))
	c, err := secrets.Variables(uploader.Auth{SecretsDirectory: v.Dir}, names, joined)
	if err != nil {
		t.Fatal(err)
	}
	stop, seen := make(chan struct{}), make(chan map[string]bool)
	go func() {
		values := map[string]bool{}
		for {
			select {
			case <-stop:
				seen <- values
				return
			default:
			}
			c.Renew()
			got, err := c.Get()
			if id, secret, _ := strings.Cut(strings.TrimSpace(got), " "); err != nil || id != secret {
				t.Errorf("got %q, %v", got, err)
			}
			values[got] = true
		}
	}()
	for n := range 500 {
		text := fmt.Sprint(n)
		v.Replace(pair(text, text))
	}
	close(stop)
	if values := <-seen; len(values) < 10 {
		t.Errorf("only %d states were seen", len(values))
	}
	want(t, c, "499 499 ")
}

// TestPlainFiles are files of no volume: as of a mount by subPath, or on a workstation.
func TestPlainFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.json")
	if _, err := secrets.File(file, func(text string) (string, error) { return text, nil }); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that is not there: %v", err)
	}
	for i, text := range []string{"one", "another"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := secrets.File(file, func(text string) (string, error) { return text, nil })
		if err != nil {
			t.Fatal(err)
		}
		want(t, c, text)
		if err := os.WriteFile(file, []byte(text+" and longer"), 0o600); err != nil {
			t.Fatal(err, i)
		}
		want(t, c, text+" and longer")
	}
}

func TestVariables(t *testing.T) {
	t.Setenv(names[0], "id")
	t.Setenv(names[1], " secret\n")
	t.Setenv(names[2], "")
	c, err := secrets.Variables(uploader.Auth{}, names, joined)
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, "id secret ")
	t.Setenv(names[1], "")
	if _, err := secrets.Variables(uploader.Auth{}, names, joined); err == nil {
		t.Error("half a pair gives no error")
	}
}

func TestNone(t *testing.T) {
	n := 0
	c, err := secrets.None(func() (int, error) { n++; return n, nil })
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, 1)
	want(t, c, 1)
	c.Renew()
	want(t, c, 2)
}
