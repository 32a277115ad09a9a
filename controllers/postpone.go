// SPDX-License-Identifier: Apache-2.0

package controllers

// unlessItWaits returns what is done now: what was decided, or kept where the reset or the rotation in it waits for the Secret. first
// are the steps that it waits for, in place of those of kept; may be empty.
//
// A rotation waits for a Secret that is not as it should be only where it holds no client secret that is accepted, or where no record
// says which one it holds: applications shall have one before the next one is made. What else is wrong in it is put right with the rotation,
// or a writer that changes it each time would keep the old client secret in use for ever.
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

// holdsInUse reports whether the Secret of the cluster holds the credential in use, and a record that says so: it may wait for the next
// one.
func (o outcome) holdsInUse() bool {
	last, secret := len(o.issued.credentials)-1, o.seen.secret
	return last >= 0 && o.mayWait() && o.lastWritten(o.issued.credentials[last].ID) &&
		(isWithoutData(secret) || acceptedBy(o.input, o.issued)(secret.Data))
}

// mayWait reports whether the Secret is one of which a client secret may be in use.
func (in input) mayWait() bool { return in.secretOwner() == ownerSelf || in.secretOwner() == ownerLost }

// rotatesLater returns the outcome that says that a rotation waits for the Secret.
func (o outcome) rotatesLater() outcome {
	o.issued.waits = "A rotation waits until the Secret is put right. If this lasts, somebody else changes the Secret each time: look at its metadata.managedFields, " +
		"and for an admission webhook or a MutatingAdmissionPolicy that changes Secrets."
	return o
}
