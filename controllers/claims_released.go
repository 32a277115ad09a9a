// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/gatehouse-dev/gatehouse/api/v1alpha1"
	"github.com/gatehouse-dev/gatehouse/internal/policy"
)

const (
	// reservation is how long a released claim is kept for the namespace that had it.
	reservation = 24 * time.Hour
	// releasedShards and releasedPerShard bound what is kept. A record takes less than
	// 1.5 KB, so a shard stays below the 1 MiB that an object may have.
	releasedShards   = 8
	releasedPerShard = 512
	// exceptLimit bounds the namespaces in one record.
	exceptLimit = 8
)

// releasedClaim is a claim that nobody holds any more.
type releasedClaim struct {
	Kind v1alpha1.ClaimKind `json:"kind"`
	Name string             `json:"name"`
	// Namespace had it. Empty: it is not known, because the claim was released while no
	// operator ran; then only the namespaces in Except, which waited for it, may not take it.
	Namespace  string    `json:"namespace,omitempty"`
	Except     []string  `json:"except,omitempty"`
	Holder     types.UID `json:"holder,omitempty"`
	Since      time.Time `json:"since"`
	ReleasedAt time.Time `json:"releasedAt"`
}

func (r releasedClaim) claim() policy.Claim { return policy.Claim{Kind: r.Kind, Name: r.Name} }

func (r releasedClaim) until() time.Time { return r.ReleasedAt.Add(reservation) }

// released holds the claims that were released in the last 24 hours, in shards of a bounded
// number. Each shard is one ConfigMap.
type released struct {
	shards  [releasedShards]map[policy.Claim]releasedClaim
	dirty   [releasedShards]bool
	added   uint64 // records that were ever added
	dropped uint64 // records that had to go early
}

func newReleased() *released {
	r := &released{}
	for i := range r.shards {
		r.shards[i] = map[policy.Claim]releasedClaim{}
	}
	return r
}

func shardOf(c policy.Claim) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(string(c.Kind) + "/" + c.Name))
	return int(h.Sum32() % releasedShards)
}

// against returns the record that keeps the claim from the namespace at that time.
func (r *released) against(c policy.Claim, namespace string, now time.Time) (releasedClaim, bool) {
	record, there := r.shards[shardOf(c)][c]
	switch {
	case !there || !now.Before(record.until()):
		return releasedClaim{}, false
	case record.Namespace == "":
		return record, slices.Contains(record.Except, namespace)
	default:
		return record, record.Namespace != namespace
	}
}

// add keeps the record. Where its shard is full the oldest record goes of the namespace that
// has the most of them, so that a namespace which floods the shard pays for it alone.
func (r *released) add(record releasedClaim) {
	at := shardOf(record.claim())
	shard := r.shards[at]
	if _, there := shard[record.claim()]; !there && len(shard) >= releasedPerShard {
		r.prune(at, record.ReleasedAt)
		if len(shard) >= releasedPerShard {
			delete(shard, oldestOfMost(shard))
			r.dropped++
		}
	}
	shard[record.claim()], r.dirty[at] = record, true
	r.added++
}

func (r *released) remove(c policy.Claim) {
	at := shardOf(c)
	if _, there := r.shards[at][c]; there {
		delete(r.shards[at], c)
		r.dirty[at] = true
	}
}

// prune drops what has expired.
func (r *released) prune(at int, now time.Time) {
	for c, record := range r.shards[at] {
		if !now.Before(record.until()) {
			delete(r.shards[at], c)
			r.dirty[at] = true
		}
	}
}

// count returns how many records have not expired.
func (r *released) count(now time.Time) int {
	n := 0
	for _, shard := range r.shards {
		for _, record := range shard {
			if now.Before(record.until()) {
				n++
			}
		}
	}
	return n
}

func oldestOfMost(shard map[policy.Claim]releasedClaim) policy.Claim {
	counts := map[string]int{}
	for _, record := range shard {
		counts[record.Namespace]++
	}
	var worst releasedClaim
	for _, record := range shard {
		a, b := counts[record.Namespace], counts[worst.Namespace]
		if worst.Name == "" || a > b || a == b && record.ReleasedAt.Before(worst.ReleasedAt) {
			worst = record
		}
	}
	return worst.claim()
}

// encode returns the shard as text, the same for the same records.
func encodeReleased(shard map[policy.Claim]releasedClaim) (string, error) {
	records := make([]releasedClaim, 0, len(shard))
	for _, record := range shard {
		records = append(records, record)
	}
	slices.SortFunc(records, func(a, b releasedClaim) int {
		return cmp.Or(a.ReleasedAt.Compare(b.ReleasedAt), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	text, err := json.Marshal(records)
	if err != nil {
		return "", fmt.Errorf("write the released claims: %w", err)
	}
	return string(text), nil
}

// decode adds what the text records and has not expired.
func (r *released) decode(text string, now time.Time) error {
	var records []releasedClaim
	if err := json.Unmarshal([]byte(text), &records); err != nil {
		return fmt.Errorf("read the released claims: %w", err)
	}
	for _, record := range records {
		at := shardOf(record.claim())
		if now.Before(record.until()) && len(r.shards[at]) < releasedPerShard {
			r.shards[at][record.claim()] = record
		}
	}
	return nil
}
