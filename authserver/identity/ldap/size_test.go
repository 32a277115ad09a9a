// SPDX-License-Identifier: Apache-2.0

package ldap_test

import (
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
	"github.com/gatehouse-dev/gatehouse/authserver/identity/ldap"
)

// bindSucceeded answers the first message of a connection (RFC 4511 §4.2.2).
const bindSucceeded = "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"

// flood starts a server that takes the bind of the account and then sends the same again and again. It returns how
// many bytes of that were taken.
func flood(t *testing.T, answer string) (address string, taken *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	taken = &atomic.Int64{}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request := make([]byte, 4096)
				for _, what := range []string{bindSucceeded, strings.Repeat(answer, 1000)} {
					if _, err := c.Read(request); err != nil {
						return
					}
					for err == nil {
						var n int
						n, err = c.Write([]byte(what))
						if what == bindSucceeded {
							break
						}
						taken.Add(int64(n))
					}
				}
			}()
		}
	}()
	return listener.Addr().String(), taken
}

func TestN206AnAnswerWithoutEndIsCutOff(t *testing.T) {
	for name, answer := range map[string]string{
		"entries of the second message": "\x30\x0c\x02\x01\x02\x64\x07\x04\x03o=x\x30\x00",
		"a message of two gigabytes":    "\x30\x84\x7f\xff\xff\xff",
		"no LDAP at all":                "HTTP/1.1 200 OK\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address, taken := flood(t, answer)
			d, _ := open(t, ldap.Config{
				Key: "corp", URLs: []string{"ldap://" + address}, InsecurePlaintext: true, BindDN: "cn=reader", PasswordFile: write(t, "x"),
				UserSearch: ldap.Search{BaseDN: "dc=example", Filter: "(uid={name})"}, Attributes: ldap.Attributes{ID: "entryUUID", Name: "uid"},
			})
			if owner, err := logIn(t, d, "anna", "tulip"); !errors.Is(err, authserver.ErrUnavailable) {
				t.Errorf("anna is %+v: %v", owner, err)
			}
			if n := taken.Load(); n > 32<<20 {
				t.Errorf("%d bytes were taken", n)
			}
		})
	}
}

// A server that takes binds and answers no search must not cost each person of a long list the whole time.
func TestN206AServerThatTakesBindsAndAnswersNothingElseIsAskedRarely(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var connections atomic.Int64
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte(bindSucceeded))
		}
	}()
	d, logged := open(t, ldap.Config{
		Key: "corp", URLs: []string{"ldap://" + listener.Addr().String()}, InsecurePlaintext: true, BindDN: "cn=reader", PasswordFile: write(t, "x"),
		UserSearch: ldap.Search{BaseDN: "dc=example", Filter: "(uid={name})"}, Attributes: ldap.Attributes{ID: "entryUUID", Name: "uid"},
		Timeout: 200 * time.Millisecond,
	})
	for range 100 {
		if _, err := d.Confirm(t.Context(), authserver.Person{Owner: authserver.Owner{Source: "corp", SourceID: "1"}}); !errors.Is(err, authserver.ErrUnavailable) {
			t.Fatalf("confirmed: %v", err)
		}
	}
	if n := connections.Load(); n > 20 {
		t.Errorf("it was asked %d times for 100 people", n)
	}
	if n := strings.Count(logged.String(), "\n"); n != 1 {
		t.Errorf("logged %s", logged)
	}
}
