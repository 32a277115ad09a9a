// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/gatehouse-dev/gatehouse/internal/testenv"
)

func TestN85TheClientThatAProxyNamesIsInTheLog(t *testing.T) {
	f := newFolder(t, "gatehouse-system", "proxyProtocol: true", "trustedProxies: [127.1.0.0/16]")
	p := start(t, "--config="+plain(t, f), "--kubeconfig="+deadKubeconfig(t))
	header, err := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 4711}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}).Format()
	if err != nil {
		t.Fatal(err)
	}
	get := func(from string, before []byte) bool {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		conn, err := dialer.DialContext(t.Context(), "tcp", p.main)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(limit))
		_, _ = io.WriteString(conn, string(before)+"GET /assets/nothing HTTP/1.1\r\nHost: auth.example.com\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusNotFound
	}
	if !get("127.1.0.1", header) {
		t.Error("a proxy that names its client is not answered")
	}
	if get("127.1.0.1", nil) {
		t.Error("a proxy that names nobody is answered")
	}
	if get("127.6.6.6", header) {
		t.Error("the header of somebody else is believed")
	}
	testenv.Eventually(t, limit, "the client is in the log", func() bool { return strings.Contains(p.log.String(), `"address":"203.0.113.7"`) })
	if strings.Contains(p.log.String(), `"address":"127.1.0.1"`) {
		t.Error("the proxy itself is in the log as a client")
	}
}
