// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// failure is why a request is not carried out, in words for the caller.
type failure struct {
	status          int
	reason, message string
}

func (f failure) Error() string { return f.message }

func badRequest(format string, args ...any) failure {
	return failure{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...)}
}

// writeError answers an error. Only a failure goes out; of anything else the log gets the cause.
func (e *endpoint) writeError(w http.ResponseWriter, r *http.Request, err error) {
	f, ok := errors.AsType[failure](err)
	switch {
	case ok:
	case errors.Is(err, authserver.ErrUnavailable):
		e.log.ErrorContext(r.Context(), "a request to the admin endpoint cannot be answered now", "route", r.Pattern, "err", err)
		f = failure{http.StatusServiceUnavailable, "Unavailable", "the server cannot answer now; try again in a few seconds"}
	default:
		e.log.ErrorContext(r.Context(), "a request to the admin endpoint failed", "route", r.Pattern, "err", err)
		f = failure{http.StatusInternalServerError, "InternalError", "the server failed; the cause is in its log"}
	}
	writeFailure(w, f)
}

func writeFailure(w http.ResponseWriter, f failure) {
	switch f.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="gatehouse-admin"`)
	case http.StatusServiceUnavailable:
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", "5")
		}
	}
	writeJSON(w, f.status, adminapi.Failure{Reason: f.reason, Message: f.message})
}

func writeJSON(w http.ResponseWriter, status int, answer any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // it would make six bytes of one, and no browser shows this
	if err := encoder.Encode(answer); err != nil {
		panic("admin: an answer cannot be spelled: " + err.Error()) // all of them are structs of this program
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // who asked has gone if this fails
}

// parameters reads the query, in which only the names may be, each once.
func (r *request) parameters(names ...string) (map[string]string, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query cannot be read")
	}
	found := map[string]string{}
	for name, values := range query {
		if !slices.Contains(names, name) {
			return nil, badRequest("there is a parameter that is not known here; these are: %v", names)
		}
		if len(values) != 1 || values[0] == "" {
			return nil, badRequest("the parameter %s must be there once, with a value", name)
		}
		found[name] = values[0]
	}
	return found, nil
}

// limitOf returns how many entries a page is to hold.
func limitOf(text string, otherwise int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > adminapi.MaxPage {
		return 0, badRequest("limit must be a number from 1 to %d", adminapi.MaxPage)
	}
	return n, nil
}
