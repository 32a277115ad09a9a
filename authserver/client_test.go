// SPDX-License-Identifier: Apache-2.0

package authserver

import "testing"

func TestN01CallbackThatDiffersFromTheRegisteredOneIsRefused(t *testing.T) {
	const registered = "https://photoprint.example/callback"
	c := &Client{CallbackURLs: []string{registered}}
	if !c.HasCallback(registered) {
		t.Fatal("the registered callback itself is refused")
	}
	for name, uri := range map[string]string{
		"path suffix":          registered + "x",
		"sub-path":             registered + "/more",
		"query":                registered + "?a=b",
		"empty query":          registered + "?",
		"trailing slash":       registered + "/",
		"case of the path":     "https://photoprint.example/Callback",
		"case of the host":     "https://PHOTOPRINT.example/callback",
		"case of the scheme":   "HTTPS://photoprint.example/callback",
		"default port":         "https://photoprint.example:443/callback",
		"other port":           "https://photoprint.example:8443/callback",
		"user info":            "https://x@photoprint.example/callback",
		"host as user info":    "https://photoprint.example@evil.example/callback",
		"backslash":            "https://photoprint.example\\callback",
		"host and backslash":   "https://evil.example\\@photoprint.example/callback",
		"dot segment":          "https://photoprint.example/./callback",
		"parent segment":       "https://photoprint.example/x/../callback",
		"percent-encoding":     "https://photoprint.example/%63allback",
		"encoded slash":        "https://photoprint.example/callback%2F",
		"fragment":             registered + "#x",
		"empty fragment":       registered + "#",
		"plain http":           "http://photoprint.example/callback",
		"sub-domain":           "https://a.photoprint.example/callback",
		"suffix of the host":   "https://photoprint.example.evil.example/callback",
		"trailing dot":         "https://photoprint.example./callback",
		"blank before":         " " + registered,
		"line break after":     registered + "\n",
		"script":               "javascript:alert(1)",
		"data":                 "data:text/html,x",
		"custom scheme":        "photoprint:/callback",
		"no scheme":            "//photoprint.example/callback",
		"nothing":              "",
		"zero byte":            registered + "\x00",
		"full-width full stop": "https://photoprint\uff0eexample/callback",
	} {
		t.Run(name, func(t *testing.T) {
			if c.HasCallback(uri) {
				t.Errorf("%q is accepted for %q", uri, registered)
			}
		})
	}
}

func TestALoopbackCallbackMayHaveAnyPort(t *testing.T) {
	loopback := []string{"http://127.0.0.1/cb?x=1", "http://[::1]:7000/cb", "http://localhost:8000"}
	for name, c := range map[string]*Client{
		"OAuth2 Public":       {Profile: ProfileOAuth2, Public: true, CallbackURLs: loopback},
		"OAuth2 Confidential": {Profile: ProfileOAuth2, CallbackURLs: loopback},
		"OAuth1":              {Profile: ProfileOAuth1, CallbackURLs: loopback},
	} {
		for _, uri := range []string{
			"http://127.0.0.1/cb?x=1", "http://127.0.0.1:1/cb?x=1", "http://127.0.0.1:65535/cb?x=1",
			"http://[::1]/cb", "http://[::1]:7000/cb", "http://[::1]:50123/cb",
			"http://localhost", "http://localhost:8000", "http://localhost:50123",
		} {
			if !c.HasCallback(uri) {
				t.Errorf("%s: %q is refused", name, uri)
			}
		}
	}
}

