// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestTheIssuerIsHTTPSAndEndsWithTheHost(t *testing.T) {
	for _, issuer := range []string{
		"https://auth.example.com", "https://auth.example.com:8443", "https://127.0.0.1:9440", "https://[::1]:9440", "https://localhost",
	} {
		if err := checkIssuer(issuer); err != nil {
			t.Errorf("%s: %v", issuer, err)
		}
	}
	for _, row := range []struct{ name, issuer, want string }{
		{name: "none", issuer: "", want: "set it to the URL"},
		{name: "plain http", issuer: "http://auth.example.com", want: "https://"},
		{name: "no scheme", issuer: "auth.example.com", want: "https://"},
		{name: "scheme in upper case", issuer: "HTTPS://auth.example.com", want: "must end"},
		{name: "no host", issuer: "https://", want: "host"},
		{name: "port alone", issuer: "https://:8443", want: "host"},
		{name: "slash", issuer: "https://auth.example.com/", want: "no slash"},
		{name: "path", issuer: "https://auth.example.com/oauth", want: "no path"},
		{name: "query", issuer: "https://auth.example.com?x=1", want: "no query"},
		{name: "empty query", issuer: "https://auth.example.com?", want: "no query"},
		{name: "fragment", issuer: "https://auth.example.com#x", want: "no fragment"},
		{name: "user info", issuer: "https://bob:secret@auth.example.com", want: "no user name"},
		{name: "empty port", issuer: "https://auth.example.com:", want: "port"},
		{name: "port that is none", issuer: "https://auth.example.com:65536", want: "port"},
		{name: "port zero", issuer: "https://auth.example.com:0", want: "port"},
		{name: "no URL", issuer: "https://auth.example.com:x", want: "is not a URL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := checkIssuer(row.issuer)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Error("the error shows the password")
			}
		})
	}
}

func TestFlagsThatMakeNoSenseEndWithAClearSentence(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{name: "no issuer", want: "--issuer"},
		{name: "unknown flag", args: []string{"--isuer=https://auth.example.com"}, want: "isuer"},
		{name: "a word", args: []string{"--issuer=https://auth.example.com", "start"}, want: `"start"`},
		{name: "no namespace", args: []string{"--issuer=https://auth.example.com", "--namespace="}, want: "--namespace"},
		{name: "refusals asked for too often", args: []string{"--issuer=https://auth.example.com", "--refusals-interval=4s"}, want: "--refusals-interval 4s"},
		{name: "refusals asked for too rarely", args: []string{"--issuer=https://auth.example.com", "--refusals-interval=1h1s"}, want: "from 5s to 1h"},
		{name: "class that is none", args: []string{"--issuer=https://auth.example.com", "--class=A B"}, want: "--class"},
		{name: "namespaces without a policy", args: []string{"--issuer=https://auth.example.com", "--namespaces=a,b"}, want: "--policy-file"},
		{name: "a policy without namespaces", args: []string{"--issuer=https://auth.example.com", "--policy-file=p.yaml"}, want: "--namespaces"},
		{name: "namespace that is none", args: []string{"--issuer=https://auth.example.com", "--namespace=A B"}, want: "--namespace"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var stderr bytes.Buffer
			if status := run(t.Context(), row.args, io.Discard, &stderr); status != 2 {
				t.Errorf("status %d, want 2", status)
			}
			if !strings.Contains(stderr.String(), row.want) {
				t.Errorf("%q says nothing of %q", stderr.String(), row.want)
			}
		})
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	var stdout bytes.Buffer
	if status := run(t.Context(), []string{"--version"}, &stdout, io.Discard); status != 0 || stdout.Len() < 2 {
		t.Errorf("status %d, output %q", status, stdout.String())
	}
}
