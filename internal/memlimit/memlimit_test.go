// SPDX-License-Identifier: Apache-2.0

package memlimit_test

import (
	"math"
	"runtime/debug"
	"testing"
	"testing/fstest"

	"github.com/gatehouse-dev/gatehouse/internal/memlimit"
)

func files(texts map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range texts {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestTheLimitOfTheContainerIsFound(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no control groups", nil, 0},
		{"version 2 in a container", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 536870912},
		{"version 2 without a limit", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		{"version 1 in a container", map[string]string{"proc/self/cgroup": "4:memory:/pod1\n0::/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n"}, 268435456},
		{"version 1 without a limit", map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		{"the smallest on the way counts", map[string]string{
			"proc/self/cgroup": "0::/pods/one\n", "sys/fs/cgroup/pods/memory.max": "100\n", "sys/fs/cgroup/pods/one/memory.max": "200\n",
		}, 100},
		{"another controller", map[string]string{"proc/self/cgroup": "3:cpu:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "100\n"}, 0},
		{"nonsense", map[string]string{"proc/self/cgroup": "::::\nx\n", "sys/fs/cgroup/memory.max": "lots\n"}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, ok := memlimit.Container(files(row.files)); got != row.want || ok != (row.want > 0) {
				t.Errorf("limit %d, %v, want %d", got, ok, row.want)
			}
		})
	}
}

func TestTheRuntimeGetsThreeQuartersUnlessItWasGivenLess(t *testing.T) {
	before := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	container := files(map[string]string{"sys/fs/cgroup/memory.max": "4000000000\n"})
	for _, row := range []struct {
		name        string
		given, want int64
		files       fstest.MapFS
	}{
		{"nothing was given", math.MaxInt64, 3000000000, container},
		{"the container's whole limit was given", 4000000000, 3000000000, container},
		{"less was given", 2000000000, 2000000000, container},
		{"no container", 2000000000, 2000000000, nil},
		{"nothing at all", math.MaxInt64, 0, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			debug.SetMemoryLimit(row.given)
			got := memlimit.Apply(row.files)
			in := debug.SetMemoryLimit(-1)
			if got != row.want || row.want > 0 && in != row.want {
				t.Errorf("limit %d, in force %d, want %d", got, in, row.want)
			}
		})
	}
}
