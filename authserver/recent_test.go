// SPDX-License-Identifier: Apache-2.0

package authserver

import "testing"

func TestRecentRemembersWhatIsUsedAndIsBounded(t *testing.T) {
	const limit = 10
	r := newRecent[int, int](limit)
	r.put(-1, 7)
	for n := range 1000 {
		r.put(n, n)
		if v, ok := r.get(-1); !ok || v != 7 {
			t.Fatalf("after %d others what is used all the time is forgotten", n+1)
		}
		if held := len(r.young) + len(r.old); held > 2*limit {
			t.Fatalf("%d values are kept, the bound is %d", held, 2*limit)
		}
	}
	if _, ok := r.get(0); ok {
		t.Error("what was not used for long is still there")
	}
	if v, ok := r.get(999); !ok || v != 999 {
		t.Errorf("the newest is %d, %t", v, ok)
	}
}
