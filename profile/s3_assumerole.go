package profile

import (
	"cmp"
	"regexp"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// assumedRole returns the role that the profile's first role assumes; nil: it assumes none.
func assumedRole(spec *v1alpha1.CredentialProfileSpec) *v1alpha1.S3AssumeRole {
	if spec.S3 == nil || spec.S3.Auth.WebIdentity == nil {
		return nil
	}
	return spec.S3.Auth.WebIdentity.AssumeRole
}

// assumesRole reports whether programs act as a role that the profile's first role assumes.
func (r *Resolved) assumesRole() bool { return assumedRole(r.Spec) != nil }

// The CRD's rules, which are those of docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html. None of the characters means
// anything in a configuration file.
var (
	isExternalID  = regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]{2,}$`)
	isSessionName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
)

const maxExternalID = 1224

const assumeRoleField = "spec.s3.auth.webIdentity.assumeRole"

// checkAssumedRole refuses a second role that cannot be assumed, or cannot be written into a configuration file. Partitions:
// docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_cross_partition.html.
func (p *problems) checkAssumedRole(s *v1alpha1.CredentialProfileSpec) {
	second := assumedRole(s)
	if second == nil {
		return
	}
	first := s.S3.Auth.WebIdentity.RoleARN
	p.checkRoleARN(assumeRoleField+".roleARN", second.RoleARN, s.S3)
	if isAmazonRole.MatchString(first) && isAmazonRole.MatchString(second.RoleARN) &&
		partitionOf(first) != partitionOf(second.RoleARN) {
		p.addInvalid(assumeRoleField+".roleARN", "is a role of partition %s, and webIdentity.roleARN one of %s: no role assumes one of another partition",
			partitionOf(second.RoleARN), partitionOf(first))
	}
	if id := second.ExternalID; id != "" && (!isExternalID.MatchString(id) || len(id) > maxExternalID) {
		p.addInvalid(assumeRoleField+".externalID", "must have 2 to %d letters, digits and _ + = , . @ : / -", maxExternalID)
	}
	if second.SessionName != "" && !isSessionName.MatchString(second.SessionName) {
		p.addInvalid(assumeRoleField+".sessionName", "must have 2 to 64 letters, digits and _ + = , . @ -")
	}
}

// partitionOf returns the partition of Amazon that an ARN is of.
func partitionOf(arn string) string {
	_, rest, _ := strings.Cut(arn, ":")
	partition, _, _ := strings.Cut(rest, ":")
	return partition
}

// firstProfile is the section of the configuration file with the first role.
const firstProfile = "lighterman-first"

// chainConfig is the configuration file of a role that another assumes, which is not secret. Its first section is the one that the
// SDKs, and tools that choose one of their own, read without AWS_PROFILE. The address of the token service is in variables, as it is
// for one role (aws-sdk-go-v2 config v1.33.18 shared_config.go, aws-sdk-go v1.55.8 session/shared_config.go, botocore 1.43
// credentials.py AssumeRoleProvider).
var chainConfig = ConfigFile{
	Annotation: AnnotationAWSConfig,
	isNeeded:   func(s *v1alpha1.CredentialProfileSpec) bool { return assumedRole(s) != nil },
	text: func(e *Environment) (string, error) {
		second := assumedRole(e.Spec)
		var b strings.Builder
		line := func(key, value string) {
			if value != "" {
				b.WriteString(key + " = " + value + "\n")
			}
		}
		b.WriteString("[default]\n")
		line("role_arn", second.RoleARN)
		line("source_profile", firstProfile)
		line("role_session_name", second.SessionName)
		line("external_id", second.ExternalID)
		b.WriteString("[profile " + firstProfile + "]\n")
		line("role_arn", e.Spec.S3.Auth.WebIdentity.RoleARN)
		line("web_identity_token_file", e.Files.Token)
		return b.String(), nil
	},
}

// addRoles adds the variables by which programs find the profile's role, or its two roles. In front of a configuration file the Go SDKs
// take AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE, which would be the first role alone.
func addRoles(e *Environment) {
	if !e.assumesRole() {
		addFirstRole(e)
		return
	}
	e.addVar("AWS_CONFIG_FILE", e.Files.Credentials, groupIdentity)
	// aws-sdk-go v1 reads no configuration file without it.
	e.addVar("AWS_SDK_LOAD_CONFIG", "1", groupSharedConfig|groupIdentity)
}

func addFirstRole(e *Environment) {
	e.addVar("AWS_ROLE_ARN", e.Spec.S3.Auth.WebIdentity.RoleARN, groupIdentity)
	e.addVar("AWS_WEB_IDENTITY_TOKEN_FILE", e.Files.Token, groupIdentity)
}

// Rank returns the place of the profile's credential among those that programs look for; see Mode.Rank. The Go SDKs look for a
// configuration file behind AWS_ROLE_ARN, and botocore in front of it: programs act as one only where there is none.
func (r *Resolved) Rank() int {
	if r.assumesRole() {
		return rankFile
	}
	return r.Mode.Rank
}

// chainCell is how a tool takes a role that another assumes. The zero value: it reads the configuration file as botocore does.
type chainCell struct {
	// unsupportedReason is why it cannot, and what to use instead.
	unsupportedReason string
	// env adds what the tool reads instead, or records what it needs; nil: nothing.
	env func(*Environment)
}

// roleConflict gathers which tool needs the first role in AWS_ROLE_ARN, and which takes that in front of the configuration file.
type roleConflict struct{ needs, takes v1alpha1.Tool }

// chainOfGoSDK is for tools with an AWS SDK for Go.
var chainOfGoSDK = chainCell{env: func(e *Environment) { e.roles.takes = cmp.Or(e.roles.takes, e.tool) }}

// oneRole is for tools that know one role and no configuration file.
func oneRole(why string) chainCell {
	return chainCell{unsupportedReason: why + ": leave webIdentity.assumeRole out, and let the bucket's policy allow the first role"}
}
