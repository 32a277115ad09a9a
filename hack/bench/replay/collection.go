// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bytes"
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"
)

// Object is an object in a namespace. Its text is JSON, with kind and API version and with a resource version, in
// whose place the collection writes its own.
type Object struct {
	Namespace, Name string
	Labels          map[string]string
	Text            []byte

	version uint64
}

func (o *Object) compare(other *Object) int {
	return cmp.Or(strings.Compare(o.Namespace, other.Namespace), strings.Compare(o.Name, other.Name))
}

// serve answers the request for this object.
func (o *Object) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(o.Text) // whoever asked has left
}

// event is a change.
type event struct {
	kind   string // ADDED, MODIFIED or DELETED
	object *Object
}

// Collection holds the objects of one resource in all namespaces. Objects in it are not changed, only replaced.
type Collection struct {
	path, prefix, resource string
	apiVersion, kind       string
	asked                  atomic.Int64
	read                   atomic.Int64
	onlyLists              atomic.Bool

	mu      sync.Mutex
	version uint64
	floor   uint64 // what happened up to here is not known any more
	sorted  []*Object
	events  []event
	changed chan struct{} // closed at the next change
}

// firstVersion is that of an empty collection.
const firstVersion = 1000

// NewCollection returns the collection of a resource, as in "/apis/gatehouse.dev/v1alpha1", "oauthclients",
// "gatehouse.dev/v1alpha1", "OAuthClient".
func NewCollection(prefix, resource, apiVersion, kind string) *Collection {
	return &Collection{
		path: prefix + "/" + resource, prefix: prefix, resource: resource, apiVersion: apiVersion, kind: kind,
		version: firstVersion, floor: firstVersion, changed: make(chan struct{}),
	}
}

// Load adds objects before anybody asks.
func (c *Collection) Load(objects []Object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range objects {
		c.version++
		o.version = c.version
		if err := o.stamp(); err != nil {
			return err
		}
		c.sorted = append(c.sorted, &o)
	}
	slices.SortFunc(c.sorted, (*Object).compare)
	c.floor = c.version
	return nil
}

// Put adds an object, or replaces it.
func (c *Collection) Put(o Object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.version = c.version + 1
	if err := o.stamp(); err != nil {
		return err
	}
	at, there := slices.BinarySearchFunc(c.sorted, &o, (*Object).compare)
	kind := "MODIFIED"
	if !there {
		kind = "ADDED"
		c.sorted = slices.Insert(c.sorted, at, nil)
	}
	c.sorted[at] = &o
	c.happened(event{kind, &o})
	return nil
}

// Remove removes an object.
func (c *Collection) Remove(namespace, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, there := slices.BinarySearchFunc(c.sorted, &Object{Namespace: namespace, Name: name}, (*Object).compare)
	if !there {
		return fmt.Errorf("there is no %s/%s", namespace, name)
	}
	last := *c.sorted[at]
	last.version = c.version + 1
	if err := last.stamp(); err != nil {
		return err
	}
	c.sorted = slices.Delete(c.sorted, at, at+1)
	c.happened(event{"DELETED", &last})
	return nil
}

// Expire forgets all changes and ends all watches, as an API server does whose etcd was compacted: who watched
// has to read everything again.
func (c *Collection) Expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	c.floor, c.events = c.version, nil
	c.wake()
}

// StreamLists says whether a watch may begin with everything there is, as it may at first. Kubernetes 1.33 refuses
// that, and clients list.
func (c *Collection) StreamLists(may bool) { c.onlyLists.Store(!may) }

// Asked returns how many requests were answered.
func (c *Collection) Asked() int { return int(c.asked.Load()) }

// Read returns how often a watch or a list has brought everything there is.
func (c *Collection) Read() int { return int(c.read.Load()) }

// happened needs the lock.
func (c *Collection) happened(e event) {
	c.version = e.object.version
	c.events = append(c.events, e)
	c.wake()
}

// wake needs the lock.
func (c *Collection) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// since returns what happened after a version, and what is closed when more does. It is false where that is not
// known any more.
func (c *Collection) since(version uint64) (events []event, changed <-chan struct{}, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version < c.floor {
		return nil, nil, false
	}
	at, _ := slices.BinarySearchFunc(c.events, version+1, func(e event, v uint64) int { return cmp.Compare(e.object.version, v) })
	return slices.Clone(c.events[at:]), c.changed, true
}

// all returns the objects with these labels, and the version that they are of.
func (c *Collection) all(with labels.Selector) ([]*Object, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.sorted), func(o *Object) bool { return !with.Matches(labels.Set(o.Labels)) }), c.version
}

// object returns the object whose path this is, or nil.
func (c *Collection) object(path string) *Object {
	rest, found := strings.CutPrefix(path, c.prefix+"/namespaces/")
	parts := strings.Split(rest, "/")
	if !found || len(parts) != 3 || parts[1] != c.resource {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	at, there := slices.BinarySearchFunc(c.sorted, &Object{Namespace: parts[0], Name: parts[2]}, (*Object).compare)
	if !there {
		return nil
	}
	return c.sorted[at]
}

// stamp writes the version into the text.
func (o *Object) stamp() error {
	const member = `"resourceVersion":"`
	before, rest, found := bytes.Cut(o.Text, []byte(member))
	_, after, closed := bytes.Cut(rest, []byte(`"`))
	if !found || !closed {
		return fmt.Errorf("%s/%s has no resource version", o.Namespace, o.Name)
	}
	o.Text = slices.Concat(before, []byte(member), strconv.AppendUint(nil, o.version, 10), []byte(`"`), after)
	return nil
}
