package profile

import (
	"cmp"
	"regexp"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// minRoleARN is the length below which boto3 (botocore 1.43 sts/2011-06-15/service-2.json) and aws-sdk-go v1.55.8
// (service/sts/api.go) send no request.
const minRoleARN = 20

// The CRD's rules. Other stores write names of their own where Amazon has the account, or leave it out: RGW and 17 digits, or
// a tenant (Ceph, doc/radosgw/account.rst), nothing (SeaweedFS 4.53, weed/iam/utils/arn_utils.go), another partition (MinIO),
// or another scheme (urn:osc:iam::ns1:role/x, Dell ObjectScale 1.3 Administration Guide).
var (
	isAmazonRole = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$`)
	isRole       = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9+=,.@_/-]*:[A-Za-z0-9+=,.@_:/-]+$`)
)

// checkRoleARN refuses what is no role of the store.
func (p *problems) checkRoleARN(field, arn string, s3 *v1alpha1.S3Store) {
	switch amazon := cmp.Or(s3.Preset, v1alpha1.PresetAWS) == v1alpha1.PresetAWS; {
	case arn == "":
		p.addInvalid(field, "is required, for example arn:aws:iam::111122223333:role/backup")
	case amazon && !isAmazonRole.MatchString(arn):
		p.addInvalid(field, "must be the ARN of an IAM role, for example arn:aws:iam::111122223333:role/backup: a role of another store needs that store's preset")
	case len(arn) < minRoleARN:
		p.addInvalid(field, "has fewer than %d characters, which the AWS SDKs refuse: give the role a longer name", minRoleARN)
	case !isRole.MatchString(arn):
		p.addInvalid(field, "must be the ARN of a role, for example arn:aws:iam::111122223333:role/backup")
	}
}
