package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// endless answers without an end.
func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		for text := strings.Repeat("A", 64<<10); ; {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
		}
	}
}

func says(status int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

// headers answers with a header of so many bytes.
func headers(bytes int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for n := range bytes / 1024 {
			w.Header().Set(fmt.Sprintf("X-%d", n), strings.Repeat("h", 1024))
		}
	}
}

const page = "\n<!DOCTYPE html>\n<html><body>Accept the terms of use.</body></html>"

// TestBounds has answers that are longer than those of a store, or no store's.
func TestBounds(t *testing.T) {
	plain := func(ctx context.Context) context.Context { return ctx }
	long := strings.Repeat("x", transport.MaxAnswer+1)
	for name, test := range map[string]struct {
		server http.HandlerFunc
		kind   func(context.Context) context.Context
		// class is that of the error; empty: there is none. says is in it.
		class objstore.Class
		says  string
	}{
		"an endless refusal":               {endless(400), plain, objstore.Unknown, "status 400, is longer than 131072 bytes"},
		"an endless denial":                {endless(403), plain, objstore.Denied, "status 403, is longer"},
		"an endless fault":                 {endless(503), plain, objstore.Transient, "status 503, is longer"},
		"an endless redirect":              {endless(302), plain, objstore.Unknown, "status 302, is longer"},
		"an endless refusal of an object":  {endless(404), transport.ExpectContent, objstore.Unknown, "status 404, is longer"},
		"a refusal that is deep":           {says(400, "", strings.Repeat("[", 100_000)), plain, objstore.Unknown, "nested too deep"},
		"a refusal that is not":            {says(400, "", `{"error": {"errors": [{}]}}`), plain, "", ""},
		"an endless answer":                {endless(200), plain, objstore.Unknown, "status 200, is longer than 1048576 bytes"},
		"an endless listing":               {endless(200), transport.ExpectListing, objstore.Unknown, "is longer than 16777216 bytes"},
		"an endless join":                  {endless(200), transport.ExpectJoin, objstore.Unknown, "is longer than 1048576 bytes"},
		"another success than an object":   {endless(202), transport.ExpectContent, objstore.Unknown, "is longer than 1048576 bytes"},
		"a length that is too long":        {says(200, "", long), plain, objstore.Unknown, "is longer than 1048576 bytes"},
		"a large object":                   {says(200, "", long), transport.ExpectContent, "", ""},
		"a part of a large object":         {says(206, "", long), transport.ExpectContent, "", ""},
		"a long listing":                   {says(200, "application/xml", long), transport.ExpectListing, "", ""},
		"a header that is too long":        {headers(2 * transport.MaxHeader), plain, objstore.Transient, "headers exceeded"},
		"a long header":                    {headers(transport.MaxHeader / 2), plain, "", ""},
		"a page":                           {says(200, "text/html", page), plain, objstore.Unknown, "is a page of HTML"},
		"a page that says that it is none": {says(200, "application/xml", page), plain, objstore.Unknown, "is a page of HTML"},
		"a page of XHTML":                  {says(201, "", "<?xml version=\"1.0\"?>\n<!DOCTYPE HTML PUBLIC>"), plain, objstore.Unknown, "status 201, is a page of HTML"},
		"a page in place of a listing":     {says(200, "", "<HTML>"), transport.ExpectListing, objstore.Unknown, "is a page of HTML"},
		"a page in place of a join":        {says(200, "", page), transport.ExpectJoin, objstore.Unknown, "is a page of HTML"},
		"an object that is a page":         {says(200, "text/html", page), transport.ExpectContent, "", ""},
		"a page that refuses":              {says(502, "text/html", page), plain, "", ""},
		"what has a page's name in it":     {says(200, "application/json", `{"name": "<html>"}`), plain, "", ""},
		"nothing":                          {says(200, "text/html", ""), plain, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.server)
			t.Cleanup(server.Close)
			client := newClient(t, "")
			t.Cleanup(client.CloseIdleConnections)
			req, err := http.NewRequestWithContext(test.kind(t.Context()), http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := client.Do(req)
			var text []byte
			if err == nil {
				text, err = io.ReadAll(answer.Body)
				answer.Body.Close()
			}
			if len(text) > transport.MaxListing {
				t.Errorf("%d bytes are read", len(text))
			}
			if test.class == "" {
				if want := httptest.NewRecorder(); err == nil {
					test.server(want, req)
					if string(text) != want.Body.String() {
						t.Errorf("%d bytes are read, and %d were sent", len(text), want.Body.Len())
					}
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			if class := objstore.ClassOf(transport.ClassifyError(t.Context(), err)); class != test.class || !strings.Contains(fmt.Sprint(err), test.says) {
				t.Errorf("got %s, %v, want %s, %q", class, err, test.class, test.says)
			}
		})
	}
}

// TestTokensAreSmall has a token service that is asked in the middle of reading an object.
func TestTokensAreSmall(t *testing.T) {
	server := httptest.NewServer(endless(200))
	t.Cleanup(server.Close)
	client := newClient(t, "")
	recorded, _ := transport.Record(client)
	for name, c := range map[string]*http.Client{"for tokens": transport.ForTokens(client), "recorded": recorded} {
		req, err := http.NewRequestWithContext(transport.ExpectContent(t.Context()), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := c.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		if foreign := new(transport.AnswerError); !errors.As(err, &foreign) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	own := &http.Transport{}
	transport.BoundTokens(own)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := own.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if n, err := io.Copy(io.Discard, answer.Body); err == nil || n > 4*transport.MaxAnswer {
		t.Errorf("of a library: %d bytes are read, %v", n, err)
	}
}

// TestRefusalThatIsCut keeps what arrived of a refusal, and its status.
func TestRefusalThatIsCut(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "half")
	}))
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := newClient(t, "").Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusForbidden || string(text) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d, %q, %v", answer.StatusCode, text, err)
	}
}
