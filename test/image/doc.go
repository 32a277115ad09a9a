// SPDX-License-Identifier: Apache-2.0

// Package image makes the container image as `make image` does, and runs the programs that are in it.
package image
