// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"
)

const (
	// linePatience is how long a line is waited for.
	linePatience = time.Second
	// maxPendingLines bounds the memory for lines that could not be written yet, in bytes.
	maxPendingLines = 4 << 20
	// maxSpareLines is the largest buffer that is kept for the next lines.
	maxSpareLines = 64 << 10
)

// What a LineWriter reports beside the errors of what it writes to.
var (
	// ErrLinesHang says that a write does not return.
	ErrLinesHang = errors.New("what was written is not taken")
	// ErrLinesFull says that a line was dropped: too much waits to be written.
	ErrLinesFull = errors.New("too much waits to be written")
)

// LineWriter writes lines for many goroutines to a writer that may fail or hang, such
// as a pipe that nobody reads. Nobody waits for it for longer than a second. While it
// writes, what comes collects: the more lines there are, the fewer writes each costs.
type LineWriter struct {
	w      io.Writer
	report func(lost int, err error)
	watch  *time.Timer // runs while something is being written

	mu      sync.Mutex
	next    *lineBatch    // what collects; nil: nothing has come
	current *lineBatch    // what is being written
	writing bool          // a goroutine is at it
	hangs   bool          // current was waited for in vain
	spare   []byte        // the buffer of the batch before
	idle    chan struct{} // closed when nothing is left to write; nil: nobody asks
	failing bool          // the last write failed or hung

	torn bool // the output may end in the middle of a line; the writing goroutine's
}

// lineBatch is a number of lines that are written at once.
type lineBatch struct {
	text  []byte
	lines int
	done  chan struct{} // closed when nobody needs to wait any more
	late  bool          // done was closed before the lines were written
}

// NewLineWriter returns a writer to w, from one goroutine at a time and whole lines only.
// report is told of what goes wrong, from any goroutine: how many lines were lost, and why;
// and (0, nil) when a write succeeds after one that failed.
func NewLineWriter(w io.Writer, report func(lost int, err error)) *LineWriter {
	l := &LineWriter{w: w, report: report}
	l.watch = time.AfterFunc(linePatience, l.giveUp)
	l.watch.Stop()
	return l
}

// Write takes a line, which ends with a line break, and returns at once. It never fails:
// it is for logs, whose writers could do nothing about it.
func (l *LineWriter) Write(line []byte) (int, error) {
	l.add(line)
	return len(line), nil
}

// Pending is a line that may not be written yet.
type Pending struct{ batch *lineBatch }

// Begin takes a line, which ends with a line break, and returns what waits for it.
func (l *LineWriter) Begin(line []byte) Pending { return Pending{l.add(line)} }

// Wait waits until the write of the line has returned. It reports false when it did not wait that long.
func (p Pending) Wait() bool {
	if p.batch == nil {
		return false
	}
	<-p.batch.done
	return !p.batch.late
}

// add puts a line where the writing goroutine finds it, and returns its batch; nil if
// there is nothing to wait for.
func (l *LineWriter) add(line []byte) *lineBatch {
	l.mu.Lock()
	b := l.collect()
	if len(b.text)+len(line) > maxPendingLines {
		l.mu.Unlock()
		l.report(1, ErrLinesFull)
		return nil
	}
	b.text = append(b.text, line...)
	b.lines++
	if l.hangs {
		b = nil
	}
	l.mu.Unlock()
	return b
}

// collect returns the batch that collects, and sees to it that it will be written.
func (l *LineWriter) collect() *lineBatch {
	if l.next == nil {
		l.next = &lineBatch{text: l.spare[:0], done: make(chan struct{})}
		l.spare = nil
	}
	if !l.writing {
		l.writing = true
		go l.write()
	}
	return l.next
}

// write writes batches until none is left. Whoever can run runs first: the lines of all of them go
// out in one write.
func (l *LineWriter) write() {
	runtime.Gosched()
	for b := l.take(); b != nil; b = l.take() {
		l.watch.Reset(linePatience)
		err := l.put(b.text)
		l.watch.Stop()
		l.tell(b.lines, err)
		l.finish(b)
	}
}

func (l *LineWriter) take() *lineBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.next = l.next, nil
	l.writing = l.current != nil
	if !l.writing && l.idle != nil {
		close(l.idle)
		l.idle = nil
	}
	return l.current
}

// put writes lines, on a line of their own.
func (l *LineWriter) put(text []byte) error {
	if l.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := l.w.Write(text)
	l.torn = err != nil && (l.torn || n > 0)
	return err
}

// tell reports how a write went, if there is something to say.
func (l *LineWriter) tell(lines int, err error) {
	l.mu.Lock()
	before := l.failing
	l.failing = err != nil
	l.mu.Unlock()
	switch {
	case err != nil:
		l.report(lines, err)
	case before:
		l.report(0, nil)
	}
}

func (l *LineWriter) finish(b *lineBatch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current, l.hangs = nil, false
	if cap(b.text) <= maxSpareLines {
		l.spare = b.text
	}
	if !b.late {
		close(b.done)
	}
}

// giveUp lets everybody go who waits for a write that does not return.
func (l *LineWriter) giveUp() {
	l.mu.Lock()
	for _, b := range []*lineBatch{l.current, l.next} {
		if b != nil && !b.late {
			b.late = true
			close(b.done)
		}
	}
	l.hangs, l.failing = l.writing, true
	l.mu.Unlock()
	l.report(0, ErrLinesHang)
}

// Close waits until everything is written, or until ctx ends: then it returns why. No
// line may come after it.
func (l *LineWriter) Close(ctx context.Context) error {
	l.mu.Lock()
	if l.writing && l.idle == nil {
		l.idle = make(chan struct{})
	}
	idle, writing := l.idle, l.writing
	l.mu.Unlock()
	if !writing {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
