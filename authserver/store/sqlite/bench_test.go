// SPDX-License-Identifier: Apache-2.0

package sqlite

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/authserver"
)

const benchGrants = 20_000

func BenchmarkGrant(b *testing.B) {
	s := openNew(b)
	fill(b, s, benchGrants)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := s.Grant(b.Context(), grantNumber(i%benchGrants).ID); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkOwnedGrant is the read of an introspection.
func BenchmarkOwnedGrant(b *testing.B) {
	s := openNew(b)
	fill(b, s, benchGrants)
	inParallel(b, 64, benchGrants/10, func(i int) error {
		return s.ConfirmPeople(b.Context(), []authserver.Confirmation{confirmed(grantNumber(10 * i).Owner)})
	})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, _, err := s.OwnedGrant(b.Context(), grantNumber(i%benchGrants).ID); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkGrantWhileWriting reads while 64 callers refresh without pause.
func BenchmarkGrantWhileWriting(b *testing.B) {
	s := openNew(b)
	fill(b, s, benchGrants)
	ctx, stop := context.WithCancel(b.Context())
	var all sync.WaitGroup
	for w := range 64 {
		all.Go(func() {
			for i := w; ctx.Err() == nil; i += 64 {
				_, _, _ = s.Rotate(ctx, rotation(grantNumber(i%benchGrants), uint32(i/benchGrants)+1), noon)
			}
		})
	}
	i := 0
	for b.Loop() {
		if _, err := s.Grant(b.Context(), grantNumber(i%benchGrants).ID); err != nil {
			b.Fatal(err)
		}
		i++
	}
	stop()
	all.Wait()
}

func BenchmarkSession(b *testing.B) {
	s := openNew(b)
	inParallel(b, 64, benchGrants, func(i int) error {
		return s.CreateSession(b.Context(), authserver.Session{Hash: hashNumber(i), Owner: fmt.Sprint("owner ", i/10), ExpiresAt: noon, CredentialVersion: "first"}, confirmed(fmt.Sprint("owner ", i/10)))
	})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, _, err := s.Session(b.Context(), hashNumber(i%benchGrants)); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkSpent(b *testing.B) {
	s := openNew(b)
	fill(b, s, 1)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := s.Spent(b.Context(), hashNumber(i), noon); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkRefreshOneCaller is what one commit per refresh allows on this disk.
func BenchmarkRefreshOneCaller(b *testing.B) { benchmarkRefresh(b, 1) }

// BenchmarkRefresh64Callers is what the group commit makes of the same disk.
func BenchmarkRefresh64Callers(b *testing.B) { benchmarkRefresh(b, 64) }

// BenchmarkRefresh512Callers is the same with more callers.
func BenchmarkRefresh512Callers(b *testing.B) { benchmarkRefresh(b, 512) }

func benchmarkRefresh(b *testing.B, callers int) {
	s := openNew(b)
	fill(b, s, benchGrants)
	inParallel(b, 64, benchGrants/10, func(i int) error {
		return s.ConfirmPeople(b.Context(), []authserver.Confirmation{confirmed(grantNumber(10 * i).Owner)})
	})
	inGroups(b, s, callers, "refreshes", func(i int) error {
		_, _, err := s.Rotate(b.Context(), rotation(grantNumber(i%benchGrants), uint32(i/benchGrants)+1), noon)
		return err
	})
}

// BenchmarkSpend64Callers is the nonce of an OAuth 1.0a request.
func BenchmarkSpend64Callers(b *testing.B) {
	s := openNew(b)
	inGroups(b, s, 64, "nonces", func(i int) error {
		return s.Spend(b.Context(), hashNumber(i), noon, noon.Add(time.Duration(i)*time.Millisecond))
	})
}

// inGroups measures writes of a number of callers. The time of the processor is told beside the time of the clock, which
// depends on what else the machine does.
func inGroups(b *testing.B, s *Store, callers int, what string, work func(i int) error) {
	var commits atomic.Int64
	onCommit(b, s, func() bool { commits.Add(1); return true })
	b.ReportAllocs()
	before := processorTime(b)
	b.ResetTimer()
	inParallel(b, callers, b.N, work)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), what+"/s")
	b.ReportMetric(float64(b.N)/float64(commits.Load()), what+"/commit")
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// processorTime returns how long this process has used a processor.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