func TestN02LoopbackRuleIsNotStretched(t *testing.T) {
	public := &Client{Profile: ProfileOAuth2, Public: true, CallbackURLs: []string{"http://127.0.0.1/cb"}}
	for name, uri := range map[string]string{
		"localhost":              "http://localhost:5000/cb",
		"other path":             "http://127.0.0.1:5000/other",
		"query added":            "http://127.0.0.1:5000/cb?x",
		"https":                  "https://127.0.0.1:5000/cb",
		"host that begins so":    "http://127.0.0.1.evil.example:5000/cb",
		"digits that go on":      "http://127.0.0.10:5000/cb",
		"user info":              "http://127.0.0.1:5000@evil.example/cb",
		"user info with a port":  "http://127.0.0.1@evil.example:5000/cb",
		"other loopback":         "http://127.0.0.2:5000/cb",
		"the other literal":      "http://[::1]:5000/cb",
		"short form":             "http://127.1:5000/cb",
		"number":                 "http://2130706433:5000/cb",
		"mapped address":         "http://[::ffff:127.0.0.1]:5000/cb",
		"port 0":                 "http://127.0.0.1:0/cb",
		"port too large":         "http://127.0.0.1:65536/cb",
		"port with leading zero": "http://127.0.0.1:05000/cb",
		"port with a sign":       "http://127.0.0.1:+5000/cb",
		"empty port":             "http://127.0.0.1:/cb",
		"port that is a word":    "http://127.0.0.1:http/cb",
		"upper case scheme":      "HTTP://127.0.0.1:5000/cb",
		"backslash":              "http://127.0.0.1:5000\\cb",
	} {
		t.Run(name, func(t *testing.T) {
			if public.HasCallback(uri) {
				t.Errorf("%q is accepted", uri)
			}
		})
	}
	for _, p := range []Profile{ProfileConnectionsCloudOAuth2, ProfileConnectionsCloudOAuth1, ProfileIntegrationCloud} {
		c := &Client{Profile: p, Public: true, CallbackURLs: []string{"http://127.0.0.1/cb"}}
		if c.HasCallback("http://127.0.0.1:5000/cb") || c.HasCallback("http://127.0.0.1/cb") {
			t.Errorf("%s has a loopback callback", p)
		}
	}
}

// The API refuses such objects. One that came past it, from a backup for instance, does not get
// the callback either, not even when the request names it exactly.
func TestN03ACallbackOfAFormThatTheClientMayNotHaveIsRefusedAtRequestTime(t *testing.T) {
	const app = "com.example.app:/callback"
	if c := (&Client{Profile: ProfileOAuth2, Public: true, CallbackURLs: []string{app}}); !c.HasCallback(app) || c.HasCallback(app+"/x") {
		t.Error("a Public client's private-use scheme is not compared character for character")
	}
	for name, c := range map[string]*Client{
		"a private-use scheme, Confidential":     {Profile: ProfileOAuth2, CallbackURLs: []string{app}},
		"a private-use scheme, OAuth1":           {Profile: ProfileOAuth1, CallbackURLs: []string{app}},
		"a private-use scheme, IntegrationCloud": {Profile: ProfileIntegrationCloud, Public: true, CallbackURLs: []string{app}},
		"script":                                 {Profile: ProfileOAuth2, Public: true, CallbackURLs: []string{"javascript:/alert(1)"}},
		"data":                                   {Profile: ProfileOAuth2, Public: true, CallbackURLs: []string{"data:/text/html,x"}},
		"http":                                   {Profile: ProfileOAuth2, CallbackURLs: []string{"http://app.example/cb"}},
		"a fragment":                             {Profile: ProfileOAuth2, CallbackURLs: []string{"https://app.example/cb#x"}},
		"user info":                              {Profile: ProfileOAuth2, CallbackURLs: []string{"https://a@app.example/cb"}},
		"a wildcard":                             {Profile: ProfileOAuth2, CallbackURLs: []string{"https://*.app.example/cb"}},
		"our own parameter":                      {Profile: ProfileOAuth2, CallbackURLs: []string{"https://app.example/cb?code=1"}},
	} {
		if c.HasCallback(c.CallbackURLs[0]) {
			t.Errorf("%s is accepted", name)
		}
		if _, ok := chooseCallback(c, ""); ok {
			t.Errorf("%s is chosen for a request that names no callback", name)
		}
	}
}

// FuzzCallback checks that what is accepted is the registered callback, or differs from it
// in nothing but a port number after the loopback literal.
func FuzzCallback(f *testing.F) {
	const before, after = "http://127.0.0.1", "/cb"
	for _, seed := range []string{"", ":80", ":65535", "@evil.example", ".evil.example", ":1/cb@x", "\\", ":٣"} {
		f.Add(before + seed + after)
	}
	c := &Client{Profile: ProfileOAuth2, Public: true, CallbackURLs: []string{before + after, "https://app.example/cb"}}
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.HasCallback(uri) || uri == before+after || uri == "https://app.example/cb" {
			return
		}
		if len(uri) < len(before+after) || uri[:len(before)] != before || uri[len(uri)-len(after):] != after {
			t.Fatalf("%q is accepted", uri)
		}
		port := uri[len(before) : len(uri)-len(after)]
		if len(port) < 2 || len(port) > 6 || port[0] != ':' {
			t.Fatalf("%q is accepted", uri)
		}
		for _, digit := range []byte(port[1:]) {
			if digit < '0' || digit > '9' {
				t.Fatalf("%q is accepted", uri)
			}
		}
	})
}
