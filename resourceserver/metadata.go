// SPDX-License-Identifier: Apache-2.0

package resourceserver

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
)

// metadataPath is where the metadata of an API stand, in front of the path of its identifier (RFC 9728 §3.1).
const metadataPath = "/.well-known/oauth-protected-resource"

// metadata are those of the API (RFC 9728 §2).
type metadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported"`
}

// MetadataURL returns where clients look for the metadata of the API; empty: it has none, because Issuer is not set or
// the first identifier is not the address of a web server.
func (g *Guard) MetadataURL() string { return g.metadataURL }

// Metadata serves the metadata of the API (RFC 9728): who its authorization server is and which scopes there are. Serve it
// for everybody at the path of MetadataURL. A client that was sent away finds the address in the challenge, and programs
// that speak the Model Context Protocol start there. Metadata panics if there are none.
func (g *Guard) Metadata() http.Handler {
	if g.metadataURL == "" {
		panic("resourceserver: the API has no metadata: Issuer and an https URL as the first of Identifiers are needed")
	}
	text, err := json.Marshal(metadata{
		Resource: g.config.Identifiers[0], AuthorizationServers: []string{g.config.Issuer}, Scopes: g.config.Scopes,
		BearerMethods: []string{"header"},
	})
	if err != nil {
		panic(err) // texts can be marshalled
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Everybody may read them, from any page: they are the same for all.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "public, max-age=300")
			_, _ = w.Write(text) // an answer nobody waits for any more is no fault
		case http.MethodOptions:
			w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
			w.Header().Set("Access-Control-Allow-Headers", "*")
			w.WriteHeader(http.StatusNoContent)
		default:
			w.Header().Set("Allow", "GET, HEAD, OPTIONS")
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
}

// metadataURLOf returns the address of the metadata (RFC 9728 §3.1), if the configuration names all of them.
func (c Config) metadataURLOf() string {
	if c.Issuer == "" || len(c.Identifiers) == 0 {
		return ""
	}
	u, err := url.Parse(c.Identifiers[0])
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return ""
	}
	path := u.EscapedPath()
	if path == "/" {
		path = ""
	}
	address := u.Scheme + "://" + u.Host + metadataPath + path
	if u.RawQuery != "" {
		address += "?" + u.RawQuery
	}
	return address
}

// isLoopback is for APIs on the machine of whoever develops them.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
