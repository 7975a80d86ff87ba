package profile_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// TestCheckUploader has a fault in each field of the uploader that no pod decides on. The CRD refuses most of them too, but
// a profile may come from a file.
func TestCheckUploader(t *testing.T) {
	for want, change := range map[string]func(*v1alpha1.Uploader){
		`spec.uploader.path: is "backup": write an absolute path`:                       func(u *v1alpha1.Uploader) { u.Path = "backup" },
		`spec.uploader.upload: is "Never": write OnClose or Stream`:                     func(u *v1alpha1.Uploader) { u.Upload = "Never" },
		`spec.uploader.include[1]: is "[": write a pattern of paths`:                    func(u *v1alpha1.Uploader) { u.Include = []string{"*.dump", "["} },
		`spec.uploader.exclude[0]: is "{a": write a pattern of paths`:                   func(u *v1alpha1.Uploader) { u.Exclude = []string{"{a"} },
		`spec.uploader.key: is "{pid}/{path}", with a placeholder that does not exist`:  func(u *v1alpha1.Uploader) { u.Key = "{pid}/{path}" },
		`spec.uploader.key: is "all", with {path} 0 times: write it once`:               func(u *v1alpha1.Uploader) { u.Key = "all" },
		`spec.uploader.completion: is "Hope": write Drain or Wrap`:                      func(u *v1alpha1.Uploader) { u.Completion = "Hope" },
		`spec.uploader.drainTimeoutSeconds: is 604801: write a number from 1 to 604800`: func(u *v1alpha1.Uploader) { u.DrainTimeoutSeconds = new(int64(604801)) },
		`spec.uploader.afterUpload: is "Burn": write Keep or Delete`:                    func(u *v1alpha1.Uploader) { u.AfterUpload = "Burn" },
		`spec.uploader.partSizeMiB: is 5121: write a number from 1 to 5120`:             func(u *v1alpha1.Uploader) { u.PartSizeMiB = new(int32(5121)) },
		`spec.uploader.concurrency: is 65: write a number from 1 to 64`:                 func(u *v1alpha1.Uploader) { u.Concurrency = new(int32(65)) },
		`spec.uploader.metricsPort: is 65536: write a port from 1 to 65535`:             func(u *v1alpha1.Uploader) { u.MetricsPort = new(int32(65536)) },
		`spec.uploader.bandwidthLimit: is -1: write the bytes per second`:               func(u *v1alpha1.Uploader) { u.BandwidthLimit = new(resource.MustParse("-1")) },
		`spec.uploader.storageClass: is "\x00": write text in UTF-8, without NUL`:       func(u *v1alpha1.Uploader) { u.StorageClass = "\x00" },
		`spec.uploader.sse.algorithm: is "ROT13": write AES256 or KMS`:                  func(u *v1alpha1.Uploader) { u.SSE = &v1alpha1.SSE{Algorithm: "ROT13"} },
		`spec.uploader.sse.kmsKeyID: names a key of the KMS: set sse.algorithm to KMS`:  func(u *v1alpha1.Uploader) { u.SSE = &v1alpha1.SSE{Algorithm: "AES256", KMSKeyID: "k"} },
		`spec.uploader.objectLock.mode: is "Legal": write Governance or Compliance`:     func(u *v1alpha1.Uploader) { u.ObjectLock = &v1alpha1.ObjectLock{Mode: "Legal", Days: 1} },
		`spec.uploader.objectLock.days: is 0: write a number from 1 to 36500`:           func(u *v1alpha1.Uploader) { u.ObjectLock = &v1alpha1.ObjectLock{Mode: "Governance"} },
		"spec.uploader.tags.team: is \"\\xff\": write text in UTF-8":                    func(u *v1alpha1.Uploader) { u.Tags = map[string]string{"team": "\xff"} },
	} {
		spec := v1alpha1.CredentialProfileSpec{
			S3:       &v1alpha1.S3Store{Bucket: "pg-backups", Region: "eu-west-1", Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}},
			Uploader: &v1alpha1.Uploader{Path: "/backup"},
		}
		if problems := profile.Check(&spec, profile.Cluster{}); len(problems) > 0 {
			t.Fatalf("without a fault: %+v", problems)
		}
		change(spec.Uploader)
		problems := profile.Check(&spec, profile.Cluster{})
		if !slices.ContainsFunc(problems, func(p profile.Problem) bool { return strings.HasPrefix(p.String(), want) }) {
			t.Errorf("%s\nis not in %+v", want, problems)
		}
	}
}

// TestCheckUploaderPaths takes every path that the uploader can work with.
func TestCheckUploaderPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/backup": "", "/store": "", "/store/below": "", "/spool": "", "": "",
		"backup": "spec.uploader.path: ", "/": "spec.uploader.path: ", "/a/../b": "spec.uploader.path: ",
	} {
		spec := v1alpha1.CredentialProfileSpec{
			S3:       &v1alpha1.S3Store{Bucket: "pg-backups", Region: "eu-west-1", Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}},
			Uploader: &v1alpha1.Uploader{Path: path},
		}
		problems := profile.Check(&spec, profile.Cluster{})
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || !strings.HasPrefix(problems[0].String(), want)) {
			t.Errorf("path %q: got %+v, want %q", path, problems, want)
		}
	}
}
