package profilestatus

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

func TestSetStatus(t *testing.T) {
	t.Parallel()
	webIdentity := v1alpha1.S3Auth{WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: "arn:aws:iam::111122223333:role/x"}}
	tests := map[string]struct {
		spec        v1alpha1.CredentialProfileSpec
		cluster     profile.Cluster
		clusterWide bool
		want        metav1.ConditionStatus
		reason      string
		message     string
	}{
		"accepted": {
			spec: v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: webIdentity}},
			want: metav1.ConditionTrue, reason: v1alpha1.ReasonAccepted, message: "Pods can be injected with the profile. Note.",
		},
		"accepted with a warning": {
			spec: v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{Bucket: "b", Region: "mars-north-1", Auth: webIdentity}},
			want: metav1.ConditionTrue, reason: v1alpha1.ReasonAccepted, message: "Note. Warning: spec.s3.region: mars-north-1 is in no partition",
		},
		"accepted with the preset's region": {
			spec: v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
				Bucket: "b", Preset: "MinIO", Endpoint: "https://minio.storage.svc:9000", Auth: v1alpha1.S3Auth{WebIdentity: &v1alpha1.S3WebIdentity{
					RoleARN: "arn:minio:iam:::role/backup", STSEndpoint: "https://minio.storage.svc:9000",
				}},
			}},
			want: metav1.ConditionTrue, reason: v1alpha1.ReasonAccepted, message: "Note. Requests are signed for region us-east-1, the default of preset MinIO.",
		},
		"accepted with an archive that workloads share": {
			spec: v1alpha1.CredentialProfileSpec{
				S3:    &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: webIdentity},
				Tools: []v1alpha1.Tool{"wal-g"},
			},
			clusterWide: true,
			want:        metav1.ConditionTrue, reason: v1alpha1.ReasonAccepted, message: "add {namespace}/{workload} to it",
		},
		"not supported here": {
			spec: v1alpha1.CredentialProfileSpec{
				S3:             &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: webIdentity},
				ServiceAccount: &v1alpha1.ServiceAccountSettings{Annotate: v1alpha1.AnnotateAlways},
			},
			cluster: profile.Cluster{NoServiceAccountAnnotations: true},
			want:    metav1.ConditionFalse, reason: v1alpha1.ReasonNotSupported, message: "spec.serviceAccount.annotate: ",
		},
		"invalid": {
			spec: v1alpha1.CredentialProfileSpec{
				S3:       &v1alpha1.S3Store{Bucket: "b", Region: "eu-west-1", Auth: webIdentity},
				Uploader: &v1alpha1.Uploader{Path: "/backup", Key: "constant"},
			},
			want: metav1.ConditionFalse, reason: v1alpha1.ReasonInvalid, message: "spec.uploader.key: ",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var status v1alpha1.ProfileStatus
			setStatus(&status, &test.spec, test.cluster, 7, test.clusterWide, " Note.")
			c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAccepted)
			if c == nil || c.Status != test.want || c.Reason != test.reason || !strings.Contains(c.Message, test.message) ||
				c.ObservedGeneration != 7 || status.ObservedGeneration != 7 {
				t.Fatalf("got %+v", status)
			}
			if status.Store != "s3://b" || status.Auth != "webIdentity" {
				t.Errorf("store %q, auth %q", status.Store, status.Auth)
			}
			// The same again changes nothing, the time of the transition neither: else the controller would write without end.
			status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(1, 0))
			setStatus(&status, &test.spec, test.cluster, 7, test.clusterWide, " Note.")
			if !status.Conditions[0].LastTransitionTime.Equal(&metav1.Time{Time: time.Unix(1, 0)}) || len(status.Conditions) != 1 {
				t.Errorf("again: %+v", status)
			}
		})
	}
}
