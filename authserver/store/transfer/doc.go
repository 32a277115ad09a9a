// SPDX-License-Identifier: Apache-2.0

// Package transfer copies what one store keeps into another, table by table: the whole of it, while no server uses either. It knows
// the tables that both stores have and nothing of what the rows mean.
//
// A copy goes on where it was stopped, however it was: the rows of a batch and the place that was reached are written in one
// transaction. Until the copy has been compared with its source, row by row, the target is marked, and no server starts on it
// (see Unfinished).
package transfer
