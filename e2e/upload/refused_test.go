package upload_test

import (
	"net/http"
	"sync/atomic"
	"time"
)

// refusing has the store refuse content before it has read it, as long as there is an answer. It counts the requests that
// were refused.
func (p *pod) refusing(a answer) (on *atomic.Bool, times *atomic.Int64) {
	p.Helper()
	on, times = &atomic.Bool{}, &atomic.Int64{}
	on.Store(true)
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if !on.Load() || !carries(r) {
			return false
		}
		times.Add(1)
		a.refuse(p, w)
		return true
	})
	return on, times
}

// takenEarly writes a file whose key is taken, to a store that refuses it so. What was found is found again at once when the
// pod ends.
func (p *pod) takenEarly(a answer) {
	other := p.data(p.size() / 2)
	p.occupy("dump", other)
	_, times := p.refusing(a)
	r := p.sidecar()
	p.write("dump", p.data(p.size()/2))
	r.says(`"msg":"not stored"`)
	began := time.Now()
	p.refused(r, "1 of 1 files not stored: dump: another object has the key")
	if took := time.Since(began); took > 30*time.Second {
		p.Errorf("the drain took %s", took)
	}
	if n := times.Load(); n != 1 {
		p.Errorf("the file was sent %d times", n)
	}
	p.files["dump"] = other
	p.whole("dump")
}

func (p *pod) keyIsTakenEarly() { p.takenEarly(p.answers[taken]) }

func (p *pod) answerIsLost() { p.takenEarly(noAnswer) }

func (p *pod) bodyIsTooLarge() {
	_, times := p.refusing(p.answers[tooLarge])
	r := p.sidecar()
	p.write("dump", p.data(p.size()/2))
	p.large("large", 2)
	r.says(`"class":"Invalid"`)
	began := time.Now()
	p.refused(r, "2 of 2 files not stored: ", "the store refuses what is asked")
	if took := time.Since(began); took > 30*time.Second {
		p.Errorf("the drain took %s", took)
	}
	if n := times.Load(); n > 20 {
		p.Errorf("content was sent %d times", n)
	}
}

func (p *pod) deniedEarly() { p.healsEarly(denied, "Denied") }

func (p *pod) busyEarly() { p.healsEarly(busy, "") }

// healsEarly has the store refuse content for a while.
func (p *pod) healsEarly(what, class string) {
	on, _ := p.refusing(p.answers[what])
	r := p.sidecar()
	p.write("dump", p.data(p.size()/2))
	p.large("large", 2)
	r.says(`"class":"` + class)
	time.Sleep(2 * time.Second)
	on.Store(false)
	p.drained(r)
}
