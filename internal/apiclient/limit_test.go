// SPDX-License-Identifier: Apache-2.0

package apiclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

// answering is a transport that is handed the request.
type answering func(*http.Request) (*http.Response, error)

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func limitedTo(f answering) http.RoundTripper {
	config := &rest.Config{}
	Limit(config)
	return config.WrapTransport(f)
}

func request(ctx context.Context) *http.Request {
	return httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
}

// N107, for every request of the operator.
func TestN107ARequestThatIsNotAnsweredIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := limitedTo(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		begin := time.Now()
		response, err := client.RoundTrip(request(t.Context()))
		if !errors.Is(err, ErrHangs) || response != nil || time.Since(begin) != answerTimeout {
			t.Errorf("after %s: %v", time.Since(begin), err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if _, err := client.RoundTrip(request(ended)); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who leaves: %v", err)
		}
	})
}

func TestAnAnswerMayTakeAsLongAsItLikesOnceItHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked context.Context
		reader, writer := io.Pipe()
		client := limitedTo(func(r *http.Request) (*http.Response, error) {
			asked = r.Context()
			return &http.Response{StatusCode: http.StatusOK, Body: reader}, nil
		})
		response, err := client.RoundTrip(request(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		later, cancel := context.WithTimeout(t.Context(), 10*answerTimeout)
		defer cancel()
		<-later.Done()
		go func() { _, _ = writer.Write([]byte("event")) }()
		if _, err := io.ReadFull(response.Body, make([]byte, 5)); err != nil || asked.Err() != nil {
			t.Errorf("a watch was cut off: %v, %v", err, asked.Err())
		}
		if err := response.Body.Close(); err != nil || asked.Err() == nil {
			t.Errorf("the request goes on after the answer was closed: %v", err)
		}
	})
}

func TestAConnectionHasALimitUnlessTheCallerBringsOne(t *testing.T) {
	config := &rest.Config{}
	if Limit(config); config.Dial == nil {
		t.Error("a connection may take for ever")
	}
}
