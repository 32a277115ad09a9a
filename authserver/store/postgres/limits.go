// SPDX-License-Identifier: Apache-2.0

package postgres

import "time"

const (
	// readPipelines and writePipelines are the connections of the hot path. While one waits for the network
	// or the disk, the requests that arrive gather for the next; more of them make the batches smaller.
	readPipelines  = 2
	writePipelines = 2

	pipelines = readPipelines + writePipelines
	// poolConnections is how many connections the rest has: logins, approvals, listings, sweeps.
	poolConnections = 4
	// minPoolConnections leaves one beside a listing that takes long.
	minPoolConnections = 2

	// maxQueue is how many requests may wait for the pipelines. A full queue is answered with ErrUnavailable:
	// it means that the database is slower than the callers.
	maxQueue = 8192
	// maxBatch is how many requests share a round trip. It bounds how long the first of them waits.
	maxBatch = 512

	// maxTries is how often an operation is tried that the database undoes and asks for again (40001, 40P01).
	// Each time at least one of those that disturb each other gets through.
	maxTries = 20
	// firstPause is before the second try; each further one is twice as long, up to maxPause, with jitter.
	firstPause = 2 * time.Millisecond
	maxPause   = 100 * time.Millisecond

	// statementTime is how long the server lets a statement run, unless the address says statement_timeout:
	// every statement touches few rows by an index.
	statementTime = 5 * time.Second
	// idleTime is how long the server keeps a transaction open whose client is silent, unless the address says
	// idle_in_transaction_session_timeout: a replica that has vanished must not hold rows.
	idleTime = 10 * time.Second
	// answerTime is how long a round trip may take until the connection is given up: a statement that the
	// server stopped has answered by then.
	answerTime = statementTime + 3*time.Second
	// connectTime is how long a connection may take to be made, unless the address says connect_timeout.
	connectTime = 3 * time.Second
	// acquireTime is how long a call waits for a connection of the pool.
	acquireTime = 3 * time.Second

	// idleCheck is after how long of silence a pipeline looks whether its connection is still there.
	idleCheck = time.Second
	// firstAbsence is how long a pipeline answers without a new attempt after it could not connect; each
	// further one is twice as long, up to maxAbsence.
	firstAbsence = 100 * time.Millisecond
	maxAbsence   = time.Second

	// firstAttempt is how long Open waits for the database; then it goes on in the background.
	firstAttempt = 5 * time.Second
	// attemptTime is how long one attempt to open the database may take, migrations included.
	attemptTime = 10 * time.Minute
	// attemptPause is between two attempts, and between two reports of what is waited for.
	attemptPause = 2 * time.Second
	reportEvery  = 5 * time.Second

	// probeAfter is how long ago the last commit may be before Probe writes something itself.
	probeAfter = 10 * time.Second
)
