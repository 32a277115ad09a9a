// SPDX-License-Identifier: Apache-2.0

//go:build acceptance

package acceptance

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/freeport"
	"github.com/gatehouse-dev/gatehouse/resourceserver"
)

// mcpServer serves what of MCP a host needs to ask who its user is, at origin/mcp, and the metadata of RFC 9728.
func (w *environment) mcpServer(t *testing.T, at string) {
	t.Helper()
	config, err := resourceserver.Mounted(w.mountNamed(t, "mcp", "mcp-resource-server"))
	if err != nil {
		t.Fatal(err)
	}
	config.Identifiers, config.Scopes, config.HTTPClient = []string{"https://" + at + "/mcp"}, []string{"mcp.tools"}, w.client(t)
	guard, err := resourceserver.New(config)
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := url.Parse(guard.MetadataURL())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(metadata.Path, guard.Metadata())
	mux.Handle("POST /mcp", guard.Require("mcp.tools", http.HandlerFunc(mcpAnswer)))
	listener, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: mux}
	t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.ServeTLS(listener, w.certificate("tls.crt"), w.certificate("tls.key")) }()
}

// mcpAnswer knows one tool: whoami.
func mcpAnswer(rw http.ResponseWriter, r *http.Request) {
	var call struct {
		ID     any
		Method string
		Params struct{ ProtocolVersion string }
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	caller, _ := resourceserver.CallerFrom(r.Context())
	results := map[string]any{
		"initialize": map[string]any{
			"protocolVersion": call.Params.ProtocolVersion, "capabilities": map[string]any{"tools": map[string]any{}},
			"serverInfo": map[string]string{"name": "whoami", "version": "1"},
		},
		"tools/list": map[string]any{"tools": []any{map[string]any{"name": "whoami", "inputSchema": map[string]string{"type": "object"}}}},
		"tools/call": map[string]any{"content": []any{map[string]string{"type": "text", "text": caller.Owner + " by " + caller.ClientID}}},
	}
	result, known := results[call.Method]
	switch {
	case call.ID == nil:
		rw.WriteHeader(http.StatusAccepted)
	case known:
		answer(rw, map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": result})
	default:
		answer(rw, map[string]any{"jsonrpc": "2.0", "id": call.ID, "error": map[string]any{"code": -32601, "message": "no such method"}})
	}
}

func answer(rw http.ResponseWriter, value any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(value) // who does not read it asks no more
}

// The SDKs are hosts on Bob's machine, with a client ID that somebody has given them.
func TestMCP(t *testing.T) {
	w := start(t)
	at := freeport.For(t)
	w.apply(t, "mcp", "https://"+at)
	w.mcpServer(t, at)
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder, ".")
	build.Dir = filepath.Join("test", "acceptance", "programs", "mcp-go")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the host in Go: %v\n%s", err, out)
	}
	for _, sdk := range []struct {
		name    string
		command []string
	}{{"Go", []string{filepath.Join(folder, "mcp-go")}}, {"TypeScript", node(t, "mcp.mjs")}} {
		t.Run(sdk.name, func(t *testing.T) {
			host := w.callbacks(t, "http")
			settings := map[string]string{
				"ClientID": w.secret(t, "mcp")["client-id"], "Callback": host.origin + "/callback", "Server": "https://" + at + "/mcp", "CA": w.CA,
			}
			s, bob := w.script(t, settings, sdk.command), w.browser(t)
			bob.open(s.read().Open)
			bob.logIn()
			bob.allowOnce()
			s.answer(host.back(bob))
			const want = "bob by mcp.mcp"
			if did := s.read().Did; did != want {
				t.Errorf("the tool says %q, want %q", did, want)
			}
			s.answer("")
			if sdk.name == "Go" {
				return
			}
			if did := s.read().Did; did != want {
				t.Errorf("after the refresh the tool says %q, want %q", did, want)
			}
			w.dismiss(t, "mcp", "http://localhost/callback")
			s.answer("")
			if end := s.read(); end.Refused == "" {
				t.Errorf("who may use it no more is answered: %+v", end)
			}
			s.answer("")
		})
	}
}
