// SPDX-License-Identifier: Apache-2.0

package conformance

import "testing"

// plan is a test plan of the OpenID Foundation.
type plan struct {
	name    string // published
	test    string // the test here
	modules []module
}

// module is a module of a plan.
type module struct {
	name string // published
	// run is the module; nil: it does not apply, or the server does not pass it. docs/conformance.md says why.
	run func(*trial)
}

// trial is a run of a module: with a relying party and a browser that nobody used before.
type trial struct {
	*testing.T
	w    *environment
	mode string
	*party
	bob *person
}

// run runs the modules that the server passes. mode is the response mode of all requests; empty: the default.
func (p plan) run(t *testing.T, mode string) {
	w := start(t)
	for _, m := range p.modules {
		if m.run != nil {
			t.Run(m.name, func(t *testing.T) { m.run(&trial{t, w, mode, w.party(t, firstClient, mode), w.person(t)}) })
		}
	}
}

// plans are all plans.
func plans() []plan {
	return []plan{basicPlan, formPostPlan, configPlan, rpInitiatedLogoutPlan, backChannelLogoutPlan}
}

func TestBasicPlan(t *testing.T) { basicPlan.run(t, "") }

func TestConfigPlan(t *testing.T) { configPlan.run(t, "") }

// A subtest of a name that is taken would get another one.
func TestNoModuleIsNamedTwice(t *testing.T) {
	for _, p := range plans() {
		names := map[string]bool{}
		for _, m := range p.modules {
			if names[m.name] {
				t.Errorf("%s names %s twice", p.name, m.name)
			}
			names[m.name] = true
		}
	}
}
