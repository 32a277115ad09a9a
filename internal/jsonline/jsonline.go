// SPDX-License-Identifier: Apache-2.0

// Package jsonline writes JSON objects member by member into a buffer of the caller's: for log
// lines and answers that are made many thousand times a second. What it writes is what package
// encoding/json would write.
package jsonline

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"
)

// Object is an object that is being written. Names of members are constants of the program that
// need no escape.
type Object struct{ b []byte }

// Begin begins an object at the end of b.
func Begin(b []byte) Object { return Object{append(b, '{')} }

// End returns everything that was written.
func (o *Object) End() []byte { return append(o.b, '}') }

func (o *Object) name(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

// String writes a member.
func (o *Object) String(name, value string) {
	o.name(name)
	o.b = appendString(o.b, value)
}

// OptionalString writes a member unless its value is empty.
func (o *Object) OptionalString(name, value string) {
	if value != "" {
		o.String(name, value)
	}
}

// OptionalStrings writes a list unless it is empty.
func (o *Object) OptionalStrings(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	for n, value := range values {
		o.b = append(o.b, "[,"[min(n, 1)])
		o.b = appendString(o.b, value)
	}
	o.b = append(o.b, ']')
}

// OptionalWords writes the values as one string with a blank between each two (RFC 6749 §3.3), unless
// there are none.
func (o *Object) OptionalWords(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	o.b = append(o.b, '"')
	for n, value := range values {
		if n > 0 {
			o.b = append(o.b, ' ')
		}
		o.b = appendInside(o.b, value)
	}
	o.b = append(o.b, '"')
}

// Int writes a member.
func (o *Object) Int(name string, value int64) {
	o.name(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

// OptionalInt writes a member unless it is 0.
func (o *Object) OptionalInt(name string, value int64) {
	if value != 0 {
		o.Int(name, value)
	}
}

// Bool writes a member.
func (o *Object) Bool(name string, value bool) {
	o.name(name)
	o.b = strconv.AppendBool(o.b, value)
}

// Time writes a member in a layout of package time that needs no escape.
func (o *Object) Time(name string, value time.Time, layout string) {
	o.name(name)
	o.b = append(value.AppendFormat(append(o.b, '"'), layout), '"')
}

func appendString(b []byte, s string) []byte {
	return append(appendInside(append(b, '"'), s), '"')
}

// appendInside writes what stands between the quotes. What is no plain text is left to encoding/json.
func appendInside(b []byte, s string) []byte {
	for n := range len(s) {
		if c := s[n]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // a string has a form in JSON, whatever is in it
			return append(b, text[1:len(text)-1]...)
		}
	}
	return append(b, s...)
}

// maxKept is the largest buffer that is kept for the next.
const maxKept = 8 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// Use lends write an empty buffer, which write may return larger. Nothing of it may be kept after.
func Use(write func(b []byte) []byte) {
	b, _ := buffers.Get().(*[]byte)
	if *b = write((*b)[:0]); cap(*b) <= maxKept {
		buffers.Put(b)
	}
}
