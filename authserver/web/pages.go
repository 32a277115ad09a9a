// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// pageName is a file in templates without its extension.
type pageName string

const (
	pageLogin   pageName = "login"
	pageChoice  pageName = "choice"
	pageRefused pageName = "refused"
	pageConsent pageName = "consent"
	pageProof   pageName = "proof"
	pageAccount pageName = "account"
	pageSignOut pageName = "signout"
	pageError   pageName = "error"
	pageFactor  pageName = "factor"
	pageTOTP    pageName = "totp"
	pageCodes   pageName = "codes"
	pagePasskey pageName = "passkey"
	pagePost    pageName = "formpost"
)

// pages are the parsed templates and what they refer to.
type pages struct {
	templates map[pageName]*template.Template
	assets    map[string]asset // by the last part of the URL
}

// asset is a file that every page may refer to.
type asset struct {
	content   []byte
	mediaType string
}

// loadPages parses all templates, each with the layout. An error is a fault of the build.
func loadPages() (*pages, error) {
	p := &pages{templates: map[pageName]*template.Template{}, assets: map[string]asset{}}
	urls, err := p.loadAssets()
	if err != nil {
		return nil, err
	}
	layout, err := template.New("").Funcs(template.FuncMap{
		"asset":   func(name string) (string, error) { return known(urls, name) },
		"name":    clientName,
		"initial": initial,
		"groups":  groups,
		"day":     func(t time.Time) string { return t.UTC().Format("2 January 2006") },
		"minute":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	for _, name := range []pageName{pageLogin, pageChoice, pageRefused, pageConsent, pageProof, pageAccount, pageSignOut, pageError, pageFactor, pageTOTP, pageCodes, pagePasskey, pagePost} {
		page, err := layout.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, "templates/"+string(name)+".html")
		}
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		p.templates[name] = page
	}
	return p, nil
}

// loadAssets names each asset after its content, so that browsers may keep it for ever,
// and returns the URLs by file name.
func (p *pages) loadAssets() (map[string]string, error) {
	urls := map[string]string{}
	files, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, fmt.Errorf("list the assets: %w", err)
	}
	for _, file := range files {
		content, err := assetFiles.ReadFile("assets/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("read asset %s: %w", file.Name(), err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(file.Name())
		name := strings.TrimSuffix(file.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		p.assets[name] = asset{content: content, mediaType: mime.TypeByExtension(ext)}
		urls[file.Name()] = "/assets/" + name
	}
	return urls, nil
}

func known(urls map[string]string, name string) (string, error) {
	u, ok := urls[name]
	if !ok {
		return "", fmt.Errorf("there is no asset %s", name)
	}
	return u, nil
}

// render writes a page. It is made completely before its first byte is sent, so that a
// fault in a template never leaves half a page.
func (s *Site) render(w http.ResponseWriter, status int, name pageName, view any) error {
	var page bytes.Buffer
	if err := s.pages.templates[name].ExecuteTemplate(&page, "layout", view); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v, ok := view.(leading); ok && v.wayOut().isForm() {
		w.Header().Set("Referrer-Policy", "origin") // with same-origin, the browser would send "Origin: null" to the client
	}
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // whoever went away does not need the page
	return nil
}

// getAsset serves a file of the pages. Its URL changes with its content.
func (s *Site) getAsset(w http.ResponseWriter, r *http.Request) error {
	a, ok := s.pages.assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return nil
	}
	w.Header().Set("Content-Type", a.mediaType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	return nil
}

// clientName is what people call the client.
func clientName(c *authserver.Client) string {
	if c.DisplayName != "" {
		return c.DisplayName
	}
	return c.ID
}

// initial is the letter that stands for a client where other sites show a picture: a
// picture from another site would be a request to that site.
func initial(c *authserver.Client) string {
	for _, letter := range clientName(c) {
		if unicode.IsLetter(letter) || unicode.IsDigit(letter) {
			return strings.ToUpper(string(letter))
		}
	}
	return "?"
}

// groups cuts a proof into pieces that can be read aloud. On the page nothing stands between them
// but room, so that it is copied in one piece.
func groups(proof string) []string {
	var out []string
	for piece := range slices.Chunk([]byte(proof), 4) {
		out = append(out, string(piece))
	}
	return out
}
