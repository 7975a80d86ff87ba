package injector

import "lighterman.dev/lighterman/profile"

// recipientEnv returns the variables of a container that is to get the profile's identity, and the groups that the
// container keeps for itself.
func (p *placer) recipientEnv() (envAdditions, profile.Group, error) {
	taken, c, optional := p.compareOwn()
	decision, err := identityJudge{scope: p.scope, taken: taken}.decideIdentity(&c)
	if err != nil {
		return envAdditions{}, 0, err
	}
	taken |= decision.kept
	if err := p.checkLaundered(taken, c.webhooks); err != nil {
		return envAdditions{}, 0, err
	}
	p.warnOptionalPlaces(optional, taken)
	env := envAdditions{shut: decision.shut}
	for i := range p.Vars {
		if p.Vars[i].Groups&taken == 0 {
			p.addVar(&env, i)
		}
	}
	if len(env.front)+len(env.shut) > 0 {
		p.warnEnvFrom(env.shut, taken&p.Store.IdentityGroup != 0)
	}
	return env, taken, nil
}
