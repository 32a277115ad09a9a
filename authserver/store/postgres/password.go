// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

const (
	// passwordFile names a file that holds the password and nothing else, as a mounted Secret does. It is read for each new connection,
	// so that a password may change while the server runs.
	passwordFile = "password_file"
	// maxPasswordFile bounds what is read of it, in bytes.
	maxPasswordFile = 4096
)

// withPassword returns the address as the driver takes it, and the password of the file that it names, or "".
func (a address) withPassword() (text, password string, err error) {
	before, query, _ := strings.Cut(a.text, "?")
	values, err := url.ParseQuery(query)
	if err != nil || !values.Has(passwordFile) {
		return a.text, "", nil // what is wrong with the address is said elsewhere
	}
	if len(a.secrets()) > 0 {
		return "", "", errors.New("the PostgreSQL address has both a password and password_file: remove the password")
	}
	if password, err = readPassword(values.Get(passwordFile)); err != nil {
		return "", "", err
	}
	values.Del(passwordFile)
	return before + "?" + values.Encode(), password, nil
}

// readPassword returns the first line of a file.
func readPassword(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("password_file of the PostgreSQL address cannot be read: %w", err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxPasswordFile))
	if err != nil {
		return "", fmt.Errorf("password_file of the PostgreSQL address cannot be read: %w", err)
	}
	line, _, _ := strings.Cut(string(content), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", fmt.Errorf("password_file of the PostgreSQL address, %s, is empty", path)
	}
	return line, nil
}
