package fakecloud

import (
	"testing"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
)

// TrustRole lets a role of the S3 store be assumed by another under Amazon's names, with this external ID. The role must trust the
// same token as the other.
func (c *Cloud) TrustRole(tb testing.TB, roleARN, principal, externalID string) {
	tb.Helper()
	c.register(tb, directory.Entries{RoleTrusts: []directory.RoleTrust{{
		RoleARN: roleARN, Principal: principal, ExternalID: externalID,
	}}})
}
