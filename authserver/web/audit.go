// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const (
	maxAuditValue  = 512 // longest value in a line, in bytes
	maxAuditScopes = 64
	auditTime      = "2006-01-02T15:04:05.000Z07:00"
)

// Auditor writes the audit log: one line of JSON for each event. It implements
// authserver.Auditor; Record returns when the line is written, so that no answer is
// sent before its events are in the log. A writer that fails or hangs is logged and
// counted, and stops nobody: what is lost is the line, not the service.
type Auditor struct {
	out     *LineWriter
	log     *slog.Logger
	metrics *Metrics
	now     func() time.Time
	failing atomic.Bool // said, and not yet over
}

// NewAuditor returns an auditor that writes to w. Failures go to log and m.
func NewAuditor(w io.Writer, log *slog.Logger, m *Metrics, now func() time.Time) *Auditor {
	a := &Auditor{log: log, metrics: m, now: now}
	a.out = NewLineWriter(w, a.report)
	return a
}

// Record writes one event, with the time and the request that ctx belongs to. Values are
// cut to a bounded length.
func (a *Auditor) Record(ctx context.Context, e authserver.Event) {
	a.metrics.audited(e.Name)
	if !a.out.WriteThrough(a.line(ctx, e)) {
		a.metrics.auditLate.Inc()
	}
}

// Close waits until everything is written, or until ctx ends: then it returns why.
// Nothing may be recorded any more.
func (a *Auditor) Close(ctx context.Context) error { return a.out.Close(ctx) }

// report counts each failure and logs the first one of a row.
func (a *Auditor) report(lost int, err error) {
	a.metrics.auditLost.Add(float64(lost))
	switch failed := err != nil; {
	case failed == a.failing.Swap(failed):
	case failed:
		a.log.Error("audit events cannot be written", "err", err)
	default:
		a.log.Info("audit events can be written again")
	}
}

// auditLine is the form of an event in the log.
type auditLine struct {
	Time      string               `json:"time"`
	Event     authserver.EventName `json:"event"`
	ClientID  string               `json:"clientID,omitempty"`
	Owner     string               `json:"owner,omitempty"`
	Grant     string               `json:"grant,omitempty"`
	Scopes    []string             `json:"scopes,omitempty"`
	Reason    string               `json:"reason,omitempty"`
	Address   string               `json:"address,omitempty"`
	RequestID string               `json:"requestID,omitempty"`
}

func (a *Auditor) line(ctx context.Context, e authserver.Event) []byte {
	scopes := slices.Clone(e.Scopes[:min(len(e.Scopes), maxAuditScopes)])
	for n, scope := range scopes {
		scopes[n] = bounded(scope, maxAuditValue)
	}
	line, _ := json.Marshal(auditLine{ // strings have a form in JSON, whatever is in them
		Time: a.now().UTC().Format(auditTime), Event: e.Name,
		ClientID: bounded(e.ClientID, maxAuditValue), Owner: bounded(e.Owner, maxAuditValue),
		Grant: bounded(e.Grant, maxAuditValue), Scopes: scopes, Reason: bounded(e.Reason, maxAuditValue),
		Address: clientAddress(ctx), RequestID: requestID(ctx),
	})
	return append(line, '\n')
}
