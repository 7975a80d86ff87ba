package injector_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakewebhooks"
	"lighterman.dev/lighterman/internal/test/jsonsubset"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

const (
	profileRole   = "arn:aws:iam::111122223333:role/backup"
	otherRole     = "arn:aws:iam::111122223333:role/other"
	profileClient = "00000000-0000-0000-0000-00000000000c"
	otherClient   = "00000000-0000-0000-0000-00000000000f"
	tenant        = "00000000-0000-0000-0000-00000000000a"
	otherTenant   = "00000000-0000-0000-0000-00000000000b"
	tokenProxy    = "https://kubernetes.default.svc.cluster.local"
	proxyName     = "a0123.ests.aks"
)

// TestOtherWebhooks has the webhooks of EKS and Azure come before Lighterman, and after it, for each auth mode. A pod has
// one identity in the end: what programs take is the same for all of them. Where that is not the profile's, or another
// one remains beside it, a warning says so.
func TestOtherWebhooks(t *testing.T) {
	irsa, same, association := fakewebhooks.EKS{RoleARN: otherRole}, fakewebhooks.EKS{RoleARN: profileRole}, fakewebhooks.EKS{PodIdentity: true}
	azure := fakewebhooks.Azure{ClientID: otherClient, TenantID: tenant}
	bare := fakewebhooks.Azure{TenantID: tenant} // The service account has no annotation.
	elsewhere := fakewebhooks.Azure{TenantID: otherTenant}
	proxied := func(client string) fakewebhooks.Azure { // As AKS configures it for pods with AzureBinding.
		return fakewebhooks.Azure{
			ClientID: client, TenantID: tenant, TokenProxy: tokenProxy, SNIName: proxyName, CAConfigMap: "kube-root-ca.crt",
		}
	}
	withCAData := proxied(profileClient)
	withCAData.CAConfigMap, withCAData.CAData = "", "-----BEGIN CERTIFICATE-----"
	movedProxy := proxied(profileClient)
	movedProxy.TokenProxy = "https://10.0.0.1"
	const (
		webIdentity = `s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: "` + profileRole + `"}}}`
		ownSTS      = `s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: "` + profileRole + `", stsEndpoint: "https://sts.storage.svc"}}}`
		ownAudience = `s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: "` + profileRole + `", audience: minio}}}`
		secondRole  = `s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: "` + otherRole + `", assumeRole: {roleARN: "` + profileRole + `"}}}}`
		podIdentity = `s3: {bucket: b, region: eu-west-1, auth: {podIdentity: {}}}`
		accessKey   = `s3: {bucket: b, region: eu-west-1, auth: {accessKey: {accessKeyID: {name: aws, key: id}, secretAccessKey: {name: aws, key: secret}}}}`
		file        = `s3: {bucket: b, region: eu-west-1, auth: {credentialsFile: {name: aws, key: file}}}`
		ambient     = `s3: {bucket: b, region: eu-west-1, auth: {ambient: {}}}`

		workload  = `azure: {storageAccount: a, container: c, auth: {workloadIdentity: {clientID: ` + profileClient + `, tenantID: ` + tenant + `}}}`
		bound     = `azure: {storageAccount: a, container: c, auth: {workloadIdentity: {clientID: ` + profileClient + `, tenantID: ` + tenant + `, identityBinding: {sniName: ` + proxyName + `}}}}`
		managed   = `azure: {storageAccount: a, container: c, auth: {managedIdentity: {clientID: ` + profileClient + `}}}`
		system    = `azure: {storageAccount: a, container: c, auth: {managedIdentity: {}}}`
		binding   = `azure: {storageAccount: a, container: c, auth: {podIdentityBinding: rok}}`
		principal = `azure: {storageAccount: a, container: c, auth: {servicePrincipal: {clientID: ` + profileClient + `, tenantID: ` + tenant + `, clientSecret: {name: sp, key: secret}}}}`
		key       = `azure: {storageAccount: a, container: c, auth: {accountKey: {name: az, key: key}}}`
		sas       = `azure: {storageAccount: a, container: c, auth: {sasToken: {name: az, key: sas}}}`
		conn      = `azure: {storageAccount: a, container: c, auth: {connectionString: {name: az, key: conn}}}`
		chain     = `azure: {storageAccount: a, container: c, auth: {default: {}}}`
	)
	const role, other, agent, keys, shared = "role " + profileRole, "role " + otherRole, "association", "keys of aws", "file"
	const chained = "configuration file"
	const client, theirs, account = "workload " + profileClient + " in " + tenant, "workload " + otherClient + " in " + tenant, "keys of az"
	const byProxy = " through " + proxyName + " at " + tokenProxy
	// keep and two begin the warnings: theirs stays, or both are there. Where the pod is denied, the warning is part of the denial.
	const keep, two, denied = "keeps the identity", "has two identities", "denied"
	tests := map[string]struct {
		spec string
		with fakewebhooks.Webhook
		// The identity, and the warning, when the other webhook comes first, and when it comes after Lighterman.
		first, firstWarning, after, afterWarning string
	}{
		"web identity, another role":            {webIdentity, irsa, other, keep, role, ""},
		"web identity, the same role":           {webIdentity, same, role, "", role, ""},
		"web identity, an association":          {webIdentity, association, role, two, role, two},
		"web identity elsewhere, the same role": {ownSTS, same, role, "", role, ""},
		"web identity elsewhere, association":   {ownSTS, association, role, two, role, two},
		"web identity, another audience":        {ownAudience, same, role, keep, role, ""},
		"a second role, the first role":         {secondRole, irsa, other, keep, chained, ""},
		"a second role, another role":           {secondRole, same, role, keep, chained, ""},
		"a second role, an association":         {secondRole, association, chained, two, chained, ""},
		"pod identity, a role":                  {podIdentity, irsa, other, keep, agent, ""},
		"pod identity, an association":          {podIdentity, association, agent, "", agent, ""},
		"access key, a role":                    {accessKey, irsa, keys, two, keys, two},
		"access key, an association":            {accessKey, association, keys, two, keys, two},
		"credentials file, a role":              {file, irsa, other, keep, shared, ""},
		"credentials file, an association":      {file, association, shared, two, shared, ""},
		"ambient, a role":                       {ambient, irsa, other, "", other, ""},
		"ambient, an association":               {ambient, association, agent, "", agent, ""},

		"workload identity, another client":  {workload, azure, theirs, keep, client, ""},
		"workload identity, no annotation":   {workload, bare, client, "", client, ""},
		"workload identity, another tenant":  {workload, elsewhere, denied, "without AZURE_CLIENT_ID", client, ""},
		"workload identity, through a proxy": {workload, proxied(profileClient), client + byProxy, keep, client, ""},
		"workload identity, none by a proxy": {workload, proxied(""), denied, "without AZURE_CLIENT_ID", client, ""},
		"binding, the same":                  {bound, proxied(profileClient), client + byProxy, "", client + byProxy, ""},
		"binding, another client":            {bound, proxied(otherClient), theirs + byProxy, keep, client + byProxy, ""},
		"binding, another proxy": {
			bound, movedProxy, client + " through " + proxyName + " at https://10.0.0.1", keep, client + byProxy, "",
		},
		"binding, nobody's":                  {bound, proxied(""), client + byProxy, "", client + byProxy, ""},
		"binding, without a proxy":           {bound, azure, theirs, keep, client + byProxy, ""},
		"binding, nobody's without a proxy":  {bound, bare, denied, "without AZURE_CLIENT_ID", client + byProxy, ""},
		"binding, the authority in variable": {bound, withCAData, client + byProxy, keep, client + byProxy, ""},
		"managed identity, through a proxy":  {managed, proxied(otherClient), theirs + byProxy, keep, "managed " + profileClient, ""},
		"principal, through a proxy":         {principal, proxied(otherClient), theirs + byProxy, keep, "principal " + profileClient, ""},
		"account key, through a proxy":       {key, proxied(otherClient), account, two, account, two},
		"the chain, through a proxy":         {chain, proxied(otherClient), theirs + byProxy, "", theirs + byProxy, ""},

		"managed identity, a client":       {managed, azure, theirs, keep, "managed " + profileClient, ""},
		"system identity, a client":        {system, azure, theirs, keep, "managed ", ""},
		"pod binding, a client":            {binding, azure, theirs, keep, "managed ", ""},
		"service principal, a client":      {principal, azure, theirs, keep, "principal " + profileClient, ""},
		"service principal, no annotation": {principal, bare, "principal " + profileClient, "", "principal " + profileClient, ""},
		"account key, a client":            {key, azure, account, two, account, two},
		"account key, no annotation":       {key, bare, account, "", account, ""},
		"SAS token, a client":              {sas, azure, account, two, account, two},
		"connection string, a client":      {conn, azure, account, two, account, two},
		"the chain, a client":              {chain, azure, theirs, "", theirs, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			profile, err := profile.Parse(fmt.Appendf(nil,
				"{apiVersion: lighterman.dev/v1alpha1, kind: CredentialProfile, metadata: {name: pg, namespace: payments}, spec: {%s}}", test.spec))
			if err != nil {
				t.Fatal(err)
			}
			check := func(order, want, warning string, lightermanFirst bool) {
				t.Helper()
				pod, warnings, err := chainOf(t, profile, test.with, lightermanFirst)
				if want == denied {
					if err == nil || !strings.Contains(err.Error(), warning) {
						t.Errorf("%s: %v, want a denial with %q", order, err, warning)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				checkNames(t, &injector.Pod{}, parse(t, pod))
				var typed corev1.Pod
				if err := json.Unmarshal(pod, &typed); err != nil {
					t.Fatal(err)
				}
				for i := range typed.Spec.Containers {
					checkToken(t, &typed, &typed.Spec.Containers[i])
					if got := identityOf(t, &typed.Spec.Containers[i]); got != want {
						t.Errorf("%s: container %s has %s, want %s", order, typed.Spec.Containers[i].Name, got, want)
					}
				}
				if got := strings.Join(warnings, "\n"); (warning == "") != (got == "") || !strings.Contains(got, warning) {
					t.Errorf("%s: warnings %q, want %q", order, got, warning)
				}
			}
			check("the other first", test.first, test.firstWarning, false)
			check("Lighterman first", test.after, test.afterWarning, true)
		})
	}
}

// chainOf gives the pod as both webhooks leave it, and the warnings of Lighterman's last pass: whoever is to be asked
// again, is asked again when the other changed the pod. The error is Lighterman's denial.
func chainOf(t *testing.T, profile *profile.Profile, with fakewebhooks.Webhook, lightermanFirst bool) (pod []byte, warnings []string, denial error) {
	t.Helper()
	annotations := ""
	if azure, ok := with.(fakewebhooks.Azure); ok && azure.TokenProxy != "" {
		annotations = `"annotations":{"` + fakewebhooks.AzureBinding + `":"true"},`
	}
	pod = []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"backup-",` + annotations + `"labels":{"` + fakewebhooks.AzureLabel + `":"true"}},
		"spec":{"serviceAccountName":"backup","containers":[{"name":"dump","env":[{"name":"PGHOST","value":"pg"}]},{"name":"ship"}]}}`)
	ours := func(pod []byte) []byte {
		result, err := injector.Inject(parse(t, pod), profile, settings)
		if err != nil {
			denial = err
			return pod
		}
		after := podtest.Apply(t, pod, result.Operations)
		if where := jsonsubset.Lost(podtest.Decode(t, pod), podtest.Decode(t, after)); where != "" {
			t.Errorf("%s was lost or changed", where)
		}
		warnings = result.Warnings
		return after
	}
	theirs := func(pod []byte) []byte {
		after, err := fakewebhooks.Apply(with, pod)
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	if lightermanFirst {
		pod = ours(theirs(ours(pod)))
		return pod, warnings, denial
	}
	pod = ours(theirs(pod))
	if _, again := with.(fakewebhooks.Azure); again {
		pod = ours(theirs(pod))
	}
	return pod, warnings, denial
}

// TestEKSAskedAgain has EKS's webhook come between the passes, and again after them, as where its configuration has
// reinvocationPolicy: IfNeeded. It labels the pod, writes its containers anew, and draws another lifetime for its token each
// time, which reaches no volume that is there: no pass changes what an earlier one left, and none takes it for another plan.
func TestEKSAskedAgain(t *testing.T) {
	for name, auth := range map[string]string{
		"pod identity": `podIdentity: {}`,
		"web identity": `webIdentity: {roleARN: "` + profileRole + `"}`,
		"access key":   `accessKey: {accessKeyID: {name: aws, key: id}, secretAccessKey: {name: aws, key: secret}}`,
	} {
		t.Run(name, func(t *testing.T) {
			profile, err := profile.Parse(fmt.Appendf(nil, "{apiVersion: lighterman.dev/v1alpha1, kind: CredentialProfile,"+
				" metadata: {name: pg, namespace: payments}, spec: {s3: {bucket: b, region: eu-west-1, auth: {%s}}}}", auth))
			if err != nil {
				t.Fatal(err)
			}
			eks := func(pod []byte, seconds int64) []byte {
				after, err := fakewebhooks.Apply(fakewebhooks.EKS{PodIdentity: true, AgentSeconds: seconds}, pod)
				if err != nil {
					t.Fatal(err)
				}
				return after
			}
			ours := func(pod []byte) []byte {
				result, err := injector.Inject(parse(t, pod), profile, settings)
				if err != nil {
					t.Fatal(err)
				}
				if where := slices.IndexFunc(result.Warnings, func(w string) bool { return strings.Contains(w, "injected before") }); where >= 0 {
					t.Error(result.Warnings[where])
				}
				return podtest.Apply(t, pod, result.Operations)
			}
			for order, pod := range map[string][]byte{"the other first": eks(bareDump(), 80000), "Lighterman first": eks(ours(bareDump()), 80000)} {
				settled := ours(pod)
				again := ours(eks(settled, 81000))
				if !reflect.DeepEqual(podtest.Decode(t, settled), podtest.Decode(t, again)) {
					t.Errorf("%s: asked again, they leave\n%s\nand not\n%s", order, again, settled)
				}
				var typed corev1.Pod
				if err := json.Unmarshal(again, &typed); err != nil {
					t.Fatal(err)
				}
				if typed.Labels[fakewebhooks.EKSAgentLabel] != "enabled" || *tokenSeconds(t, &typed, "eks-pod-identity-token") != 80000 {
					t.Errorf("%s: labels %v and a token of %d s", order, typed.Labels, *tokenSeconds(t, &typed, "eks-pod-identity-token"))
				}
			}
		})
	}
}

// bareDump returns a pod without anything.
func bareDump() []byte {
	return []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"backup-"},"spec":{"containers":[{"name":"dump"}]}}`)
}

