package profile

import (
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Launderer is an image as data whose entrypoint starts the backup tool with variables of a fixed list alone: what else a
// container has does not reach it.
type Launderer struct {
	// Name is that of the image, and Step what runs without the container's environment, for messages.
	Name, Step string
	// Version is the one in which the row was read.
	Version string
	// Tool is the program that loses the variables.
	Tool v1alpha1.Tool
	// marks are sets of variables: a container that sets all of one set runs the image.
	marks [][]string
	// kept are the variables of the list.
	kept []string
	// together are those of kept that are passed on only where all of them are set.
	together []string
	// carriers have the name under which the tool reads the same as a variable that is lost.
	carriers map[string]string
	// Places have, for each variable by which the image is told where the archive is, the tool's own, which comes before it (run).
	Places map[string]string
	// cures are what to use instead, by the store.
	cures map[string]string
	// Notes are sentences for the documentation.
	Notes []string
	// Unreached are variables that switch something on which gets no identity from the container at all.
	Unreached []Unreached
}

// Unreached is a part of an image that an injected identity does not reach.
type Unreached struct {
	// Prefix begins the names of the variables that switch it on.
	Prefix string
	// Part names it, and Cure says how it gets an identity, for messages.
	Part, Cure string
}

// Launderers are the images that are known to start their backup tool without the container's environment.
var Launderers = [...]*Launderer{&spilo}

// spilo is read in zalando/spilo 4.0-p3 (commit 7cb50bd6): postgres-appliance/runit/patroni/run unsets what its pattern does not name
// before Patroni and PostgreSQL start; runit/cron/run starts cron with an empty environment; scripts/configure_spilo.py
// (write_wale_environment) writes kept into the directory from which envdir gives archive_command, restore_command and the nightly
// backup their variables. The branch without WAL-E, which later releases are made of, has the same list. What a clone and a standby are
// restored with are the variables that begin with CLONE_ and STANDBY_ (the same function's prefix). The marks are Spilo's own
// (ENVIRONMENT.rst), as zalando/postgres-operator v2.0.1 (pkg/cluster/k8sres.go, generateSpiloPodEnvVars) and Spilo's
// kubernetes/spilo_kubernetes.yaml set them: the label application=spilo can be configured, and an image's name says little.
var spilo = Launderer{
	Name: "Spilo", Step: "archive_command and the nightly backup", Version: "4.0-p3", Tool: walG.name,
	marks: [][]string{
		{"SPILO_CONFIGURATION"},
		{"KUBERNETES_SCOPE_LABEL"},
		{"SCOPE", "PGROOT"},
		{"SCOPE", "WAL_S3_BUCKET"},
		{"SCOPE", "WAL_GS_BUCKET"},
		{"SCOPE", "USE_WALG_BACKUP"},
	},
	kept: []string{
		"WALG_S3_PREFIX", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT", "AWS_REGION",
		"AWS_S3_FORCE_PATH_STYLE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_STS_REGIONAL_ENDPOINTS",
		"WALG_S3_CA_CERT_FILE",
		"WALG_AZ_PREFIX", "AZURE_STORAGE_ACCOUNT", "AZURE_ENVIRONMENT_NAME", "AZURE_STORAGE_ACCESS_KEY",
		"AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID",
		"WALG_GS_PREFIX", "GOOGLE_APPLICATION_CREDENTIALS",
	},
	together: []string{"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"},
	carriers: map[string]string{
		"AWS_ENDPOINT_URL_S3": "AWS_ENDPOINT",
		"AWS_CA_BUNDLE":       "WALG_S3_CA_CERT_FILE",
		"AZURE_STORAGE_KEY":   "AZURE_STORAGE_ACCESS_KEY",
	},
	Places: map[string]string{
		"WAL_S3_BUCKET": "WALG_S3_PREFIX", "WALE_S3_PREFIX": "WALG_S3_PREFIX",
		"WAL_GS_BUCKET": "WALG_GS_PREFIX", "WAL_GCS_BUCKET": "WALG_GS_PREFIX", "WALE_GS_PREFIX": "WALG_GS_PREFIX",
	},
	cures: map[string]string{
		"s3":    "use webIdentity without assumeRole, or accessKey without sessionToken",
		"azure": "use accountKey, sasToken, servicePrincipal with clientSecret in the public cloud, or managedIdentity without clientID",
		"gcs":   "leave spec.caBundle out",
	},
	// The versions of WAL-G are those of postgres-appliance/Dockerfile at the tags, and of pull request 1183 of February 2026.
	Notes: []string{
		"webIdentity: releases 3.3-p1 to 4.0-p3 have a WAL-G of 3.0.0 to 3.0.5, which does not use the token; 3.2-p3 has 2.0.1, and the sources have 3.0.8 since February 2026.",
		"USE_WALG_BACKUP has to be true for s3 and gcs up to 4.0-p3: WAL-E is used without it.",
		"A proxy arrives in lower case only, as https_proxy and no_proxy.",
	},
	Unreached: []Unreached{
		{
			Prefix: "LOG_S3_BUCKET", Part: "the shipping of logs",
			Cure: "it takes the identity of the node in any case",
		},
		{
			Prefix: "CLONE_WAL", Part: "the restore of a clone",
			Cure: `set each variable of the identity for it too, as in CLONE_AWS_ROLE_ARN: "$(AWS_ROLE_ARN)"`,
		},
		{
			Prefix: "STANDBY_WAL", Part: "the restore of a standby",
			Cure: `set each variable of the identity for it too, as in STANDBY_AWS_ROLE_ARN: "$(AWS_ROLE_ARN)"`,
		},
	},
}

// IsMarked reports whether a container that sets these variables runs the image.
func (l *Launderer) IsMarked(sets func(name string) bool) bool {
	return slices.ContainsFunc(l.marks, func(mark []string) bool {
		return !slices.ContainsFunc(mark, func(name string) bool { return !sets(name) })
	})
}

// identityDefaults are values that programs take for a variable where it is absent.
var identityDefaults = map[string]string{"AZURE_AUTHORITY_HOST": azureClouds[0].authority}

// Lost returns the variables of the identity, of the endpoint and of the CA bundle that the tool does not get. isGiven reports
// whether the container gets one of Vars, and sets whether it sets a variable itself.
func (l *Launderer) Lost(e *Environment, isGiven func(i int) bool, sets func(name string) bool) []string {
	var kept, lost []*Variable
	isWhole := !slices.ContainsFunc(l.together, func(name string) bool { return !e.has(name) })
	for i := range e.Vars {
		v := &e.Vars[i]
		switch {
		case !isGiven(i) || v.tool != "" && v.tool != l.Tool || strings.HasPrefix(v.Name, "LIGHTERMAN_"):
		case slices.Contains(l.kept, v.Name) && (isWhole || !slices.Contains(l.together, v.Name)):
			kept = append(kept, v)
		case l.matters(e, v):
			lost = append(lost, v)
		}
	}
	var names []string
	for _, v := range lost {
		isKept := func(k *Variable) bool { return v.Equals(&k.EnvVar) }
		carrier := l.carriers[v.Name]
		if !slices.ContainsFunc(kept, isKept) && (carrier == "" || !sets(carrier)) {
			names = append(names, v.Name)
		}
	}
	return names
}

// matters reports whether the tool needs the variable to be who it is, and to find the store.
func (l *Launderer) matters(e *Environment, v *Variable) bool {
	if value, known := identityDefaults[v.Name]; known && v.Value == value {
		return false
	}
	isCA := e.Files.CA != "" && v.Value == e.Files.CA && (l.carriers[v.Name] != "" || e.Store.Name != s3Store.Name)
	return isCA || v.Groups&(e.Store.IdentityGroup|groupEndpoint) != 0
}

// has reports whether the profile has a variable of the name.
func (e *Environment) has(name string) bool {
	return slices.ContainsFunc(e.Vars, func(v Variable) bool { return v.Name == name })
}

// Drops reports whether the tool does not get a variable that a cloud's webhook gave the container.
func (l *Launderer) Drops(name string) bool {
	return !slices.Contains(l.kept, name) || slices.Contains(l.together, name)
}

// Cure returns how the tool gets what it does not get. field is where the pod's tools are named.
func (l *Launderer) Cure(e *Environment, lost []string) string {
	var carriers []string
	for _, name := range lost {
		if l.carriers[name] == "" {
			return l.cures[e.Store.Name]
		}
		carriers = append(carriers, l.carriers[name])
	}
	if slices.Contains(e.Tools, l.Tool) {
		return "set " + strings.Join(carriers, ", ") + " where the pod's own variables come from"
	}
	return "name " + string(l.Tool) + " in spec.tools, or in annotation lighterman.dev/tools"
}
