// SPDX-License-Identifier: Apache-2.0

package conformance

import "testing"

// formPostPlan is the plan of Form Post OP: the modules of Basic OP, with each answer in a form that the browser posts.
var formPostPlan = plan{"oidcc-formpost-basic-certification-test-plan", "TestFormPostPlan", basicPlan.modules}

func TestFormPostPlan(t *testing.T) { formPostPlan.run(t, "form_post") }
