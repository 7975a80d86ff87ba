package profile

import (
	"cmp"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// checkTexts refuses references and control characters in every text of a profile but the values of spec.env: variables are made of
// them, and the kubelet replaces $(NAME) in a variable by what the container has under that name, a Secret's key among them.
func (p *problems) checkTexts(spec *v1alpha1.CredentialProfileSpec) {
	if value := reflect.ValueOf(spec); hasRefusedText(value) {
		p.checkTextsIn("spec", value) // Each field's name costs an allocation, and nearly every profile is good.
	}
}

// ownTypes is the package whose types are looked into: Kubernetes' own types are checked by the API server, in the pod.
var ownTypes = reflect.TypeFor[v1alpha1.CredentialProfileSpec]().PkgPath()

// literalsType is the type of spec.env, which checkEnv looks at.
var literalsType = reflect.TypeFor[[]v1alpha1.EnvVar]()

// hasRefusedText reports whether checkTextsIn would find a problem.
func hasRefusedText(value reflect.Value) bool {
	switch value.Kind() { //nolint:exhaustive // The other kinds hold no text.
	case reflect.Pointer:
		return !value.IsNil() && hasRefusedText(value.Elem())
	case reflect.Struct:
		if value.Type().PkgPath() != ownTypes {
			return false
		}
		return anyRefusedText(value.NumField(), value.Field)
	case reflect.Slice:
		return value.Type() != literalsType && anyRefusedText(value.Len(), value.Index)
	case reflect.Map:
		for entry := value.MapRange(); entry.Next(); {
			if isRefusedText(entry.Key().String()) || isRefusedText(entry.Value().String()) {
				return true
			}
		}
	case reflect.String:
		return isRefusedText(value.String())
	}
	return false
}

// anyRefusedText reports whether one of n values has a text that is refused.
func anyRefusedText(n int, at func(int) reflect.Value) bool {
	for i := range n {
		if hasRefusedText(at(i)) {
			return true
		}
	}
	return false
}

func isRefusedText(text string) bool {
	return strings.Contains(text, "$(") || strings.ContainsFunc(text, unicode.IsControl)
}

func (p *problems) checkTextsIn(field string, value reflect.Value) {
	switch value.Kind() { //nolint:exhaustive // The other kinds hold no text.
	case reflect.Pointer:
		if !value.IsNil() {
			p.checkTextsIn(field, value.Elem())
		}
	case reflect.Struct:
		if value.Type().PkgPath() != ownTypes {
			return
		}
		for i := range value.NumField() {
			name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
			p.checkTextsIn(field+"."+name, value.Field(i))
		}
	case reflect.Slice:
		if value.Type() == literalsType {
			return
		}
		for i := range value.Len() {
			p.checkTextsIn(field+"["+strconv.Itoa(i)+"]", value.Index(i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			p.checkText(field, key.String())
			p.checkText(field, value.MapIndex(key).String())
		}
	case reflect.String:
		p.checkText(field, value.String())
	}
}

// checkText refuses what must not be in a text of which variables are made.
func (p *problems) checkText(field, text string) {
	switch {
	case strings.Contains(text, "$(") && (strings.HasSuffix(field, ".bucket") || strings.HasSuffix(field, ".container")):
		p.addInvalid(field, "contains $(, and a variable of the container is not looked up there: name the ConfigMap or the Secret that has the name in %sFrom", field)
	case strings.Contains(text, "$(") && strings.HasSuffix(field, ".prefix"):
		p.addInvalid(field, "contains $(, and a prefix knows no variables: for what differs between pods %s", writePlaceholders)
	case strings.Contains(text, "$("):
		p.addInvalid(field, "contains $(, and variables are made of it, in which $(NAME) would be replaced: write the value out")
	case strings.ContainsFunc(text, unicode.IsControl):
		p.addInvalid(field, "contains a control character: remove it")
	}
}

// checkTokenURL refuses the address of a token service that would get the pod's token in clear text.
func (p *problems) checkTokenURL(field, address string) {
	if address == "" {
		return
	}
	if parsed, err := url.Parse(address); err != nil || parsed.Scheme != "https" || parsed.Host == "" {
		p.addInvalid(field, "must be an https URL: the pod's token is sent there")
		return
	}
	p.checkURL(field, address)
}

// checkBearerURL refuses the address of a store to which the modes named in plain text, and no others, may speak without TLS.
func (p *problems) checkBearerURL(field, address string, inPlainText bool, plain string) {
	parsed, err := url.Parse(address)
	if err == nil && parsed.Scheme == "http" && !inPlainText {
		p.addInvalid(field, "must be an https URL with this auth mode, which sends a token: http is accepted with %s", plain)
	}
}

// apiAudience matches the audiences of API servers: kubeadm's and EKS's kubernetes.default.svc in every spelling, those that k3s
// and RKE2 add to it, and the issuers of EKS, GKE and AKS (kube-apiserver's --api-audiences has the issuer as its default).
// The CRD's rules on the fields named audience or tokenAudience have the same expression.
const apiAudience = `^(https?://)?(kubernetes|kubernetes[.]default|kubernetes[.]default[.]svc([.].*)?|k3s|rke2)(:[0-9]+)?/*$` +
	`|^https?://(oidc[.]eks[.]|container[.]googleapis[.]com/v1/projects/|[a-z0-9-]+[.]oic[.]prod-aks[.]azure[.]com/)`

var isAPIAudience = regexp.MustCompile(apiAudience)

// checkAudience refuses a token that the API server would take: whoever received it, and the token service is one, could act in
// the cluster as the pod's service account.
func (p *problems) checkAudience(r *Resolved, cluster *Cluster) {
	if !r.HasToken() {
		return
	}
	audience := r.Mode.Audience(r.Spec)
	if isAPIAudience.MatchString(audience) || slices.Contains(cluster.APIAudiences, audience) {
		p.addInvalid("spec."+r.Store.Name+".auth."+r.Mode.Name+"."+cmp.Or(r.Mode.audienceField, "audience"),
			"%q is an audience of the API server, where whoever receives the token could act as the pod: use the token service's own",
			audience)
	}
}