// tokenSeconds returns how long the token in the volume is valid.
func tokenSeconds(t *testing.T, pod *corev1.Pod, volume string) *int64 {
	t.Helper()
	for _, v := range pod.Spec.Volumes {
		if v.Name == volume {
			return v.Projected.Sources[0].ServiceAccountToken.ExpirationSeconds
		}
	}
	t.Fatalf("no volume %s", volume)
	return nil
}

// identityOf tells the identity that programs take of a container's environment. They are asked in their several ways,
// and must agree.
func identityOf(t *testing.T, c *corev1.Container) string {
	t.Helper()
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
		if e.ValueFrom != nil {
			env[e.Name] = e.ValueFrom.SecretKeyRef.Name
		}
	}
	if env["LIGHTERMAN_PROVIDER"] == "s3" {
		return awsIdentity(env)
	}
	golang, python := azureIdentity(env, false), azureIdentity(env, true)
	if golang != python {
		t.Errorf("container %s: %s in Go, and %s in Python", c.Name, golang, python)
	}
	return golang
}

// awsIdentity looks in the order of botocore 1.43 credentials.py, which aws-sdk-go-v2 config v1.33.15 and aws-sdk-go
// v1.55.8 share, but that botocore takes a role of a configuration file before one of the environment.
func awsIdentity(env map[string]string) string {
	switch {
	case env["AWS_ACCESS_KEY_ID"] != "":
		return "keys of " + env["AWS_ACCESS_KEY_ID"]
	case env["AWS_ROLE_ARN"] != "" && env["AWS_WEB_IDENTITY_TOKEN_FILE"] != "":
		return "role " + env["AWS_ROLE_ARN"]
	case env["AWS_SHARED_CREDENTIALS_FILE"] != "":
		return "file"
	case env["AWS_CONFIG_FILE"] != "":
		return "configuration file"
	case env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != "" && env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] != "":
		return "association"
	}
	return "none"
}
