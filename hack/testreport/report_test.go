// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	for _, test := range []struct {
		name string
		in   string
		want string
		good bool
	}{
		{
			name: "a package that passed is one line",
			in: `{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Test":"TestA","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\n1 tests passed, 0 failed, 0 were skipped\n",
			good: true,
		},
		{
			name: "what failed is printed whole and named",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"a.go:1: wrong\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL\tp\n"}
{"Action":"fail","Package":"p"}
`,
			want: "a.go:1: wrong\n--- FAIL: TestA\nFAIL\tp\nfailed: p TestA\nfailed: p\n0 tests passed, 2 failed, 0 were skipped\n",
		},
		{
			name: "a skipped test is a failure",
			in: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.1s\n"}
{"Action":"pass","Package":"p"}
`,
			want: "ok  \tp\t0.1s\nskipped, which counts as a failure here: p TestB\n1 tests passed, 0 failed, 1 were skipped\n",
		},
		{
			name: "a package without tests is none",
			in: `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
{"Action":"start","Package":"q"}
{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}
{"Action":"skip","Package":"q"}
`,
			want: "?   \tq\t[no test files]\n1 tests passed, 0 failed, 0 were skipped\n",
			good: true,
		},
		{
			name: "a test that was running when its program died is printed",
			in: `{"Action":"output","Package":"p","Test":"TestA","Output":"panic: no\n"}
{"Action":"fail","Package":"p"}
`,
			want: "panic: no\nfailed: p\n0 tests passed, 1 failed, 0 were skipped\n",
		},
		{
			name: "a package that did not end is a failure",
			in: `{"Action":"start","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestA"}
`,
			want: "did not end: p\n1 tests passed, 0 failed, 0 were skipped\n",
		},
		{
			name: "what the compiler says is printed",
			in: `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: undefined\n"}
{"Action":"build-fail","ImportPath":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p"}
`,
			want: "p.go:1: undefined\nFAIL\tp [build failed]\nfailed: p\n0 tests passed, 1 failed, 0 were skipped\n",
		},
		{
			name: "a line that is no event is printed",
			in:   "go: cannot find main module\n",
			want: "go: cannot find main module\n0 tests passed, 0 failed, 0 were skipped\n",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out strings.Builder
			r := &report{out: &out, packages: map[string]*packageReport{}}
			if err := r.read(strings.NewReader(test.in), nil); err != nil {
				t.Fatal(err)
			}
			r.finish()
			if diff := cmp.Diff(test.want, out.String()); diff != "" {
				t.Errorf("printed (-want +got):\n%s", diff)
			}
			if r.good() != test.good {
				t.Errorf("good is %v", r.good())
			}
		})
	}
}

func TestALongSilenceIsBroken(t *testing.T) {
	var out strings.Builder
	r := &report{out: &out, packages: map[string]*packageReport{}}
	r.reassure() // the first tick follows a silence of unknown length
	r.reassure()
	r.takeLine([]byte(`{"Action":"start","Package":"p"}`))
	r.reassure()
	r.reassure()
	if diff := cmp.Diff("... compiling\n... running p\n", out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
