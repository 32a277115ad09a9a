// SPDX-License-Identifier: Apache-2.0

package backchannel

import (
	"errors"
	"log/slog"

	"github.com/gatehouse-dev/gatehouse/internal/assertion"
)

// setReader reads JWK Sets of one kind of owner.
type setReader struct {
	parse func(text []byte) ([]assertion.Key, error)
	none  string // the log line of a set without keys
}

var (
	ofClients  = setReader{assertion.ParseKeys, "the keys of a client are none: no assertion of it is accepted"}
	ofClusters = setReader{assertion.ParseClusterKeys, "the keys of a cluster are none: no token of its ServiceAccounts is accepted"}
)

// read reads a set. One that is in order and has no key which can be used is its owner's word that there is none: what was known before
// counts no more.
func (r setReader) read(log *slog.Logger, text []byte) ([]assertion.Key, error) {
	keys, err := r.parse(text)
	if errors.Is(err, assertion.ErrNoKeys) {
		log.Warn(r.none, "err", err)
		return nil, nil
	}
	return keys, err
}
