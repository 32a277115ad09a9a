// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"net/url"
	"strconv"

	"github.com/gatehouse-dev/gatehouse/internal/installation"
)

// host is what requests name; the servers are at other addresses.
var host = func() string {
	u, err := url.Parse(installation.Issuer)
	if err != nil {
		panic(err) // a constant
	}
	return u.Host
}()

// post is a form of a client.
func post(path string, by credentials, form url.Values) []byte {
	body := form.Encode()
	basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(by.id) + ":" + url.QueryEscape(by.secret)))
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", path, host, basic, len(body), body)
}

// same sends one request again and again, and looks for a text in each answer.
func same(request []byte, holds string) requester {
	return func(answer []byte) ([]byte, error) { return request, check(answer, holds) }
}

// check looks for a text in an answer; nil is none yet.
func check(answer []byte, holds string) error {
	if answer != nil && !bytes.Contains(answer, []byte(holds)) {
		return fmt.Errorf("an answer lacks %s", holds)
	}
	return nil
}

// exchange sends a request and returns the status and the body of its answer.
func exchange(conn net.Conn, r *bufio.Reader, request []byte) (status int, body []byte, err error) {
	if _, err := conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, nil, fmt.Errorf("receive: %w", err)
	}
	const before = len("HTTP/1.1 ")
	if len(line) < before+3 {
		return 0, nil, fmt.Errorf("receive: %q is no status line", line)
	}
	if status, err = strconv.Atoi(string(line[before : before+3])); err != nil {
		return 0, nil, fmt.Errorf("receive: %q is no status line", line)
	}
	length, chunked, err := readHeader(r)
	if err != nil {
		return 0, nil, err
	}
	body, err = readBody(r, length, chunked)
	return status, body, err
}

// readHeader reads a header up to the empty line.
func readHeader(r *bufio.Reader) (length int, chunked bool, err error) {
	length = -1
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return 0, false, fmt.Errorf("receive: %w", err)
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return length, chunked, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, false, fmt.Errorf("receive: %w", err)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
}

func readBody(r *bufio.Reader, length int, chunked bool) (body []byte, err error) {
	switch {
	case chunked:
		if body, err = io.ReadAll(httputil.NewChunkedReader(r)); err == nil {
			_, err = r.ReadSlice('\n') // after the last chunk
		}
	case length >= 0:
		body = make([]byte, length)
		_, err = io.ReadFull(r, body)
	default:
		return nil, errors.New("receive: the answer does not say how long it is")
	}
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	return body, nil
}
