// SPDX-License-Identifier: Apache-2.0

package main

import (
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"
)

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// page is what page.html shows. Link is the label of the way to /start, absent when empty.
type page struct {
	Title, Text, Link string
	Photos            []string
}

var (
	homePage = page{Title: "PhotoPrint", Text: "We print the photos you keep at PhotoStorage.", Link: "Print my photos"}
	// strayPage is for an answer that does not belong to what this browser asked for.
	strayPage = page{Title: "That was not our question", Link: "Start again",
		Text: "This answer does not belong to anything PhotoPrint asked for in this browser, so nothing was done."}
	refusedPage = page{Title: "No photos, then", Link: "Start again",
		Text: "PhotoPrint was not given access to your photos."}
	endedPage = page{Title: "Access has ended", Link: "Ask again",
		Text: "PhotoStorage no longer lets PhotoPrint see your photos."}
)

// showAlbum shows the photos.
func showAlbum(w http.ResponseWriter, found album) {
	show(w, http.StatusOK, page{Title: "Photos of " + found.Owner, Text: "Ready to print:", Photos: found.Photos})
}

func show(w http.ResponseWriter, status int, p page) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the callback's address holds the state
	w.WriteHeader(status)
	if err := pageTemplate.Execute(w, p); err != nil {
		slog.Error("write a page", "err", err)
	}
}
