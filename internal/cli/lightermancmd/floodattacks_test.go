package lightermancmd

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"lighterman.dev/lighterman/webhook"
)

// postAgain posts the review over connections that are kept.
func postAgain(body []byte) func(context.Context, *flooded) {
	return func(ctx context.Context, f *flooded) {
		client := f.client("127.0.0.66")
		defer client.CloseIdleConnections()
		for ctx.Err() == nil {
			if _, err := f.post(ctx, client, bytes.NewReader(body)); err != nil {
				return
			}
		}
	}
}

func request(header string) []byte {
	return []byte("POST " + webhook.Path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + header + "\r\n\r\n")
}

// sendSlowly sends all but the end of a body, and then waits until it is thrown out.
func sendSlowly(header string, body []byte) func(context.Context, *flooded) {
	return func(ctx context.Context, f *flooded) {
		c, err := f.open(ctx)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write(append(request(header), body...)); err != nil {
			return
		}
		waitForEnd(ctx, c)
	}
}

// waitForEnd reads until the server closes the connection, or the flood is over.
func waitForEnd(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer stop()
	_, _ = io.Copy(io.Discard, c)
}

// neverRead sends a review, and does not read the answer.
func neverRead(body []byte) func(context.Context, *flooded) {
	return func(ctx context.Context, f *flooded) {
		c, err := f.open(ctx)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if plain, ok := c.NetConn().(*net.TCPConn); ok {
			_ = plain.SetReadBuffer(4 << 10)
		}
		for range 100 {
			if _, err := c.Write(append(request(fmt.Sprintf("Content-Length: %d", len(body))), body...)); err != nil {
				return
			}
		}
		<-ctx.Done()
	}
}

// sendHeaders sends a header, a few bytes at a time.
func sendHeaders(ctx context.Context, f *flooded) {
	c, err := f.open(ctx)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("POST " + webhook.Path + " HTTP/1.1\r\nHost: x\r\n")); err != nil {
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		if _, err := fmt.Fprintf(c, "X-%d: %s\r\n", i, strings.Repeat("x", 100)); err != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func hold(ctx context.Context, f *flooded) {
	c, err := f.open(ctx)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	waitForEnd(ctx, c)
}

func holdPlain(ctx context.Context, f *flooded) {
	c, err := f.dialFrom(ctx, "127.0.0.66")
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	waitForEnd(ctx, c)
}

// halfClose announces a body, sends a part of it or all, and closes its side of the connection.
func halfClose(part []byte) func(context.Context, *flooded) {
	length := len(part)
	if !bytes.HasSuffix(part, []byte("}")) {
		length *= 2
	}
	return func(ctx context.Context, f *flooded) {
		c, err := f.open(ctx)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write(append(request(fmt.Sprintf("Content-Length: %d", length)), part...)); err != nil {
			return
		}
		if err := c.CloseWrite(); err != nil {
			return
		}
		waitForEnd(ctx, c)
	}
}

// resetStreams opens HTTP/2 streams and resets them at once, without asking whether the server speaks HTTP/2.
func resetStreams(ctx context.Context, f *flooded) {
	c, err := f.dialFrom(ctx, "127.0.0.66")
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	secure := tls.Client(c, strangers("h2", "http/1.1"))
	if err := secure.HandshakeContext(ctx); err != nil {
		return
	}
	if _, err := secure.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		return
	}
	// :method POST, :scheme https, :path /, as indices of HPACK's static table.
	headers := []byte{0, 0, 3, 1, 4, 0, 0, 0, 0, 0x83, 0x87, 0x84}
	reset := []byte{0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 8}
	for stream := uint32(1); ctx.Err() == nil; stream += 2 {
		for _, frame := range [][]byte{headers, reset} {
			frame[5], frame[6], frame[7], frame[8] = byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream)
			if _, err := secure.Write(frame); err != nil {
				return
			}
		}
	}
}
