// SPDX-License-Identifier: Apache-2.0

// Package sqlite keeps authserver.Store in one SQLite file, for one server process.
// It owns the file, its schema and the order of writes; what the rows mean is decided
// in authserver.
//
// # Durability
//
// A write is on disk (write-ahead log, synchronous=FULL) when its call returns. One
// goroutine writes: it takes what waits, runs it in one transaction, each operation of
// more than one statement in a savepoint of its own, syncs once and answers all. So the number of syncs follows
// the speed of the disk and not the number of callers, and an operation that is refused
// undoes nothing but itself. When the transaction cannot be committed, every caller in
// it gets authserver.ErrUnavailable and, but for a crash in the very moment of the
// failure, nothing of it is kept.
//
// A caller whose context ends stops waiting and gets an error that wraps both
// authserver.ErrUnavailable and the context's; its write may or may not happen.
//
// Reads use connections of their own that cannot write. They see what was committed,
// including every write that was answered before the read began, and never wait for
// the writer.
//
// # Memory
//
// Grants in use, their owners and what is spent are answered from memory, without a read: see
// memory, which says why that is always what stands in the file. So no other process may write to
// the file while a server runs. Reading it is fine.
//
// A connection that went bad (an I/O error, a page that makes no sense) is closed, and the
// next one who needs it opens it anew. Probe finds out whether the store can write.
//
// # The file
//
// PATH, PATH-wal and PATH-shm belong together and are readable by their owner alone.
// PATH.lock is held while a server runs, so that a second one is refused; it stays
// behind, empty after a clean stop. The folder must be on a local disk: SQLite's shared memory does not
// work over a network file system.
//
// No row holds anything that opens a door: sessions, proofs and keys are kept as
// SHA-256 of what their bearers know, access and refresh tokens are not kept at all.
// The file does hold what the directory says of people (names, mail addresses, groups), and
// what they allowed to whom.
//
// At the start the file is looked at as far as that takes no longer with more grants: see intact. A file that is cut off
// or foreign is refused. PATH.lock holds a mark while the store is open, so that a log that is missing
// after a kill is noticed.
//
// # Backup
//
// Backup copies the store from any process while a server runs, and checks the copy whole. Restore puts a copy in
// place while no server runs. A copy of PATH alone, made while the server runs, may be useless. A
// restore brings back what was true at the time of the backup: a grant that was revoked
// since is live again, and must be revoked again. Who has left the directory since is refused
// all the same: everybody is looked at when the server starts.
package sqlite
