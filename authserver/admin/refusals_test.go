// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/authtest"
	"github.com/gatehouse-dev/gatehouse/internal/adminapi"
)

// refusals has the server remember one refusal of each client and one of nobody.
func (s *fixture) refusals() {
	for id, uid := range map[string]string{"of-photos": s.uid(authtest.PhotoPrint), "of-books": s.uid(authtest.BookShelf), "of-nobody": "", "of-gone": "gone"} {
		s.memory.Remember(authserver.RefusedRequest{
			RequestID: id, At: s.Clock.Now(), ClientUID: uid, Owner: "mallory", Code: authserver.InvalidCallback, Description: "d", Reason: "r",
			Mismatch: authserver.MismatchDetail{Is: authserver.CallbackDiffers, Asked: []string{"https://a.example/"}, Declared: []string{"https://b.example/"}},
		})
	}
}

func idsOf(list adminapi.RefusalList) string {
	var ids []string
	for _, r := range list.Items {
		ids = append(ids, r.RequestID)
	}
	return strings.Join(ids, " ")
}

// N373: a reader of a namespace sees the refusals of its clients and no others, also not by their IDs.
func TestN373ANamespacedRoleSeesRefusalsOfItsNamespaceOnly(t *testing.T) {
	s := newFixture(t)
	s.refusals()
	s.api.may = func(user string, a *authorizationv1.ResourceAttributes) bool {
		return user == "admin" && a.Namespace == "photos"
	}
	const photos = "/admin/v1/namespaces/photos/refusals"
	for target, want := range map[string]string{
		photos: "of-photos", photos + "?requestID=of-photos": "of-photos", photos + "?requestID=of-books": "", photos + "?requestID=of-nobody": "",
		photos + "?requestID=of-gone": "", "/admin/v1/namespaces/photos/clients/photoprint/refusals": "of-photos",
	} {
		if got := idsOf(get[adminapi.RefusalList](s, target)); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	for _, target := range []string{adminapi.PathRefusals, adminapi.PathRefused, "/admin/v1/namespaces/books/refusals"} {
		if code, body := s.send(http.MethodGet, target); code != http.StatusForbidden {
			t.Errorf("%s: %d %s", target, code, body)
		}
	}
}

func TestWhoSeesTheWholeClusterSeesRefusalsWithoutAClient(t *testing.T) {
	s := newFixture(t)
	s.refusals()
	list := get[adminapi.RefusalList](s, adminapi.PathRefusals)
	if len(list.Items) != 4 || list.More {
		t.Errorf("%+v", list)
	}
	one := get[adminapi.RefusalList](s, adminapi.PathRefusals+"?requestID=of-nobody")
	if len(one.Items) != 1 || one.Items[0].Client != "" || one.Items[0].Person != "mallory" || one.Items[0].Mismatch.Asked[0] != "https://a.example/" {
		t.Errorf("%+v", one)
	}
	if short := get[adminapi.RefusalList](s, adminapi.PathRefusals+"?limit=2"); len(short.Items) != 2 || !short.More {
		t.Errorf("%+v", short)
	}
	for _, query := range []string{"?requestID=" + strings.Repeat("x", 65), "?limit=0", "?x=y"} {
		if code, body := s.send(http.MethodGet, adminapi.PathRefusals+query); code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
}

// N374: what the operator reads to tell teams says nothing of people.
func TestN374WhatTheOperatorReadsSaysNothingOfPeople(t *testing.T) {
	s := newFixture(t)
	s.refusals()
	s.refusals()
	list := get[adminapi.RefusalList](s, adminapi.PathRefused)
	if len(list.Items) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, r := range list.Items {
		if r.Person != "" || r.Cause != "" || r.Description != "" || r.Namespace == "" || r.Client == "" {
			t.Errorf("%+v", r)
		}
	}
}

// N327: whatever is refused, an answer stays so small that it is read: nobody keeps others from learning of their refusals.
func TestN327AnAnswerAboutRefusalsIsNeverTooLargeToBeRead(t *testing.T) {
	s := newFixture(t)
	client, _ := s.Clients.ByID(authtest.PhotoPrint)
	long := func(text string, n int) string { return strings.Repeat(text, n/len(text)) }
	for n := range 2048 {
		one := *client
		one.UID, one.Namespace = fmt.Sprintf("%036d", n), fmt.Sprintf("%063d", n)
		one.Name = fmt.Sprintf("%0253d", n)
		one.ID = one.Namespace + "." + one.Name
		s.Clients.Put(one)
		values := slices.Repeat([]string{long("<", 64)}, 9)
		s.memory.Remember(authserver.RefusedRequest{
			RequestID: fmt.Sprintf("%0256d", n), At: s.Clock.Now().Add(time.Nanosecond), ClientUID: one.UID, Owner: long("<", 256), Code: authserver.InvalidCallback,
			Description: long("\"", 256), Reason: long("&", 256), Mismatch: authserver.MismatchDetail{Is: authserver.CallbackDiffers, Asked: values, Declared: values},
		})
	}
	for target, entries := range map[string]int{adminapi.PathRefused: 2048, adminapi.PathRefusals + "?limit=500": adminapi.MaxPage} {
		_, body := s.send(http.MethodGet, target)
		if n := strings.Count(body, `"requestID"`); n != entries || len(body) > adminapi.MaxBody {
			t.Errorf("%s: %d entries in %d bytes", target, n, len(body))
		}
	}
}
