// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// serveList answers a list, in pages where a limit asks for them. A page begins after the object that the token
// of the page before names.
func (c *Collection) serveList(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	selector, err := labels.Parse(query.Get("labelSelector"))
	if err != nil {
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())
		return
	}
	objects, version := c.all(selector)
	if namespace, name, found := strings.Cut(query.Get("continue"), "/"); found {
		at, there := slices.BinarySearchFunc(objects, &Object{Namespace: namespace, Name: name}, (*Object).compare)
		if there {
			at++
		}
		objects = objects[at:]
	}
	meta := metav1.ListMeta{ResourceVersion: strconv.FormatUint(version, 10)}
	if limit, err := strconv.Atoi(query.Get("limit")); err == nil && limit > 0 && limit < len(objects) {
		left := int64(len(objects) - limit)
		objects, meta.RemainingItemCount = objects[:limit], &left
		last := objects[limit-1]
		meta.Continue = last.Namespace + "/" + last.Name
	}
	if meta.Continue == "" {
		c.read.Add(1)
	}
	c.writeList(w, meta, objects)
}

func (c *Collection) writeList(w http.ResponseWriter, meta metav1.ListMeta, objects []*Object) {
	head, err := json.Marshal(meta)
	if err != nil {
		refuse(w, http.StatusInternalServerError, metav1.StatusReasonInternalError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, bufferSize)
	fmt.Fprintf(out, `{"kind":%q,"apiVersion":%q,"metadata":%s,"items":[`, c.kind+"List", c.apiVersion, head)
	for n, o := range objects {
		if n > 0 {
			_ = out.WriteByte(',') // Flush tells
		}
		_, _ = out.Write(o.Text) // here too
	}
	_, _ = out.WriteString("]}\n") // here too
	_ = out.Flush()                // whoever asked has left
}

// refuse answers with a Status.
func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(statusText(code, reason, message)) // whoever asked has left
}

func statusText(code int, reason metav1.StatusReason, message string) []byte {
	text, err := json.Marshal(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message, //nolint:gosec // a status of HTTP
	})
	if err != nil {
		panic(err) // texts can always be written
	}
	return text
}
