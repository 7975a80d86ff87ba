package upload_test

import (
	"os"
	"path/filepath"
)

// notStored is how "uploader exec" ends when the command ended well, and its files are not stored.
const notStored = 74

func (p *pod) drainIsTooShort() {
	p.config.DrainTimeoutSeconds = 3
	p.slow()
	p.config.BandwidthLimit = p.size() / 2
	r := p.sidecar()
	p.write("small", p.data(1000))
	p.large("large", 8)
	p.stored("small")
	p.sent("large", 1)
	p.refused(r, "1 of 2 files not stored in time: large is not finished: raise spec.uploader.drainTimeoutSeconds")
	r.says("abort upload")
	p.absent("large")
	p.whole("small")
	p.nothingLeft()
}

func (p *pod) journalIsLost() {
	p.config.AfterUpload = "Delete"
	r := p.sidecar()
	p.write("deleted", p.data(1000))
	eventually(p, "the file is deleted", func() bool {
		_, err := os.Stat(p.path("deleted"))
		return os.IsNotExist(err)
	})
	p.large("large", 2)
	p.stored("large")
	r.kill()
	p.must(os.Remove(filepath.Join(p.config.Directory, "journal")))
	p.write("later", p.data(1000))
	p.drained(p.sidecar())
}

func (p *pod) wrappedCommandFails() {
	other := p.data(1000)
	p.occupy("dump", other)
	r := p.sidecar()
	wrapped := p.start("exec", "--directory", p.config.Directory, "--", "sh", "-c", "echo mine >"+p.path("dump"))
	if code := wrapped.code(); code != notStored {
		p.Errorf("the command ends with %d", code)
	}
	wrapped.says("dump: another object has the key")
	p.refused(r, "dump: another object has the key")
	p.files["dump"] = other
	p.whole("dump")
}

func (p *pod) sessionIsLost() {
	r := p.sidecar()
	wrapped := p.start("exec", "--directory", p.config.Directory, "--", "sh", "-c", "echo half >"+p.path("dump")+"; exec sleep 5")
	r.says(`"msg":"command started"`)
	wrapped.kill()
	r.says("command failed")
	p.refused(r, `the command of container "main" was lost`)
}
