package gcs_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
)

// upload is a file of three parts, the last of which is no multiple of 256 KiB.
type upload struct {
	*testing.T

	store *gcs.Store
	id    string
	data  []byte
	parts []objstore.Part
}

var sizes = []int64{2 * align, 2 * align, align + 1000}

var object = &objstore.Object{Key: "key"}

func begin(t *testing.T, store *gcs.Store) *upload {
	t.Helper()
	id, err := store.Begin(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 5*align+1000)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return &upload{T: t, store: store, id: id, data: data}
}

func (u *upload) body(n int) objstore.Body {
	var offset int64
	for _, size := range sizes[:n] {
		offset += size
	}
	return objstore.Body{ReaderAt: bytes.NewReader(u.data), Offset: offset, Size: sizes[n]}
}

// send sends the parts that are left.
func (u *upload) send() {
	u.Helper()
	for n := len(u.parts); n < len(sizes); n++ {
		part, err := u.store.PutPart(u.Context(), object, u.id, n+1, u.body(n))
		if err != nil {
			u.Fatal(err)
		}
		u.parts = append(u.parts, part)
	}
}

func (u *upload) fails(class objstore.Class) {
	u.Helper()
	n := len(u.parts)
	if _, err := u.store.PutPart(u.Context(), object, u.id, n+1, u.body(n)); objstore.ClassOf(err) != class {
		u.Fatalf("got %s: %v, want %s", objstore.ClassOf(err), err, class)
	} else if strings.Contains(err.Error(), "secret") {
		u.Errorf("the error has the session's URL: %v", err)
	}
}

func (u *upload) complete(g *google) {
	u.Helper()
	stored, err := u.store.Complete(u.Context(), object, u.id, u.parts)
	if err != nil {
		u.Fatal(err)
	}
	if !bytes.Equal(g.data, u.data) || stored.Size != int64(len(u.data)) || stored.Sum.Value != crc(u.data) || stored.Version != "7" {
		u.Errorf("got %+v", stored)
	}
}

func TestUpload(t *testing.T) {
	g := newGoogle(t)
	u := begin(t, g.open(t))
	u.send()
	if g.done {
		t.Error("visible before Complete")
	}
	u.complete(g)
	if g.asked != 0 {
		t.Errorf("asked %d times how far it is", g.asked)
	}
}

// TestGoesOn has a request fail in different ways after the store took some of it.
func TestGoesOn(t *testing.T) {
	for name, breakIt := range map[string]func(*google){
		"the connection is cut, and nothing was taken": func(g *google) { g.takes, g.cut = 0, true },
		"the connection is cut, and some was taken":    func(g *google) { g.takes, g.cut = align, true },
		"the connection is cut, and all was taken":     func(g *google) { g.cut = true },
		"503, and some was taken":                      func(g *google) { g.takes, g.refuse = align, 503 },
		"it takes less than is sent":                   func(g *google) { g.takes = align },
	} {
		t.Run(name, func(t *testing.T) {
			for n := range sizes {
				g := newGoogle(t)
				u := begin(t, g.open(t))
				for len(u.parts) < n {
					part, err := u.store.PutPart(t.Context(), object, u.id, len(u.parts)+1, u.body(len(u.parts)))
					if err != nil {
						t.Fatal(err)
					}
					u.parts = append(u.parts, part)
				}
				g.change(breakIt)
				if n < len(sizes)-1 || !strings.HasPrefix(name, "it takes") { // Of the last part one piece is sent.
					u.fails(objstore.Transient)
				}
				u.send()
				u.complete(g)
			}
		})
	}
}

// TestRestart goes on with another process's upload, whose last request was cut.
func TestRestart(t *testing.T) {
	g := newGoogle(t)
	u := begin(t, g.open(t))
	part, err := u.store.PutPart(t.Context(), object, u.id, 1, u.body(0))
	if err != nil {
		t.Fatal(err)
	}
	u.parts = append(u.parts, part)
	g.change(func(g *google) { g.takes, g.cut = align, true })
	u.fails(objstore.Transient)
	u.store = g.open(t)
	u.send()
	u.complete(g)
}

// TestRestartBeforeComplete has lost the bytes that wait for Complete.
func TestRestartBeforeComplete(t *testing.T) {
	g := newGoogle(t)
	u := begin(t, g.open(t))
	u.send()
	if _, err := g.open(t).Complete(t.Context(), object, u.id, u.parts); objstore.ClassOf(err) != objstore.NoUpload || g.done {
		t.Errorf("got %v", err)
	}
}

// TestAnswerLost has Complete succeed and its answer lost.
func TestAnswerLost(t *testing.T) {
	for name, over := range map[string]bool{"the session remembers": false, "the session is gone": true} {
		t.Run(name, func(t *testing.T) {
			g := newGoogle(t)
			u := begin(t, g.open(t))
			u.send()
			g.change(func(g *google) { g.cut = true })
			if _, err := u.store.Complete(t.Context(), object, u.id, u.parts); objstore.ClassOf(err) != objstore.Transient {
				t.Fatalf("got %v", err)
			}
			g.change(func(g *google) { g.over = over })
			u.complete(g)
		})
	}
}

// TestChangedBytes sends a part, the file changes, and the part is confirmed as it is now: the whole is refused.
func TestChangedBytes(t *testing.T) {
	g := newGoogle(t)
	u := begin(t, g.open(t))
	g.change(func(g *google) { g.takes, g.cut = align, true })
	u.fails(objstore.Transient)
	u.data = bytes.Clone(u.data)
	u.data[5]++ // The store has the old byte.
	u.send()
	if _, err := u.store.Complete(t.Context(), object, u.id, u.parts); objstore.ClassOf(err) != objstore.Corrupt || g.done {
		t.Errorf("got %v", err)
	}
}

func TestExpiredAndAborted(t *testing.T) {
	g := newGoogle(t)
	u := begin(t, g.open(t))
	if err := u.store.Abort(t.Context(), object, u.id); err != nil || !g.over {
		t.Fatalf("abort: %v", err)
	}
	if err := u.store.Abort(t.Context(), object, u.id); err != nil {
		t.Errorf("abort again: %v", err)
	}
	u.fails(objstore.NoUpload)
	u.store = g.open(t)
	u.fails(objstore.NoUpload)
}
