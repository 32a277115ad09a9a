// SPDX-License-Identifier: Apache-2.0

// Package replay is an API server that replays. It stands before a real one and answers list and watch requests of
// some resources itself, with objects that were made for it; everything else it passes on. So a program can be
// measured beside more objects than a real API server takes in reasonable time.
//
//	server.go      which requests it answers itself, and what it counts
//	collection.go  the objects of one resource, and how they change
//	list.go        lists, in pages
//	watch.go       watches: everything first (sendInitialEvents), then changes and bookmarks
package replay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// headerTimeout bounds how long a request may take to come.
const headerTimeout = 10 * time.Second

// Server is the API server.
type Server struct {
	upstream    *httputil.ReverseProxy
	collections map[string]*Collection // by the path of the resource
	serving     *http.Server
	listener    net.Listener
	ended       chan error

	mu     sync.Mutex
	writes map[string]int
}

// New returns a Server before the API server that config leads to, which replays the collections. Whoever asks
// keeps their own credentials.
func New(config *rest.Config, collections ...*Collection) (*Server, error) {
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(config))
	if err != nil {
		return nil, fmt.Errorf("prepare to pass requests on: %w", err)
	}
	to, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("the address of the API server: %w", err)
	}
	s := &Server{collections: map[string]*Collection{}, writes: map[string]int{}, ended: make(chan error, 1)}
	for _, c := range collections {
		s.collections[c.path] = c
	}
	s.upstream = &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     transport,
		FlushInterval: -1, // a watch is not kept waiting
		ErrorLog:      log.New(io.Discard, "", 0),
	}
	return s, nil
}

// Start serves on a free port of this machine, with a certificate.
func (s *Server) Start(ctx context.Context, certFile, keyFile string) (err error) {
	if s.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.serving = &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13},
	}
	go func() { s.ended <- s.serving.ServeTLS(s.listener, certFile, keyFile) }()
	return nil
}

// URL is where it serves.
func (s *Server) URL() string { return "https://" + s.listener.Addr().String() }

// Close ends it, with all watches.
func (s *Server) Close() error {
	err := s.serving.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// Writes returns how often each "resource/subresource METHOD" was asked for that changes something. What every
// program does all the time is left out: leases, and reviews, which change nothing.
func (s *Server) Writes() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.writes)
}

// ServeHTTP answers a request, or passes it on.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c, answer := s.replayed(r); answer != nil {
		c.asked.Add(1)
		answer(w, r)
		return
	}
	s.count(r)
	s.upstream.ServeHTTP(w, r)
}

// replayed returns what answers the request here; nil: it is passed on. One object that the collection does not
// have is passed on too, and so is what asks for an object by a field selector: the keys.
func (s *Server) replayed(r *http.Request) (*Collection, http.HandlerFunc) {
	if r.Method != http.MethodGet {
		return nil, nil
	}
	query := r.URL.Query()
	if c := s.collections[r.URL.Path]; c != nil && query.Get("fieldSelector") == "" {
		if query.Get("watch") == "true" || query.Get("watch") == "1" {
			return c, c.serveWatch
		}
		return c, c.serveList
	}
	for _, c := range s.collections {
		if o := c.object(r.URL.Path); o != nil {
			return c, o.serve
		}
	}
	return nil, nil
}

func (s *Server) count(r *http.Request) {
	name := resourceOf(r.URL.Path)
	if r.Method == http.MethodGet || slices.Contains([]string{"leases", "tokenreviews", "subjectaccessreviews"}, name) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes[name+" "+r.Method]++
}

// resourceOf returns the resource in a path, with its subresource.
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	parts = parts[min(len(parts), 2):] // api and version
	if strings.HasPrefix(path, "/apis/") {
		parts = parts[min(len(parts), 1):] // the group stands before the version
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch {
	case len(parts) == 0:
		return path
	case len(parts) > 2:
		return parts[0] + "/" + parts[2]
	default:
		return parts[0]
	}
}
