package azure

import (
	"context"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Protection looks at the container's immutability. Versioning is the storage account's, which only Azure Resource Manager
// describes; but Blob Storage returns an object's version where it is on: learn.microsoft.com/rest/api/storageservices/put-blob.
func (s *Store) Protection(ctx context.Context, probe objstore.Stored) []objstore.Protection {
	versioning := objstore.Protection{Name: "versioning", State: "on"}
	if probe.Version == "" {
		versioning.State = "off: a blob that is deleted or replaced is gone, unless soft delete is on, which cannot be seen from here"
	}
	lock := objstore.Protection{
		Name: "immutability", Permission: "Microsoft.Storage/storageAccounts/blobServices/containers/read, or a SAS token of the account",
	}
	out, err := s.currentClient().GetProperties(ctx, nil)
	if err != nil {
		lock.Err = wrapError(ctx, "look at", "the container", err)
		return []objstore.Protection{versioning, lock}
	}
	var has []string
	for _, state := range []struct {
		name string
		on   *bool
	}{
		{"of each version", out.IsImmutableStorageWithVersioningEnabled},
		{"a policy of the container", out.HasImmutabilityPolicy},
		{"a legal hold", out.HasLegalHold},
	} {
		if state.on != nil && *state.on {
			has = append(has, state.name)
		}
	}
	if lock.State = strings.Join(has, ", "); lock.State == "" {
		lock.State = "none"
	}
	if on := out.IsImmutableStorageWithVersioningEnabled; on == nil || !*on {
		lock.NoLock = "enable version-level immutability support on the container, or remove uploader.objectLock"
	}
	return []objstore.Protection{versioning, lock}
}
