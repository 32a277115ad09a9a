// SPDX-License-Identifier: Apache-2.0

package oauth1

import "net/http"

// What a request can do wrong before it is read. The extension has no words for that.
const (
	MethodNotAllowed Fault = "method_not_allowed"
	NotFound         Fault = "not_found"
)

// WriteAdvice answers a request that no endpoint reads with a problem and what to do about it.
func WriteAdvice(w http.ResponseWriter, status int, problem Fault, advice string) {
	writeForm(w, status, []Param{{"oauth_problem", string(problem)}, {"oauth_problem_advice", advice}})
}
