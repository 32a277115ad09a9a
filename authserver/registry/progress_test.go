// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/testio"
)

// slowly is an API server that sends a list in pieces, and lets time go by before each.
type slowly struct {
	pieces []string
	every  time.Duration
	stuck  bool // after the last piece nothing comes, not even the end
}

func (s slowly) RoundTrip(r *http.Request) (*http.Response, error) {
	body, out := io.Pipe()
	stop := context.AfterFunc(r.Context(), func() { out.CloseWithError(r.Context().Err()) }) // as a connection is
	go func() {
		for _, piece := range s.pieces {
			select {
			case <-time.After(s.every):
			case <-r.Context().Done():
				return
			}
			if _, err := io.WriteString(out, piece); err != nil {
				return
			}
		}
		if !s.stuck {
			stop()
			_ = out.Close() // of a pipe
		}
	}()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Request: r}, nil
}

// listFrom lists OAuthClients as a watch does before it begins.
func listFrom(t *testing.T, c *contact, from http.RoundTripper) (runtime.Object, error) {
	t.Helper()
	gv, scheme := v1alpha1.GroupVersion, runtime.NewScheme()
	scheme.AddKnownTypeWithName(gv.WithKind("OAuthClientList"), &list[oauthClient]{})
	metav1.AddToGroupVersion(scheme, gv)
	client, err := newClient(&rest.Config{Host: "https://api.example", Transport: from}, scheme, gv)
	if err != nil {
		t.Fatal(err)
	}
	lists := cache.NewListWatchFromClient(client, "oauthclients", "", fields.Everything())
	return c.list(t.Context(), func(ctx context.Context) (runtime.Object, error) {
		return lists.ListWithContext(ctx, metav1.ListOptions{})
	})
}

func TestN212AListThatTakesLongIsTakenAndOneThatStopsIsGivenUp(t *testing.T) {
	const clients = 20
	pieces := []string{`{"kind":"OAuthClientList","apiVersion":"` + v1alpha1.GroupVersion.String() + `","metadata":{"resourceVersion":"1"},"items":[`}
	for n := range clients {
		pieces = append(pieces, fmt.Sprintf(`%s{"metadata":{"namespace":"a","name":"n%d"}}`, strings.Repeat(",", min(n, 1)), n))
	}
	synctest.Test(t, func(t *testing.T) {
		c, begin := newContact(&testio.Log{}), time.Now()
		got, err := listFrom(t, c, slowly{pieces: append(pieces[:len(pieces):len(pieces)], "]}"), every: c.answer - time.Second})
		if err != nil {
			t.Fatalf("after %s: %v", time.Since(begin), err)
		}
		if all := got.(*list[oauthClient]); len(all.Items) != clients || time.Since(begin) < clients*(c.answer-time.Second) {
			t.Errorf("%d clients after %s", len(all.Items), time.Since(begin))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, begin := newContact(&testio.Log{}), time.Now()
		if got, err := listFrom(t, c, slowly{pieces: pieces, every: time.Second, stuck: true}); !errors.Is(err, errHangs) {
			t.Fatalf("after %s: %v, %v", time.Since(begin), got, err)
		}
		if took, want := time.Since(begin), time.Duration(len(pieces))*time.Second+c.answer; took != want {
			t.Errorf("it was given up after %s, want %s", took, want)
		}
	})
}
