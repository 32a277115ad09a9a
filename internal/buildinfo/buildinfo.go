// SPDX-License-Identifier: Apache-2.0

// Package buildinfo tells which build of Gatehouse this is. Both programs print it.
package buildinfo

import "runtime/debug"

// stamp is set by the linker: `make build` and the image name the tag or commit there.
var stamp string

// Version returns the stamp or, without one, what the Go toolchain noted about the build.
func Version() string {
	if stamp != "" {
		return stamp
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return info.Main.Version + " " + s.Value
		}
	}
	return info.Main.Version
}
