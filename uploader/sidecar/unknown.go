package sidecar

import (
	"os"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/spool"
)

// maxOwners bounds how many owners of files are logged.
const maxOwners = 16

// reportSpool logs at the start what will not work with the spool, as far as that can be known before there are files.
func (s *sidecar) reportSpool() {
	owner, err := s.spool.Owner()
	if err != nil {
		s.Log.Warn("look at spool", "error", err)
		return
	}
	me := os.Geteuid()
	s.Log.Info("open spool", "spool", s.Config.Spool, "user", me, "ownerOfDirectory", owner.User)
	unknown := s.spool.WhyUnknown(owner.User)
	switch {
	case unknown == nil:
	case me == uploader.DefaultUser, s.spool.WhyUnknown(uint32(me)) != nil: //nolint:gosec // A user has 32 bits.
		s.reportUnknown("the writers of files may be unknown", unknown)
	}
}

// reportUnknownWriters logs, once for each owner, that the kernel does not say who has a file open.
func (l *loop) reportUnknownWriters(path string, f *spool.File) {
	owner, ok := f.Owner()
	if !ok || l.unknownOwners[owner.User] || len(l.unknownOwners) == maxOwners {
		return
	}
	l.unknownOwners[owner.User] = true
	l.Metrics.writersUnknown.Set(1)
	unknown := l.spool.WhyUnknown(owner.User)
	if unknown == nil {
		unknown = &spool.Unknown{
			Reason: "the file system of the spool does not say which files are open",
			Cure:   "let the spool be an emptyDir, or a volume that is a block device of the node",
		}
	}
	l.reportUnknown("the writers of a file are unknown", unknown, "path", path)
}

// reportUnknown logs why the writers of files are unknown, what follows, and what to do.
func (s *sidecar) reportUnknown(message string, u *spool.Unknown, args ...any) {
	effect := "such files are uploaded when the containers have ended"
	if s.Config.Upload == uploader.Stream {
		effect += ", and not while they grow"
	}
	if s.Config.AfterUpload == uploader.Delete {
		effect += ", and are not deleted before"
	}
	s.Log.Warn(message, append(args, "reason", u.Reason, "effect", effect, "cure", u.Cure)...)
}
