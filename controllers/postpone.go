// SPDX-License-Identifier: Apache-2.0

package controllers

// unlessItWaits returns what is done now: what was decided, or kept where the reset or the rotation in it waits for the Secret. first
// are the steps that it waits for, in place of those of kept; may be empty.
func (o outcome) unlessItWaits(kept outcome) (now outcome, first []step) {
	switch {
	case !o.issued.reset && !o.issued.rotated:
		return o, nil
	case o.secretStays() && o.issued.reset:
		kept.issued.waits = "A reset waits until then, and the present client secret is still accepted: set spec.suspend to have it refused at once."
		return kept, nil
	case o.secretStays():
		kept.issued.waits = "A rotation waits until then."
		return kept, nil
	case o.issued.reset && o.isKeptByFinalizer():
		// The finalizer would keep the old client secret where applications read it, after the reset has ended it.
		kept.issued.waits = "A reset is asked for. It waits until the Secret is replaced, for which it is deleted first, and the present client secret is still accepted: " +
			"set spec.suspend to have it refused at once."
		first = o.dryRuns(kept, o.secretSteps())
		first[len(first)-1].dryRun = false // the removal
		return kept, first
	default:
		return o, nil
	}
}

// isKeptByFinalizer reports whether the Secret has to be replaced, and will not go at once when it is deleted.
func (in input) isKeptByFinalizer() bool {
	return in.seen.secret != nil && len(in.seen.secret.Finalizers) > 0 && mustBeReplaced(in.seen.secret, in.subject)
}
