// Package azure is a store in a container of Azure Blob Storage.
//
// A part is a block. It goes with its CRC64, which the service compares before it keeps the block. A block's ID has the
// upload, the part's number and its CRC64: two uploads never mix their blocks, and a part that was sent again with other
// bytes never takes the place of the newer one, however late it arrives. The list of blocks is committed in one step, on the
// condition that the blob does not exist; Azure keeps no checksum of the whole.
//
// Azure cannot free the blocks of an aborted upload on request: it does so itself after a week without a new one, or once the
// blob is written. Metadata has underscores where the object's has dashes, because its names must be identifiers of C#.
//
// Permissions: the role Storage Blob Data Contributor, or a shared access signature with the permissions r, c, w, d and l;
// t for tags, i for immutability.
package azure
