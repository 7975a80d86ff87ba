package injector

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// claims are a container's own variables that name who it is.
type claims struct {
	// certain are variables of the identity group that have a value; optional are those that may have one.
	certain, optional []string
	// groups are those of the certain ones.
	groups profile.Group
	// webhooks are those of cloud providers that gave it an identity.
	webhooks []*profile.CloudWebhook
	// elsewhere is a variable by which it asks another store than the profile's; empty: there is none.
	elsewhere string
}

// addVariable adds a variable of the identity group.
func (c *claims) addVariable(v *ownVariable, g profile.Group) {
	if v.is.isCertain() {
		c.certain, c.groups = append(c.certain, v.name), c.groups|g
		return
	}
	c.optional = append(c.optional, v.name)
}

// identityDecision is whose identity a container gets.
type identityDecision struct {
	// kept are the groups that the container keeps for an identity of its own or of another webhook's.
	kept profile.Group
	// shut are entries that keep out rivals of the profile's identity.
	shut []corev1.EnvVar
}

// decideIdentity decides whose identity the container gets.
func (j identityJudge) decideIdentity(c *claims) (identityDecision, error) {
	if j.Mode.KeepsAmbientIdentity {
		return j.decideAmbient(c)
	}
	if err := j.checkTokenProxy(); err != nil {
		return identityDecision{}, err
	}
	claimed := c.certain
	if account := j.foreignAccount(); account != "" {
		claimed = append(claimed, account)
	}
	if len(claimed) > 0 {
		return identityDecision{kept: j.Store.IdentityGroup | c.groups}, j.checkWhole(claimed)
	}
	if c.elsewhere != "" {
		j.warnElsewhere(c.elsewhere)
		return identityDecision{kept: j.Store.IdentityGroup}, nil
	}
	for _, w := range c.webhooks {
		kept, err := webhookConflict{scope: j.scope, webhook: w}.resolveConflict()
		if kept != 0 || err != nil {
			return identityDecision{kept: kept}, err
		}
	}
	return j.preferProfile(c.optional)
}

// preferProfile sees to it that programs take the profile's identity, and nothing that the container may bring besides.
func (j identityJudge) preferProfile(optional []string) (identityDecision, error) {
	shut, err := j.shutRivals(optional)
	if err != nil {
		return identityDecision{}, err
	}
	j.warnOptional(optional, shut)
	j.warnEmpty()
	return identityDecision{shut: shut}, nil
}

// decideAmbient is decideIdentity where the pod keeps the identity that the cluster gives it: nothing of it is
// injected, so nothing can be half. Where it is the pod's own, what would be taken before it is shut.
func (j identityJudge) decideAmbient(c *claims) (identityDecision, error) {
	if len(c.certain) > 0 {
		j.warnGroup(c.certain[0], j.Store.IdentityGroup)
		return identityDecision{kept: j.Store.IdentityGroup | c.groups}, nil
	}
	if !j.Mode.IsPodScoped {
		return identityDecision{}, nil
	}
	return j.preferProfile(c.optional)
}

// foreignAccount returns the variable by which the container names a storage account of its own, where the profile's
// identity is the key of another; empty: it names none, or the identity is good for any.
func (j identityJudge) foreignAccount() string {
	if j.taken&profile.GroupAzureAccount == 0 {
		return ""
	}
	isOfAccount := func(v profile.Variable) bool {
		return v.Groups&j.Store.IdentityGroup != 0 && v.Groups&profile.GroupAzureAccount != 0
	}
	if !slices.ContainsFunc(j.Vars, isOfAccount) {
		return ""
	}
	for i := range j.own.list {
		if v := &j.own.list[i]; v.is.isCertain() && j.GroupOf(v.name) == profile.GroupAzureAccount {
			return v.name
		}
	}
	return ""
}

// checkWhole denies the pod whose container sets a part of an identity, and warns of one that it keeps. One that may be
// whole is kept where it leads nowhere if it is not: Azure's and Google's libraries have no variable that shuts the node's
// identity alone.
func (j identityJudge) checkWhole(names []string) error {
	is, missing := j.judgeNames(names)
	half, lacking := j.halfBeside(names)
	switch {
	case is != isHalf && half != "": // Programs may find it first, and stop there.
		return j.denyHalf([]string{half}, lacking)
	case is == isWhole:
		j.warnKept(names[0], j.Store.IdentityGroup)
		return nil
	case is == mayBeWhole && !j.Store.BlocksNodeIdentity:
		return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
			"%s.env: container %q sets %s, and %s only by what may bring none, an optional reference or envFrom: then programs take the identity of the node: set that in env by a reference that is required, remove %s so that the container gets %s of %s %s, or list it in %s",
			j.fieldPath(), j.Name, joinNames(names), joinNames(missing), joinNames(names), j.Store.IdentityGroup,
			j.profile.Kind, j.profile, AnnotationSkipContainers))
	case is == mayBeWhole:
		j.warn("container %q sets %s itself, so Lighterman does not inject %s of %s %s there; it has no identity where what may bring %s, an optional reference or envFrom, does not: set that in env by a reference that is required, or list the container in %s",
			j.Name, names[0], j.Store.IdentityGroup, j.profile.Kind, j.profile, joinNames(missing), AnnotationSkipContainers)
		return nil
	}
	return j.denyHalf(names, missing)
}

// denyHalf denies the pod whose container sets a part of an identity.
func (j identityJudge) denyHalf(names, missing []string) error {
	return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
		"%s.env: container %q sets %s and not %s, and half an identity is none: set that too, remove %s so that the container gets %s of %s %s, or list it in %s",
		j.fieldPath(), j.Name, joinNames(names), joinNames(missing), joinNames(names), j.Store.IdentityGroup,
		j.profile.Kind, j.profile, AnnotationSkipContainers))
}
