package session

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// pipeSize is how much a pipe holds, where the kernel permits it: a command then waits less often for the sidecar. It is
// the most that Linux permits to an unprivileged user, /proc/sys/fs/pipe-max-size, pipe(7).
const pipeSize = 1 << 20

// outputPipe is the pipe into which a command writes its standard output.
type outputPipe struct{ read, write *os.File }

func newOutputPipe() (*outputPipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make the pipe of the standard output: %w", err)
	}
	enlargePipe(w, pipeSize)
	// The command expects that writing waits.
	if err := syscall.SetNonblock(int(w.Fd()), false); err != nil {
		return nil, errors.Join(fmt.Errorf("make the pipe of the standard output: %w", err), r.Close(), w.Close())
	}
	return &outputPipe{r, w}, nil
}

// close closes what is still open of both ends.
func (p *outputPipe) close() {
	_ = p.read.Close() // It may be closed already.
	_ = p.write.Close()
}

// sendDescriptor sends a line with the descriptor of a file. The receiver has a descriptor of its own then, unix(7).
func sendDescriptor(c *net.UnixConn, line []byte, f *os.File) error {
	n, _, err := c.WriteMsgUnix(line, syscall.UnixRights(int(f.Fd())), nil)
	if err == nil && n < len(line) {
		err = fmt.Errorf("%d of %d bytes were sent", n, len(line))
	}
	return err
}

// maxDescriptors bounds the descriptors that are received at a time. The kernel closes those for which there is no room.
const maxDescriptors = 8

// receiveDescriptors reads from a connection. Descriptors that come with the bytes are closed when a program is executed.
func receiveDescriptors(c *net.UnixConn, p, control []byte) (n int, received []int, err error) {
	n, length, _, _, err := c.ReadMsgUnix(p, control)
	messages, parseErr := syscall.ParseSocketControlMessage(control[:length])
	if parseErr != nil {
		return n, nil, errors.Join(err, parseErr)
	}
	for _, m := range messages {
		if descriptors, rightsErr := syscall.ParseUnixRights(&m); rightsErr == nil {
			received = append(received, descriptors...)
		}
	}
	return n, received, err
}

// controlSize is the room for maxDescriptors, of four bytes each.
func controlSize() int { return syscall.CmsgSpace(4 * maxDescriptors) }

// errNoPipe is the error of a descriptor that is not the read end of a pipe.
var errNoPipe = errors.New("what was passed is not a pipe that can be read")

// openPipe returns the file of a received descriptor, and takes it over. A container could pass anything: only a pipe that
// is open for reading alone is accepted, for of one that is open for writing too, no end would ever be read.
func openPipe(descriptor int) (*os.File, error) {
	var stat syscall.Stat_t
	if err := syscall.Fstat(descriptor, &stat); err != nil || stat.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, errors.Join(errNoPipe, err, syscall.Close(descriptor))
	}
	mode, err := accessMode(descriptor)
	if err != nil || mode != syscall.O_RDONLY {
		return nil, errors.Join(errNoPipe, err, syscall.Close(descriptor))
	}
	// Closing the file must end a read that waits.
	if err := syscall.SetNonblock(descriptor, true); err != nil {
		return nil, errors.Join(err, syscall.Close(descriptor))
	}
	return os.NewFile(uintptr(descriptor), "standard output"), nil
}
