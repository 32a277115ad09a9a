// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/jsonline"
)

const (
	maxAuditValue  = 512 // longest value in a line, in bytes
	maxAuditScopes = 64
	auditTime      = "2006-01-02T15:04:05.000Z07:00"
)

// Auditor writes the audit log: one line of JSON for each event. It implements
// authserver.Auditor. No answer is sent before its events are in the log: for an event of a
// request, what answers the request waits (recorder); for any other Record waits itself. A writer that fails or hangs is logged and
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
	jsonline.Use(func(b []byte) []byte {
		line := a.line(ctx, b, e)
		p := a.out.Begin(line)
		info := requestInfoOf(ctx)
		if info == nil || !info.audited.add(a, p) {
			a.await(p, 1)
		}
		if info != nil {
			info.refusal.event(e)
		}
		return line
	})
}

// await waits until lines are in the log, and counts them if that takes too long.
func (a *Auditor) await(last Pending, lines int) {
	if !last.Wait() {
		a.metrics.auditLate.Add(float64(lines))
	}
}

// auditedLines are the lines of one request that are not in the log yet. What is written later is
// later in the log, so only the last one is waited for.
type auditedLines struct {
	mu       sync.Mutex
	answered bool // nobody will wait any more
	auditor  *Auditor
	last     Pending
	lines    int
}

// add takes a line to wait for, and reports false if the request was answered already.
func (l *auditedLines) add(a *Auditor, p Pending) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.answered {
		return false
	}
	l.auditor, l.last = a, p
	l.lines++
	return true
}

// await waits for the lines, once.
func (l *auditedLines) await() {
	l.mu.Lock()
	wait := !l.answered && l.auditor != nil
	l.answered = true
	l.mu.Unlock()
	if wait {
		l.auditor.await(l.last, l.lines)
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

// line appends an event in its form in the log.
func (a *Auditor) line(ctx context.Context, b []byte, e authserver.Event) []byte {
	o := jsonline.Begin(b)
	o.Time("time", a.now().UTC(), auditTime)
	o.String("event", string(e.Name))
	o.OptionalString("clientID", bounded(e.ClientID, maxAuditValue))
	o.OptionalString("owner", bounded(e.Owner, maxAuditValue))
	o.OptionalString("actor", bounded(e.Actor, maxAuditValue))
	o.OptionalString("grant", bounded(e.Grant, maxAuditValue))
	o.OptionalStrings("scopes", boundedEach(e.Scopes))
	o.OptionalString("reason", bounded(e.Reason, maxAuditValue))
	o.OptionalString("address", clientAddress(ctx))
	o.OptionalString("requestID", requestID(ctx))
	return append(o.End(), '\n')
}

// boundedEach cuts a list and each of its values to a bounded length. The list itself stays as it is.
func boundedEach(values []string) []string {
	values = values[:min(len(values), maxAuditScopes)]
	if !slices.ContainsFunc(values, func(v string) bool { return len(v) > maxAuditValue }) {
		return values
	}
	values = slices.Clone(values)
	for n, v := range values {
		values[n] = bounded(v, maxAuditValue)
	}
	return values
}
