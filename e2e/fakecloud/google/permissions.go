package google

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
)

// Permissions of Cloud Storage, as https://cloud.google.com/storage/docs/access-control/iam-permissions has them.
const (
	createObject = "storage.objects.create"
	getObject    = "storage.objects.get"
	listObjects  = "storage.objects.list"
	updateObject = "storage.objects.update"
	deleteObject = "storage.objects.delete"
	getBucket    = "storage.buckets.get"
	createBucket = "storage.buckets.create"
	listBuckets  = "storage.buckets.list"
	changeBucket = "storage.buckets.update"
)

// roles are what can be granted for a bucket, of https://cloud.google.com/storage/docs/access-control/iam-roles.
var roles = map[string][]string{
	"roles/storage.objectCreator":      {createObject},
	"roles/storage.objectViewer":       {getObject, listObjects},
	"roles/storage.objectUser":         {createObject, getObject, listObjects, updateObject, deleteObject},
	"roles/storage.objectAdmin":        {createObject, getObject, listObjects, updateObject, deleteObject},
	"roles/storage.legacyBucketReader": {getBucket, listObjects},
	"roles/storage.admin": {
		createObject, getObject, listObjects, updateObject, deleteObject, getBucket, createBucket, listBuckets, changeBucket,
	},
}

// operation is what a request does: permissions by the group of the path that names the bucket. Group "" is the project.
type operation struct {
	methods string
	path    *regexp.Regexp
	needs   map[string]string
}

// operations are tried in order; a request that fits none is refused. Objects' names are one segment in the JSON API.
var operations = []operation{
	{"POST PUT DELETE", regexp.MustCompile(`^/(?:resumable/)?upload/storage/v1/b/(?P<bucket>[^/]+)/o/?$`), bucket(createObject)},
	// The session's address is a secret that only its creator was told.
	{"PUT POST DELETE", regexp.MustCompile(`^/upload/resumable/[^/]+$`), nil},
	{"GET", regexp.MustCompile(`^/download/storage/v1/b/(?P<bucket>[^/]+)/o/.+$`), bucket(getObject)},
	{"GET", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)/o/?$`), bucket(listObjects)},
	{"POST", regexp.MustCompile(`^/storage/v1/b/(?P<source>[^/]+)/o/[^/]+/(?:rewriteTo|copyTo)/b/(?P<bucket>[^/]+)/o/.+$`), map[string]string{"source": getObject, "bucket": createObject}},
	{"POST", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)/o/[^/]+/compose$`), bucket(createObject)},
	{"GET", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)/o/[^/]+$`), bucket(getObject)},
	{"PUT PATCH POST", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)/o/[^/]+$`), bucket(updateObject)},
	{"DELETE", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)/o/[^/]+$`), bucket(deleteObject)},
	{"GET", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)(?:/storageLayout)?$`), bucket(getBucket)},
	{"PUT PATCH POST DELETE", regexp.MustCompile(`^/storage/v1/b/(?P<bucket>[^/]+)$`), bucket(changeBucket)},
	{"POST", regexp.MustCompile(`^/storage/v1/b/?$`), map[string]string{"": createBucket}},
	{"GET", regexp.MustCompile(`^/storage/v1/b/?$`), map[string]string{"": listBuckets}},
	// The XML API.
	{"GET", regexp.MustCompile(`^/(?P<bucket>[^/]+)/?$`), bucket(listObjects)},
	{"GET", regexp.MustCompile(`^/(?P<bucket>[^/]+)/.+$`), bucket(getObject)},
	{"PUT POST", regexp.MustCompile(`^/(?P<bucket>[^/]+)/.+$`), bucket(createObject)},
	{"DELETE", regexp.MustCompile(`^/(?P<bucket>[^/]+)/.+$`), bucket(deleteObject)},
}

func bucket(permission string) map[string]string { return map[string]string{"bucket": permission} }

// need is a permission for a bucket.
type need struct{ bucket, permission string }

// needsOf returns what a request needs; ok is false for one that is not known.
func needsOf(method, path string) (needs []need, ok bool) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, o := range operations {
		match := o.path.FindStringSubmatch(path)
		if match == nil || !slices.Contains(strings.Fields(o.methods), method) {
			continue
		}
		for group, permission := range o.needs {
			n := need{permission: permission}
			if group != "" {
				name, err := url.PathUnescape(match[o.path.SubexpIndex(group)])
				if err != nil {
					return nil, false
				}
				n.bucket = name
			}
			needs = append(needs, n)
		}
		return needs, true
	}
	return nil, false
}

// may reports whether the principal has a role that holds the permission. For the project it must be one for all buckets.
func (t Tokens) may(principal string, n need) bool {
	return slices.ContainsFunc(t.Directory.BucketRoles(principal, n.bucket), func(role string) bool {
		return slices.Contains(roles[role], n.permission)
	})
}

// CheckRoles refuses roles that are not known here, which would grant nothing.
func CheckRoles(granted []directory.BucketRole) error {
	for _, g := range granted {
		if _, ok := roles[g.Role]; !ok {
			return fmt.Errorf("role %q of %s is not one of those known here: %s", g.Role, g.Principal, strings.Join(slices.Sorted(maps.Keys(roles)), ", "))
		}
	}
	return nil
}
