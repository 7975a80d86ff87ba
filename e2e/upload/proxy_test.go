package upload_test

import (
	"strings"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// storeHost is a name of the stores that no DNS knows: the proxy alone reaches them by it.
const storeHost = "store.example"

// behind puts a proxy in front of the store, which the sidecar learns of by variables, and which alone knows where the store is.
func (p *pod) behind() *teststores.ForwardProxy {
	p.Helper()
	proxy := teststores.NewForwardProxy(p, p.address)
	_, port, _ := strings.Cut(p.address, ":")
	p.reach(storeHost + ":" + port)
	p.secrets = append(append([]string{}, p.secrets...), "HTTPS_PROXY="+proxy.URL, "NO_PROXY=localhost,.svc")
	return proxy
}

func (p *pod) proxyPassesOn() {
	proxy := p.behind()
	r := p.sidecar()
	p.large("large", 2)
	r.says(`"msg":"stored"`)
	p.drained(r)
	if proxy.Asked.Load() == 0 {
		p.Error("the proxy was not asked")
	}
}

// proxyRefuses has answers of a proxy that do not pass by themselves.
func (p *pod) proxyRefuses() {
	for status, cure := range map[int]string{
		407: "asks for a user and a password", 403: "spec.proxy.noProxy", 405: "spec.proxy.noProxy",
	} {
		proxy := p.behind()
		proxy.Status = status
		p.failsAtOnce("the proxy "+proxy.URL+" does not pass requests on to "+storeHost, cure)
		if n := proxy.Asked.Load(); n != 1 {
			p.Errorf("%d: the proxy was asked %d times", status, n)
		}
		d := p.start("doctor", "--patience=1s")
		if code := d.code(); code != 1 || !strings.Contains(d.text(), "FAIL  endpoint: reach https://"+storeHost) || strings.Count(d.text(), cure) != 2 {
			p.Errorf("%d: the doctor ends with %d: %s", status, code, d.text())
		}
	}
}

// proxyFails has a proxy that is not there, resets, or cannot reach the store.
func (p *pod) proxyFails() {
	for cure, fail := range map[string]func(*teststores.ForwardProxy){
		"no proxy answers at ":   (*teststores.ForwardProxy).Stop,
		"no proxy answers":       func(f *teststores.ForwardProxy) { f.Resets = true },
		"cannot reach the store": func(f *teststores.ForwardProxy) { f.Status = 502 },
	} {
		proxy := p.behind()
		fail(proxy)
		d := p.start("doctor", "--patience=1s")
		text := "the proxy " + proxy.URL
		if code := d.code(); code != 1 || !strings.Contains(d.text(), text) || !strings.Contains(d.text(), cure) {
			p.Errorf("%s: the doctor ends with %d: %s", cure, code, d.text())
		}
	}
	proxy := p.behind()
	proxy.Stop()
	if r := p.fails("the proxy "+proxy.URL, "no proxy answers at "+proxy.URL); !strings.Contains(r.text(), "retry request") {
		p.Error("the proxy is not asked again")
	}
}
