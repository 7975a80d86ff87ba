package injector

import (
	"fmt"
	"strings"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader"
)

// outputFinder finds the containers whose standard output is the backup.
type outputFinder struct {
	*uploadRequest
	// eligible are the containers that may be meant, by name, and names is the list of them.
	eligible map[string]*target
	names    []string
	// outputs are the files that the standard outputs become, and files all of them.
	outputs map[*Container]string
	files   map[string]bool
}

// findOutputs returns the files that the standard outputs of containers become.
func findOutputs(u *uploadRequest, targets []target) (map[*Container]string, error) {
	f := outputFinder{
		uploadRequest: u, eligible: map[string]*target{}, outputs: map[*Container]string{}, files: map[string]bool{},
	}
	for i := range targets {
		if t := &targets[i]; t.list == "containers" {
			f.eligible[t.Name] = t
			f.names = append(f.names, t.Name)
		}
	}
	if u.reason != ReasonInvalidAnnotation { // A profile names one file.
		return f.outputs, f.addUnnamed(u.stdout, 1)
	}
	items := splitList(u.stdout)
	if len(items) > maxNames {
		return nil, Deny(u.reason, fmt.Sprintf("%s has %d files: name at most %d", u.field, len(items), maxNames))
	}
	for _, item := range items {
		container, file, named := strings.Cut(item, "=")
		err := error(nil)
		if named {
			err = f.addOutput(container, file)
		} else {
			err = f.addUnnamed(item, len(items))
		}
		if err != nil {
			return nil, err
		}
	}
	return f.outputs, nil
}

// addOutput adds a container and its file.
func (f *outputFinder) addOutput(container, file string) error {
	t := f.eligible[container]
	if t == nil {
		return Deny(ReasonUnknownContainer, fmt.Sprintf("%s: no container %s writes a backup in this pod: name one of %s",
			f.field, message.Quote(container), message.List(f.names)))
	}
	if why := uploader.StdoutProblem(file); why != "" {
		return Deny(f.reason, fmt.Sprintf("%s: the file of container %q %s", f.field, t.Name, why))
	}
	if f.outputs[t.Container] != "" || f.files[file] {
		return Deny(f.reason, fmt.Sprintf("%s names container %q or file %s twice: write each once",
			f.field, t.Name, message.Quote(file)))
	}
	if t.TTY {
		return Deny(ReasonNotSupported, fmt.Sprintf(
			"%s: container %q has tty: true, so its command would write for a terminal: remove %s.tty",
			f.field, t.Name, t.fieldPath()))
	}
	f.outputs[t.Container], f.files[file] = file, true
	return nil
}

// addUnnamed adds a file whose container is not named: the only one, or the one that an earlier pass found before another webhook
// added more. The file is one of so many.
func (f *outputFinder) addUnnamed(file string, files int) error {
	var wrapped []string
	for _, name := range f.names {
		if wrapperIndex(f.eligible[name].Command) >= 0 {
			wrapped = append(wrapped, name)
		}
	}
	switch {
	case files == 1 && len(f.names) == 1:
		return f.addOutput(f.names[0], file)
	case files == 1 && len(wrapped) == 1:
		return f.addOutput(wrapped[0], file)
	}
	return Deny(ReasonInvalidAnnotation, fmt.Sprintf(
		"%s is %s, and the pod has the containers %s: set annotation %s to CONTAINER=%s for the container whose standard output is the backup",
		f.field, message.Quote(f.stdout), message.List(f.names), AnnotationUploadStdout, message.Value(file)))
}
