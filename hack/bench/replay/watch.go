// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

const (
	// bookmarkEvery is how often an API server says that it is there.
	bookmarkEvery = time.Minute
	// watchTime is how long a watch lasts that names no time.
	watchTime = 30 * time.Minute
	// bufferSize is of what is sent at once, in bytes.
	bufferSize = 64 << 10
)

// watching is one watch.
type watching struct {
	of        *Collection
	out       *bufio.Writer
	flush     func() error // to the client
	selector  labels.Selector
	bookmarks bool
	version   uint64 // everything up to it was sent
}

// serveWatch answers a watch until it has lasted as long as the client wants, the client leaves or the
// collection forgets what the client has not seen.
func (c *Collection) serveWatch(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		return
	}
	if c.onlyLists.Load() && query.Has("sendInitialEvents") {
		refuse(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	to := &watching{
		of: c, out: bufio.NewWriterSize(w, bufferSize), flush: http.NewResponseController(w).Flush,
		selector: selector, bookmarks: query.Get("allowWatchBookmarks") == "true",
	}
	given, err := strconv.ParseUint(cmp.Or(query.Get("resourceVersion"), "0"), 10, 64)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, "resourceVersion is no number")
		return
	case query.Get("sendInitialEvents") == "true" || given == 0:
		to.begin(query.Get("sendInitialEvents") == "true")
	default:
		to.version = given
	}
	seconds, err := strconv.Atoi(query.Get("timeoutSeconds"))
	lasts := time.Duration(seconds) * time.Second
	if err != nil || seconds <= 0 {
		lasts = watchTime
	}
	to.run(r, lasts)
}

// begin sends everything there is, and then that this was all.
func (to *watching) begin(mark bool) {
	objects, version := to.of.all(to.selector)
	for _, o := range objects {
		to.send("ADDED", o.Text)
	}
	to.version = version
	if mark {
		to.bookmark(`,"annotations":{"` + metav1.InitialEventsAnnotationKey + `":"true"}`)
	}
	to.of.read.Add(1)
}

func (to *watching) run(r *http.Request, lasts time.Duration) {
	end, tick := time.NewTimer(lasts), time.NewTicker(bookmarkEvery)
	defer end.Stop()
	defer tick.Stop()
	for {
		events, changed, known := to.of.since(to.version)
		if !known {
			to.send("ERROR", statusText(http.StatusGone, metav1.StatusReasonExpired, "the resource version is too old"))
		}
		for _, e := range events {
			if to.version = e.object.version; to.selector.Matches(labels.Set(e.object.Labels)) {
				to.send(e.kind, e.object.Text)
			}
		}
		if to.out.Flush() != nil || to.flush() != nil || !known {
			return
		}
		select {
		case <-changed:
		case <-tick.C:
			if to.bookmarks {
				to.bookmark("")
			}
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (to *watching) send(kind string, text []byte) {
	fmt.Fprintf(to.out, `{"type":%q,"object":`, kind)
	_, _ = to.out.Write(text)        // Flush tells
	_, _ = to.out.WriteString("}\n") // here too
}

// bookmark says which version was sent.
func (to *watching) bookmark(more string) {
	to.send("BOOKMARK", fmt.Appendf(nil, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"%d"%s}}`,
		to.of.kind, to.of.apiVersion, to.version, more))
}
