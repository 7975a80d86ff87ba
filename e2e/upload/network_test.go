package upload_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// down is long enough for several pauses. They grow to 30 seconds, so minutes differ from it by their number alone.
var down = flag.Duration("down", 10*time.Second, "how long the store is down in the middle of an upload")

// middle brings the sidecar to the middle of an upload.
func (p *pod) middle() *process {
	p.Helper()
	p.slow()
	r := p.sidecar()
	p.write("small", p.data(1000))
	p.large("large", 4)
	p.sent("large", 1)
	return r
}

func (p *pod) downInTheMiddle() {
	n := p.network()
	r := p.middle()
	n.Down()
	time.Sleep(*down)
	n.Up(p)
	p.drained(r)
}

func (p *pod) standsStill() {
	n := p.network()
	r := p.middle()
	n.Stall(p)
	time.Sleep(3 * time.Second)
	n.Heal(p)
	p.drained(r)
}

// fault lets the store answer everything so, as long as it is on.
func (p *pod) fault(what string) *atomic.Bool {
	var on atomic.Bool
	p.between(func(w http.ResponseWriter, _ *http.Request) bool {
		if !on.Load() {
			return false
		}
		p.answers[what].give(w)
		return true
	})
	return &on
}

func (p *pod) failsForAWhile() { p.heals(broken, "Transient") }

func (p *pod) deniedForAWhile() { p.heals(denied, "Denied") }

// heals has the store answer with a fault for a while in the middle of an upload.
func (p *pod) heals(what, class string) {
	p.Helper()
	fault := p.fault(what)
	r := p.middle()
	fault.Store(true)
	r.says(`"class":"` + class + `"`)
	time.Sleep(2 * time.Second)
	fault.Store(false)
	p.drained(r)
}

func (p *pod) deniedForGood() {
	p.config.DrainTimeoutSeconds = 5
	fault := p.fault(denied)
	r := p.middle()
	fault.Store(true)
	r.says(`"class":"Denied"`)
	p.refused(r, "files not stored in time: large: ", refusals[p.name])
	p.absent("large")
}

// cutInEachPart cuts the connection once in the middle of each part.
func (p *pod) cutInEachPart() {
	n := p.network()
	r := p.sidecar()
	n.Down() // New connections, that nothing has gone through.
	n.Up(p)
	n.Cut(p, p.size()/2)
	p.large("large", 4)
	for number := range 5 {
		r.says(fmt.Sprintf(`"request":"put part %d of `, number+1))
		if p.store.Limits().Sequential {
			n.Heal(p) // One part comes through each connection, and half of the next.
			n.Cut(p, p.size()*3/2)
		}
	}
	p.absent("large")
	n.Heal(p)
	p.drained(r)
}

func (p *pod) isThrottled() {
	var busy atomic.Bool
	busy.Store(true)
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !carries(r) || !busy.Load() {
			return false
		}
		w.Header().Set("Retry-After", "1")
		p.answers[slowDown].give(w)
		return true
	})
	r := p.sidecar()
	p.large("large", 4)
	r.says(`"class":"Throttled"`)
	p.absent("large")
	busy.Store(false)
	p.drained(r)
}

// flipped is a body that has one bit changed in the middle.
type flipped struct {
	io.ReadCloser

	at int64
}

func (f *flipped) Read(b []byte) (int, error) {
	n, err := f.ReadCloser.Read(b)
	if f.at >= 0 && f.at < int64(n) {
		b[f.at] ^= 1
	}
	f.at -= int64(n)
	return n, err
}

// flips changes what goes to the store, so many times.
func (p *pod) flips(times int64) {
	var done atomic.Int64
	p.between(func(_ http.ResponseWriter, r *http.Request) bool {
		if carries(r) && done.Add(1) <= times {
			r.Body = &flipped{r.Body, r.ContentLength / 2}
		}
		return false
	})
}

func (p *pod) bytesChangeOnce() {
	p.flips(2)
	r := p.sidecar()
	p.large("large", 3)
	p.drained(r)
}

func (p *pod) bytesChangeAlways() {
	p.flips(1 << 40)
	r := p.sidecar()
	p.write("small", p.data(1000))
	p.write("medium", p.data(p.size()/2))
	p.large("large", 2)
	p.refused(r, "2 of 3 files not stored", "large: ", "medium: ", "look for a proxy that changes requests")
	p.whole("small")
	p.absent("medium")
	p.absent("large")
	p.nothingLeft()
}

func (p *pod) mayOnlyWrite() {
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return false
		}
		p.answers[denied].give(w)
		return true
	})
	r := p.sidecar()
	p.write("small", p.data(1000))
	p.large("large", 2)
	r.says(`"msg":"read probe"`)
	p.drained(r)
}
