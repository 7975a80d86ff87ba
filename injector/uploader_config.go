package injector

import (
	"fmt"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// configure writes the sidecar's configuration: the profile in the uploader's words.
func (p *plan) configure() error {
	u := p.upload
	_, prefix := p.store.place(p.spec)
	c := uploaderConfig(&u.spec)
	c.Spool, c.Profile, c.Prefix, c.CAFile = u.path, p.profile.Kind+" "+p.profile.String(), prefix, p.files.ca
	c.Completion, c.DrainTimeoutSeconds = u.completion(), u.drainTimeout()
	p.store.upload(&p.environment, &c)
	if problems := c.Check(); len(problems) > 0 {
		return Deny(ReasonInvalidProfile, fmt.Sprintf("%s %s: spec.uploader: %s", p.profile.Kind, p.profile, joinProblems(problems)))
	}
	// The kubelet takes two dollar signs for one, and reads no reference: k8s.io/kubernetes v1.37
	// third_party/forked/golang/expansion/expand.go.
	u.config = strings.ReplaceAll(c.String(), "$", "$$")
	return nil
}

// uploaderConfig is what a profile says of the uploader and of no pod. What the API server fills in is filled in here too: a
// profile from a file gives the same.
func uploaderConfig(spec *v1alpha1.Uploader) uploader.Config {
	c := uploader.Config{
		Upload:       uploader.UploadMode(or(spec.Upload, string(uploader.OnClose))),
		Include:      spec.Include,
		Exclude:      spec.Exclude,
		Key:          or(spec.Key, uploader.DefaultKey),
		Overwrite:    spec.Overwrite,
		AfterUpload:  uploader.AfterUpload(or(spec.AfterUpload, string(uploader.Keep))),
		StorageClass: spec.StorageClass,
		Tags:         spec.Tags,
	}
	if spec.PartSizeMiB != nil {
		c.PartSizeMiB = int64(*spec.PartSizeMiB)
	}
	if spec.Concurrency != nil {
		c.Concurrency = int(*spec.Concurrency)
	}
	if spec.BandwidthLimit != nil {
		c.BandwidthLimit = spec.BandwidthLimit.Value()
	}
	if spec.SSE != nil {
		c.SSE = &uploader.SSE{Algorithm: spec.SSE.Algorithm, KMSKeyID: spec.SSE.KMSKeyID}
	}
	if spec.ObjectLock != nil {
		c.ObjectLock = &uploader.ObjectLock{Mode: spec.ObjectLock.Mode, Days: int(spec.ObjectLock.Days)}
	}
	return c
}

// checkUploader finds what the uploader would refuse, before there is a pod.
func (p *problems) checkUploader(spec *v1alpha1.Uploader) {
	if spec == nil {
		return
	}
	c := uploaderConfig(spec)
	// What a pod may decide.
	c.Spool = or(spec.Path, "/spool")
	c.Completion = uploader.Completion(spec.Completion)
	if spec.DrainTimeoutSeconds != nil {
		c.DrainTimeoutSeconds = *spec.DrainTimeoutSeconds
	}
	if spec.Identity != "" && spec.Identity != identityOfUploader && spec.Identity != identityOfContainers {
		p.invalid("spec.uploader.identity: is %q: write %s or %s", spec.Identity, identityOfUploader, identityOfContainers)
	}
	if port := spec.MetricsPort; port != nil && (*port < 1 || *port > 65535) {
		p.invalid("spec.uploader.metricsPort: is %d: write a port from 1 to 65535, or leave it out for no metrics", *port)
	}
	for _, problem := range c.CheckSettings() {
		if problem.Field == "spool" {
			problem.Field = "path" // The profile's own word.
		}
		p.invalid("spec.uploader.%s", problem)
	}
}

// joinProblems writes problems into one line.
func joinProblems(problems []uploader.Problem) string {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return strings.Join(texts, "; ")
}

// auth is the identity in the uploader's words: the mode, its files, and what the mode's row adds.
func (e *environment) auth() uploader.Auth {
	a := uploader.Auth{Mode: e.mode.name, TokenFile: e.files.token, File: e.files.credentials, SecretsDirectory: e.files.keys}
	if e.mode.upload != nil {
		e.mode.upload(e.spec, &a)
	}
	return a
}

func s3Upload(e *environment, c *uploader.Config) {
	where := e.s3Location()
	c.S3 = &uploader.S3{
		Bucket: e.spec.S3.Bucket, Region: where.region, Endpoint: where.endpoint, ForcePathStyle: where.pathStyle,
		Checksums: string(where.checksums), Auth: e.auth(),
	}
}

func azureUpload(e *environment, c *uploader.Config) {
	az := e.spec.Azure
	c.Azure = &uploader.Azure{
		Account: az.StorageAccount, Container: az.Container, Endpoint: az.Endpoint, Cloud: string(cloudOf(az).name),
		Auth: e.auth(),
	}
}

func gcsUpload(e *environment, c *uploader.Config) {
	gcs := e.spec.GCS
	c.GCS = &uploader.GCS{Bucket: gcs.Bucket, ProjectID: gcs.ProjectID, Endpoint: gcs.Endpoint, Auth: e.auth()}
}

// completion is the completion of the pod's annotation or the profile.
func (u *upload) completion() uploader.Completion {
	if u.wrap {
		return uploader.Wrap
	}
	return uploader.Drain
}

// drainTimeout is in seconds.
func (p *plan) drainTimeout() int64 { return p.upload.drainTimeout() }

func (u *upload) drainTimeout() int64 {
	if seconds := u.spec.DrainTimeoutSeconds; seconds != nil {
		return *seconds
	}
	return 600
}

// What the rows of the auth modes add to uploader.Auth.

func webIdentityUpload(s *v1alpha1.CredentialProfileSpec, a *uploader.Auth) {
	a.RoleARN, a.STSEndpoint = s.S3.Auth.WebIdentity.RoleARN, s.S3.Auth.WebIdentity.STSEndpoint
}

func azureWorkloadUpload(s *v1alpha1.CredentialProfileSpec, a *uploader.Auth) {
	wi := s.Azure.Auth.WorkloadIdentity
	a.ClientID, a.TenantID = wi.ClientID, wi.TenantID
	a.AuthorityHost = or(wi.AuthorityHost, cloudOf(s.Azure).authority)
}

func managedIdentityUpload(s *v1alpha1.CredentialProfileSpec, a *uploader.Auth) {
	a.ClientID = s.Azure.Auth.ManagedIdentity.ClientID
}

func servicePrincipalUpload(s *v1alpha1.CredentialProfileSpec, a *uploader.Auth) {
	sp := s.Azure.Auth.ServicePrincipal
	a.ClientID, a.TenantID, a.AuthorityHost = sp.ClientID, sp.TenantID, cloudOf(s.Azure).authority
}
