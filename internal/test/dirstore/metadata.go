package dirstore

import (
	"os"

	"golang.org/x/sys/unix"
)

// attribute holds an object's metadata.
const attribute = "user.lighterman.metadata"

// setMetadata keeps metadata where the file system can: without it the object is still whole.
func setMetadata(f *os.File, metadata map[string]string) {
	if len(metadata) > 0 {
		_ = unix.Fsetxattr(int(f.Fd()), attribute, encodeMetadata(metadata), 0)
	}
}

func metadataOf(f *os.File) map[string]string {
	buffer := make([]byte, 64<<10) // The most that Linux keeps in an attribute.
	n, err := unix.Fgetxattr(int(f.Fd()), attribute, buffer)
	if err != nil {
		return nil
	}
	return decodeMetadata(buffer[:n])
}
