//go:build !lighterman_image

package lightermancmd

import (
	"context"

	"lighterman.dev/lighterman/internal/crdrules"
	"lighterman.dev/lighterman/internal/manifest"
)

// checkRules returns what the API server would refuse an object for, by the schema and the rules of its kind; nil: it accepts the
// object, or the kind is none of the API's.
func checkRules(ctx context.Context, object *manifest.Object) error {
	rules, err := crdrules.ForKind(object.APIVersion, object.Kind)
	if err != nil || rules == nil {
		return err
	}
	problems, err := rules.Check(ctx, object.JSON)
	if err != nil {
		return err
	}
	return crdrules.Err(object.String(), problems)
}
