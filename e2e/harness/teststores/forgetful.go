package teststores

import (
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Forgetful is an S3 server of one bucket for more bytes than this machine has room for: it verifies the checksum of each part,
// keeps sizes and checksums, and of small objects their content. It checks no credential.
type Forgetful struct {
	Files

	// Endpoint is its URL.
	Endpoint string

	server  *httptest.Server
	mu      sync.Mutex
	objects map[string]forgotten
	uploads map[string]map[int]objstore.Part
	begun   int
}

// forgotten is an object of which little is kept.
type forgotten struct {
	size     int64
	sum      string
	content  []byte // nil: it was large
	modified time.Time
}

// rememberedSize is up to which size the content is kept.
const rememberedSize = 1 << 20

// NewForgetful starts a server over TLS that runs until the test ends.
func NewForgetful(tb testing.TB) *Forgetful {
	tb.Helper()
	f := &Forgetful{Files: Certificate(tb), objects: map[string]forgotten{}, uploads: map[string]map[int]objstore.Part{}}
	f.server = f.serve(tb, f)
	f.Endpoint = f.server.URL
	return f
}

// Size returns the size of an object; negative: there is none.
func (f *Forgetful) Size(key string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	for path, o := range f.objects {
		if strings.HasSuffix(path, "/"+key) {
			return o.size
		}
	}
	return -1
}

// Unfinished returns how many uploads have begun and not ended.
func (f *Forgetful) Unfinished() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.uploads)
}

// ServeHTTP implements http.Handler.
func (f *Forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	id := query.Get("uploadId")
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		f.begin(w)
	case r.Method == http.MethodPut && id != "":
		f.putPart(w, r, id, query.Get("partNumber"))
	case r.Method == http.MethodPost && id != "":
		f.complete(w, r, id)
	case r.Method == http.MethodDelete && id != "":
		f.locked(func() { delete(f.uploads, id) })
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		f.put(w, r)
	case r.Method == http.MethodDelete:
		f.locked(func() { delete(f.objects, r.URL.Path) })
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet && query.Has("uploads"):
		fmt.Fprint(w, "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>")
	case r.Method == http.MethodGet && query.Has("list-type"):
		fmt.Fprint(w, "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
	default:
		f.get(w, r)
	}
}

func (f *Forgetful) locked(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

func (f *Forgetful) begin(w http.ResponseWriter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begun++
	id := strconv.Itoa(f.begun)
	f.uploads[id] = map[int]objstore.Part{}
	fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
}

// receive reads a body, compares its checksum with the one that came with it, and returns the beginning of it.
func receive(w http.ResponseWriter, r *http.Request) (part objstore.Part, beginning []byte, ok bool) {
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	beginning, err := io.ReadAll(io.LimitReader(io.TeeReader(r.Body, h), rememberedSize))
	size := int64(len(beginning))
	if err == nil {
		var rest int64
		rest, err = io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r.Body}, make([]byte, 256<<10))
		size += rest
	}
	sum := checksum.Sum(objstore.CRC32C, h)
	if sent := r.Header.Get("X-Amz-Checksum-Crc32c"); err != nil || sent != sum.Value {
		refuse(w, http.StatusBadRequest, "BadDigest", fmt.Sprintf("%d bytes have %s, and %q was sent: %v", size, sum.Value, sent, err))
		return part, nil, false
	}
	w.Header().Set("ETag", `"x"`)
	w.Header().Set("X-Amz-Checksum-Crc32c", sum.Value)
	return objstore.Part{Size: size, Sum: sum}, beginning, true
}

func refuse(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	answer, _ := xml.Marshal(struct { // Texts can be marshalled.
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: text})
	_, _ = w.Write(answer)
}

func (f *Forgetful) putPart(w http.ResponseWriter, r *http.Request, id, number string) {
	part, _, ok := receive(w, r)
	n, err := strconv.Atoi(number)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch parts, known := f.uploads[id]; {
	case err != nil || n < 1 || n > 10_000:
		refuse(w, http.StatusBadRequest, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
	case !known:
		refuse(w, http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist.")
	default:
		part.Number = n
		parts[n] = part
	}
}

// complete makes an object of the parts, whose numbers must be without a gap. All but the last have 5 MiB at least.
func (f *Forgetful) complete(w http.ResponseWriter, r *http.Request, id string) {
	_, _ = io.Copy(io.Discard, r.Body) // The numbers alone count.
	f.mu.Lock()
	defer f.mu.Unlock()
	parts, known := f.uploads[id]
	if !known {
		refuse(w, http.StatusNotFound, "NoSuchUpload", "The specified upload does not exist.")
		return
	}
	if _, taken := f.objects[r.URL.Path]; taken && r.Header.Get("If-None-Match") == "*" {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "The key is taken.")
		return
	}
	var list []objstore.Part
	o := forgotten{modified: time.Now()}
	for _, number := range slices.Sorted(maps.Keys(parts)) {
		if number != len(list)+1 || (number < len(parts) && parts[number].Size < 5<<20) {
			refuse(w, http.StatusBadRequest, "InvalidPart", fmt.Sprintf("part %d of %d", number, len(parts)))
			return
		}
		list = append(list, parts[number])
		o.size += parts[number].Size
	}
	o.sum = checksum.Combine(list).Value
	f.objects[r.URL.Path] = o
	delete(f.uploads, id)
	fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>&quot;x&quot;</ETag><ChecksumCRC32C>%s</ChecksumCRC32C>"+
		"<ChecksumType>FULL_OBJECT</ChecksumType></CompleteMultipartUploadResult>", o.sum)
}

func (f *Forgetful) put(w http.ResponseWriter, r *http.Request) {
	whole, content, ok := receive(w, r)
	if !ok {
		return
	}
	if whole.Size > int64(len(content)) {
		content = nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, taken := f.objects[r.URL.Path]; taken && r.Header.Get("If-None-Match") == "*" {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed", "The key is taken.")
		return
	}
	f.objects[r.URL.Path] = forgotten{whole.Size, whole.Sum.Value, content, time.Now()}
}

func (f *Forgetful) get(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	o, ok := f.objects[r.URL.Path]
	f.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	w.Header().Set("ETag", `"x"`)
	w.Header().Set("X-Amz-Checksum-Crc32c", o.sum)
	w.Header().Set("X-Amz-Checksum-Type", "FULL_OBJECT")
	w.Header().Set("Last-Modified", o.modified.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
	if r.Method == http.MethodGet {
		_, _ = w.Write(o.content) // A large one is cut off: nobody is to read it.
	}
}
