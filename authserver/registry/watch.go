// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// remindEvery is how often a server that waits says what for.
const remindEvery = 5 * time.Second

// retry is how the API server is tried again: soon, and after a long absence every few
// seconds, so that changes are not kept waiting when it is back.
var retry = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 10, Cap: 5 * time.Second}

// newClient returns a client for the kinds of one group. It knows no others, so neither
// their code nor their tables take memory.
func newClient(config *rest.Config, scheme *runtime.Scheme, gv schema.GroupVersion) (rest.Interface, error) {
	config = rest.CopyConfig(config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, ""
	config.Timeout = 0 // a watch has no end
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return progressing{next} })
	if config.Dial == nil {
		config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext
	}
	return rest.RESTClientFor(config)
}

// source is what is watched.
type source struct {
	resource  string
	namespace string // empty: all of them
	selector  fields.Selector
	kind      runtime.Object
}

// keeper keeps what is watched. Its methods are called one after the other.
type keeper[T any] interface {
	upsert(T)
	remove(T)
	replace([]T)
}

// watch keeps a keeper up to date. Unlike an informer it holds no objects of its own.
type watch struct {
	reflector *cache.Reflector
	log       *slog.Logger
	filled    chan struct{} // closed when everything has been read once
	lost      atomic.Bool   // the API server could not be reached at the last try
	contact   contact
}

func newWatch[T any](client rest.Interface, s source, keep keeper[T], log *slog.Logger) *watch {
	w := &watch{log: log, filled: make(chan struct{})}
	w.contact.init(s.resource, usualPatience, log)
	from := cache.NewListWatchFromClient(client, s.resource, s.namespace, s.selector)
	if _, reads := s.kind.(decodable); reads {
		of := reflect.TypeOf(s.kind).Elem()
		from.WatchFuncWithContext = func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			return watchFrom(ctx, client, s, o, func() decodable { return reflect.New(of).Interface().(decodable) })
		}
	}
	backoff := retry
	w.reflector = cache.NewReflectorWithOptions(w.recordContacts(from), s.kind, &store[T]{keep: keep, filled: w.filled},
		cache.ReflectorOptions{Name: s.resource + " " + s.selector.String(), Backoff: &backoff})
	return w
}

func (w *watch) run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { w.contact.supervise(ctx) })
	w.reflector.RunWithContext(klog.NewContext(ctx, logr.FromSlogHandler(w.log.Handler())))
	running.Wait()
}

// recordContacts returns a ListWatch that gives up when the API server hangs, notes each contact with it, and
// logs once when it is lost and once when it is back: a reflector tries again in silence.
func (w *watch) recordContacts(from *cache.ListWatch) *cache.ListWatch {
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list, err := w.contact.list(ctx, func(ctx context.Context) (runtime.Object, error) { return from.ListWithContext(ctx, o) })
			w.note(ctx, err)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (apiwatch.Interface, error) {
			everything := o.SendInitialEvents != nil && *o.SendInitialEvents
			stream, err := w.contact.watch(ctx, everything, func(ctx context.Context) (apiwatch.Interface, error) { return from.WatchWithContext(ctx, o) })
			w.note(ctx, err)
			return stream, err
		},
	}
}

func (w *watch) note(ctx context.Context, err error) {
	_, answered := errors.AsType[*apierrors.StatusError](err)
	lost := err != nil && !answered && ctx.Err() == nil
	switch was := w.lost.Swap(lost); {
	case lost && !was:
		w.log.WarnContext(ctx, "the API server cannot be reached; what is known stays in use", "err", err)
	case was && !lost:
		w.log.InfoContext(ctx, "the API server can be reached again")
	}
}

func (w *watch) complete() bool {
	select {
	case <-w.filled:
		return true
	default:
		return false
	}
}

func (w *watch) wait(ctx context.Context, message string) error {
	return await(ctx, w.filled, func() { w.log.WarnContext(ctx, message) })
}

// await waits for done and calls remind at once, if it has to wait, and every few seconds.
func await(ctx context.Context, done <-chan struct{}, remind func()) error {
	tick := time.NewTicker(remindEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			remind()
		}
	}
}

// store is what a reflector writes to. It returns no errors: a reflector would log them
// together with the object, and the object may be a Secret.
type store[T any] struct {
	keep   keeper[T]
	filled chan struct{}
	once   sync.Once
}

// Add, Update and Delete take what the reflector has checked to be of the watched kind.
func (s *store[T]) Add(o any) error { return s.Update(o) }

func (s *store[T]) Update(o any) error {
	s.keep.upsert(o.(T))
	return nil
}

func (s *store[T]) Delete(o any) error {
	s.keep.remove(o.(T))
	return nil
}

// Replace takes the whole of what there is.
func (s *store[T]) Replace(all []any, _ string) error {
	typed := make([]T, 0, len(all))
	for _, o := range all {
		typed = append(typed, o.(T))
	}
	s.keep.replace(typed)
	s.once.Do(func() { close(s.filled) })
	return nil
}

// Resync has nothing to do: what was told once is kept.
func (s *store[T]) Resync() error { return nil }
