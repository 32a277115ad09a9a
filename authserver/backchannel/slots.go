// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"context"
	"errors"
	"sync"
)

// slots bound how many questions are on their way at a time: in all, and for the clients of one namespace. So a namespace whose addresses
// hang takes a part of them alone. Who gets none waits for one.
type slots struct {
	all          chan struct{}
	perNamespace int

	mu         sync.Mutex
	namespaces map[string]*namespaceSlots // that have or want one
}

// namespaceSlots are those that one namespace has taken. users is how many have or want one.
type namespaceSlots struct {
	taken chan struct{}
	users int
}

func newSlots(all, perNamespace int) *slots {
	return &slots{all: make(chan struct{}, all), perNamespace: perNamespace, namespaces: map[string]*namespaceSlots{}}
}

// take takes a slot for the namespace, and returns what gives it back. The error is of who has waited until the context ended.
func (s *slots) take(ctx context.Context, namespace string) (leave func(), err error) {
	own := s.enter(namespace)
	if !put(ctx, own.taken) {
		s.exit(namespace)
		return nil, errors.New("too many addresses of this namespace are being asked")
	}
	leaveOwn := func() {
		<-own.taken
		s.exit(namespace)
	}
	if !put(ctx, s.all) {
		leaveOwn()
		return nil, errors.New("too many addresses are being asked")
	}
	return func() {
		<-s.all
		leaveOwn()
	}, nil
}

// put waits for room until the context ends, and reports whether there was some. Room that is there is taken in any case.
func put(ctx context.Context, into chan<- struct{}) bool {
	select {
	case into <- struct{}{}:
		return true
	default:
	}
	select {
	case into <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *slots) enter(namespace string) *namespaceSlots {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.namespaces[namespace]
	if own == nil {
		own = &namespaceSlots{taken: make(chan struct{}, s.perNamespace)}
		s.namespaces[namespace] = own
	}
	own.users++
	return own
}

// exit forgets a namespace of which nobody has or wants a slot.
func (s *slots) exit(namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.namespaces[namespace]
	if own.users--; own.users == 0 {
		delete(s.namespaces, namespace)
	}
}
