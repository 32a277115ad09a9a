// SPDX-License-Identifier: Apache-2.0

package conformance

// formPostPlan is the plan of Form Post OP: the modules of Basic OP, with the answer in a form. The server has no form_post yet.
var formPostPlan = plan{"oidcc-formpost-basic-certification-test-plan", "TestFormPostPlan", withoutSubtests(basicPlan.modules)}

func withoutSubtests(modules []module) []module {
	var all []module
	for _, m := range modules {
		all = append(all, module{name: m.name})
	}
	return all
}
