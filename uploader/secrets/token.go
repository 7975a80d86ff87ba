package secrets

import (
	"fmt"
	"os"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
)

// projected is the remedy for the file of a token.
const projected = "the kubelet projects the token: look at the pod's volume lighterman-credentials"

// Token reads the service-account token in a file. A file that is missing, empty or no text is an error of class Misconfigured: no
// request can carry it. The text of the error does not show the token.
func Token(file string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // The kubelet wrote the volume.
	if err != nil {
		return "", objstore.AsMisconfigured(fmt.Errorf("read the service-account token: %w", err), projected)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", objstore.AsMisconfigured(fmt.Errorf("the service-account token %s is empty", file), projected)
	}
	if intruder := findIntruder(anyText, token); intruder != "" {
		err := fmt.Errorf("the service-account token %s has %s in it", file, intruder)
		return "", objstore.AsMisconfigured(err, projected)
	}
	return token, nil
}
