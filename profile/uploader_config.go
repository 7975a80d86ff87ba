package profile

import (
	"cmp"
	"slices"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// Values of spec.uploader.identity.
const (
	IdentityOfUploader   = "Uploader"
	IdentityOfContainers = "Containers"
)

// ConfigureUploader adds the store's location and identity to the uploader's configuration.
func (e *Environment) ConfigureUploader(c *uploader.Config) { e.Store.configureUploader(e, c) }

// UploaderConfig returns the part of the uploader's configuration that a profile sets for all pods. It sets the API server's
// defaults, too, for profiles from files.
func UploaderConfig(spec *v1alpha1.Uploader) uploader.Config {
	c := uploader.Config{
		Upload:       uploader.UploadMode(cmp.Or(spec.Upload, string(uploader.OnClose))),
		Include:      spec.Include,
		Exclude:      spec.Exclude,
		Key:          cmp.Or(spec.Key, uploader.DefaultKey),
		Overwrite:    spec.Overwrite,
		AfterUpload:  uploader.AfterUpload(cmp.Or(spec.AfterUpload, string(uploader.Keep))),
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

// uploaderAuth returns the identity for the uploader: the mode, its files, and what the mode's row adds.
func (e *Environment) uploaderAuth() uploader.Auth {
	a := uploader.Auth{
		Mode: e.Mode.Name, TokenFile: e.Files.Token, File: e.Files.Credentials, SecretsDirectory: e.Files.Keys,
	}
	a.TokenProxyCA = e.Files.IssuerCA
	a.SecretKeys = e.secretKeys()
	if e.Mode.addUploaderAuth != nil {
		e.Mode.addUploaderAuth(&e.Resolved, &a)
	}
	return a
}

// secretKeys returns where the mode's static secrets come from, for messages, by their variables; nil: it has none.
func (e *Environment) secretKeys() map[string]string {
	var keys map[string]string
	for _, name := range uploader.SecretVariables(e.Store.Name, e.Mode.Name) {
		at := slices.IndexFunc(e.Vars, func(v Variable) bool { return v.Name == name && v.ValueFrom != nil })
		if at < 0 || e.Vars[at].ValueFrom.SecretKeyRef == nil {
			continue
		}
		if keys == nil {
			keys = map[string]string{}
		}
		ref := e.Vars[at].ValueFrom.SecretKeyRef
		keys[name] = "Secret " + ref.Name + ", key " + ref.Key
	}
	return keys
}

func configureS3Uploader(e *Environment, c *uploader.Config) {
	where := e.location
	c.S3 = &uploader.S3{
		Bucket: e.bucket(), Region: where.region, Endpoint: where.endpoint, ForcePathStyle: where.pathStyle,
		Checksums: string(where.checksums), MaxParts: e.preset.maxParts, Auth: e.uploaderAuth(),
	}
}

func configureAzureUploader(e *Environment, c *uploader.Config) {
	az := e.Spec.Azure
	c.Azure = &uploader.Azure{
		Account: az.StorageAccount, Container: e.bucket(), Endpoint: az.Endpoint, Cloud: string(e.cloud.name),
		Suffix: otherSuffix(e.cloud),
		Auth:   e.uploaderAuth(),
	}
}

func configureGCSUploader(e *Environment, c *uploader.Config) {
	gcs := e.Spec.GCS
	c.GCS = &uploader.GCS{
		Bucket: e.bucket(), ProjectID: gcs.ProjectID, Endpoint: storageEndpoint(gcs), Auth: e.uploaderAuth(),
	}
}

// What the rows of the auth modes add to uploader.Auth.

func addWebIdentityAuth(r *Resolved, a *uploader.Auth) {
	a.RoleARN, a.STSEndpoint = r.Spec.S3.Auth.WebIdentity.RoleARN, r.Spec.S3.Auth.WebIdentity.STSEndpoint
	if second := assumedRole(r.Spec); second != nil {
		a.File = "" // The configuration file is for other programs.
		a.AssumeRoleARN, a.ExternalID, a.SessionName = second.RoleARN, second.ExternalID, second.SessionName
	}
}

func addWorkloadIdentityAuth(r *Resolved, a *uploader.Auth) {
	wi := r.Spec.Azure.Auth.WorkloadIdentity
	a.ClientID, a.TenantID = wi.ClientID, wi.TenantID
	a.AuthorityHost = cmp.Or(wi.AuthorityHost, r.cloud.authority)
	if binding := wi.IdentityBinding; binding != nil {
		a.TokenProxy, a.SNIName = cmp.Or(binding.TokenProxy, bindingProxy), binding.SNIName
	}
}

func addManagedIdentityAuth(r *Resolved, a *uploader.Auth) {
	a.ClientID = r.Spec.Azure.Auth.ManagedIdentity.ClientID
}

func addServicePrincipalAuth(r *Resolved, a *uploader.Auth) {
	sp := r.Spec.Azure.Auth.ServicePrincipal
	a.ClientID, a.TenantID, a.AuthorityHost = sp.ClientID, sp.TenantID, r.cloud.authority
}

// otherSuffix returns the suffix of a cloud that the uploader does not know.
func otherSuffix(c *azureCloud) string {
	if c.name != v1alpha1.AzureCloudOther {
		return ""
	}
	return c.suffix
}

func addDefaultAuth(r *Resolved, a *uploader.Auth) {
	if r.Spec.Azure.OtherCloud != nil {
		a.AuthorityHost = r.cloud.authority
	}
}
