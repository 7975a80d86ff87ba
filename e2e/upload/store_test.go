package upload_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// behind is a store behind a network that fails.
type behind struct {
	*testing.T

	store   objstore.Store
	network *teststores.Network
	// part is the smallest that the store takes in the middle of an upload.
	part int64
}

// servers are those whose network can fail: Google's sessions have a URL of their own, and tests in package gcs. Each starts
// one, and gives what makes a network to it and a bucket of its own.
var servers = map[string]func(*testing.T) func(*testing.T, string) *behind{
	"S3": func(t *testing.T) func(*testing.T, string) *behind {
		t.Helper()
		server := teststores.Versitygw(t, teststores.S3Options{})
		return func(t *testing.T, bucket string) *behind {
			t.Helper()
			where := locate(t, server, server.Bucket(t, bucket))
			network := teststores.NewNetwork(t, server.Address)
			where.Endpoint = "https://" + network.Address
			return &behind{t, openS3(t, server, where), network, 5 << 20}
		}
	},
	"Azure": func(t *testing.T) func(*testing.T, string) *behind {
		t.Helper()
		server := teststores.Azurite(t)
		return func(t *testing.T, bucket string) *behind {
			t.Helper()
			name := server.Container(t, bucket)
			network := teststores.NewNetwork(t, server.Address)
			there := *server
			there.Endpoint = strings.Replace(server.Endpoint, server.Address, network.Address, 1)
			return &behind{t, openAzure(t, &there, name), network, 1 << 20}
		}
	},
}

// TestNetwork has the network fail in each step: the class is right, nothing is half visible, and the next attempt succeeds.
func TestNetwork(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			open := start(t)
			for bucket, test := range map[string]func(*behind){
				"cut-in-each-part": (*behind).cutInEachPart,
				"cut-in-an-object": (*behind).cutInObject,
				"down":             (*behind).down,
				"slow":             (*behind).slow,
			} {
				t.Run(bucket, func(t *testing.T) { test(open(t, bucket)) })
			}
		})
	}
}

func random(t *testing.T, n int64) []byte {
	t.Helper()
	data := make([]byte, n)
	rand.Read(data)
	return data
}

func (b *behind) want(what string, err error, class objstore.Class) {
	b.Helper()
	if objstore.ClassOf(err) != class {
		b.Errorf("%s: got %s: %v, want %s", what, objstore.ClassOf(err), err, class)
	}
}

func (b *behind) whole(key string, data []byte) {
	b.Helper()
	r, err := b.store.Open(b.Context(), key, "")
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		b.Errorf("%s: %d bytes that are not the %d sent, %v", key, len(got), len(data), err)
	}
}

func (b *behind) absent(key string) {
	b.Helper()
	_, err := b.store.Stat(b.Context(), key)
	b.want("stat "+key, err, objstore.NotFound)
}

func (b *behind) cutInEachPart() {
	data := random(b.T, 2*b.part+b.part/2)
	for broken := range 3 {
		o := &objstore.Object{Key: "parts/" + string(rune('a'+broken))}
		id, err := b.store.Begin(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		var parts []objstore.Part
		for n := range int64(3) {
			body := objstore.Body{ReaderAt: bytes.NewReader(data), Offset: n * b.part, Size: min(b.part, int64(len(data))-n*b.part)}
			if int(n) == broken {
				// New connections, so that the cut is in the middle of this part.
				b.network.Down()
				b.network.Up(b.T)
				b.network.Cut(b.T, body.Size/2)
				_, err := b.store.PutPart(b.Context(), o, id, int(n)+1, body)
				b.want("a part that is cut", err, objstore.Transient)
				b.network.Heal(b.T)
				b.absent(o.Key)
			}
			part, err := b.store.PutPart(b.Context(), o, id, int(n)+1, body)
			if err != nil {
				b.Fatal(err)
			}
			parts = append(parts, part)
		}
		b.absent(o.Key)
		if _, err := b.store.Complete(b.Context(), o, id, parts); err != nil {
			b.Fatal(err)
		}
		b.whole(o.Key, data)
	}
}

func (b *behind) cutInObject() {
	data := random(b.T, 1<<20)
	o := &objstore.Object{Key: "object"}
	b.network.Cut(b.T, int64(len(data))/2)
	_, err := b.store.Put(b.Context(), o, objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data))})
	b.want("an object that is cut", err, objstore.Transient)
	b.network.Heal(b.T)
	b.absent(o.Key)
	if _, err := b.store.Put(b.Context(), o, objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data))}); err != nil {
		b.Fatal(err)
	}
	b.whole(o.Key, data)
}

func (b *behind) down() {
	o := &objstore.Object{Key: "object"}
	id, err := b.store.Begin(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	body := objstore.Body{ReaderAt: strings.NewReader("what is sent"), Size: 12}
	part, err := b.store.PutPart(b.Context(), o, id, 1, body)
	if err != nil {
		b.Fatal(err)
	}
	b.network.Down()
	_, err = b.store.Put(b.Context(), o, body)
	b.want("put", err, objstore.Transient)
	_, err = b.store.PutPart(b.Context(), o, id, 2, body)
	b.want("put a part", err, objstore.Transient)
	_, err = b.store.Complete(b.Context(), o, id, []objstore.Part{part})
	b.want("complete", err, objstore.Transient)
	_, err = b.store.Stat(b.Context(), o.Key)
	b.want("stat", err, objstore.Transient)
	b.network.Up(b.T)
	b.absent(o.Key)
	if _, err := b.store.Complete(b.Context(), o, id, []objstore.Part{part}); err != nil {
		b.Fatal(err)
	}
	b.whole(o.Key, []byte("what is sent"))
}

// slow gives an attempt less time than it needs. What is on its way by then may still arrive, but only whole.
func (b *behind) slow() {
	data := random(b.T, 4<<20)
	o := &objstore.Object{Key: "object"}
	b.network.Slow(b.T, 1024)
	ctx, cancel := context.WithTimeout(b.Context(), time.Second)
	defer cancel()
	_, err := b.store.Put(ctx, o, objstore.Body{ReaderAt: bytes.NewReader(data), Size: int64(len(data))})
	b.want("put", err, objstore.Transient)
	b.network.Heal(b.T)
	if _, err := b.store.Stat(b.Context(), o.Key); err == nil {
		b.whole(o.Key, data)
	} else {
		b.want("stat", err, objstore.NotFound)
	}
}
