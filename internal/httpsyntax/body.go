// SPDX-License-Identifier: Apache-2.0

package httpsyntax

import (
	"errors"
	"io"
	"sync"
)

// ErrTooLarge says that a body is longer than it may be.
var ErrTooLarge = errors.New("the body is too large")

const (
	// firstRoom holds most forms.
	firstRoom = 2 << 10
	// maxRoom is the largest buffer that is kept for the next body.
	maxRoom = 16 << 10
)

var rooms = sync.Pool{New: func() any { b := make([]byte, firstRoom); return &b }}

// ReadText returns a body of at most limit bytes. A longer one is ErrTooLarge; any other error is
// the reader's.
func ReadText(body io.Reader, limit int) (string, error) {
	room, _ := rooms.Get().(*[]byte)
	b := *room
	defer func() {
		if len(b) <= maxRoom {
			*room = b
			rooms.Put(room)
		}
	}()
	for read := 0; ; {
		n, err := body.Read(b[read:])
		read += n
		switch {
		case read > limit:
			return "", ErrTooLarge
		case errors.Is(err, io.EOF):
			return string(b[:read]), nil
		case err != nil:
			return "", err
		case read == len(b):
			b = append(b, make([]byte, len(b))...)
		}
	}
}
