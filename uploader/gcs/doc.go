// Package gcs is a store in a bucket of Google Cloud Storage, over its JSON API and HTTP. Google's own library for it brings
// gRPC, which doubles the size of the program; its library for the REST API keeps 16 MiB of each upload in memory and hides
// the session by which a restarted sidecar goes on.
//
// An upload in parts is a resumable one: its session's URL is the upload's ID, its parts go in order, each a multiple of
// 256 KiB. What the last part has beyond that is kept in memory for Complete, because the request with the last byte makes the
// object visible; after a restart between the two the upload is begun again. After an error the session is asked how far it
// has come. The last request carries the CRC32C of the whole, made of the parts' own: Google compares, and an object of
// other bytes does not become visible. Its answer is compared once more.
//
// Permissions: the role Storage Object User (roles/storage.objectUser); storage.objects.setRetention for object lock.
package gcs
