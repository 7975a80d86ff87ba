//go:build lighterman_image

package lightermancmd

import (
	"context"
	"errors"

	"lighterman.dev/lighterman/internal/manifest"
)

// checkRules refuses every object. The program of the image leaves out the library that evaluates the API's rules: the webhook, which
// the image is for, needs none of its 6 MB, and without the rules "lighterman inject" would render what the API server refuses.
func checkRules(context.Context, *manifest.Object) error {
	return errors.New("this program was built for the image of the webhook, without the rules of the API by which the API server " +
		"refuses profiles: use the command-line program, which is built without the tag lighterman_image")
}
