// SPDX-License-Identifier: Apache-2.0

// Command image makes the container image without a container engine. Two runs of the same source with the same
// version of Go give the same bytes, whatever machine they run on.
//
//	main.go      the flags, and what is written where
//	programs.go  the two programs, built for a platform
//	files.go     what else the image holds
//	layer.go     files become a layer, always with the same bytes
//	archive.go   layers become an image, and images an OCI archive
//	sbom.go      what the programs were built from, as CycloneDX
//	push.go      an archive goes to a registry; registry/ is one in memory, to try it
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const usage = `Usage:
  image [flags]                     write the OCI archive and the lists of parts (SBOM)
  image push ARCHIVE REFERENCE      push an archive to a registry, such as registry.example.com/gatehouse:v1

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "image:", err)
		}
		stop()
		os.Exit(1)
	}
}

// options say what is made.
type options struct {
	root      string // folder of the repository
	output    string // folder for the archive
	version   string
	platforms []v1.Platform
	created   time.Time
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "push" {
		return push(ctx, args[1:], stdout, stderr)
	}
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	return o.write(ctx, stdout, stderr)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var platforms string
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.root, "root", "../..", "folder of the repository")
	flags.StringVar(&o.output, "output", "../../dist", "folder for the archive, which is made where it is missing")
	flags.StringVar(&o.version, "version", "unknown", "version that the programs tell and the image bears")
	flags.StringVar(&platforms, "platforms", "linux/amd64,linux/arm64", "platforms, with commas between them")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is neither a flag nor the word push", flags.Arg(0))
	}
	for name := range strings.SplitSeq(platforms, ",") {
		p, err := v1.ParsePlatform(name)
		if err != nil || p.OS != "linux" || p.Architecture == "" || p.Variant != "" {
			return o, fmt.Errorf("%q is not a platform such as linux/amd64", name)
		}
		o.platforms = append(o.platforms, *p)
	}
	seconds, err := strconv.ParseInt(cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), "0"), 10, 64)
	if err != nil {
		return o, errors.New("SOURCE_DATE_EPOCH is not a number of seconds")
	}
	o.created = time.Unix(seconds, 0).UTC()
	return o, nil
}

// write makes the image for each platform and writes image.tar, an OCI archive with all of them, and beside it
// image.OS-ARCH.cdx.json for each. An archive that was there before is replaced at the end, in one step.
func (o options) write(ctx context.Context, stdout, stderr io.Writer) error {
	work, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return err
	}
	base, err := o.baseLayer()
	if err != nil {
		return err
	}
	images := map[string]v1.Image{}
	for _, p := range o.platforms {
		fmt.Fprintf(stderr, "image: building both programs for %s (minutes, when Go's build cache is empty)\n", p)
		bin := filepath.Join(work, p.Architecture)
		if err := o.buildPrograms(ctx, p, bin, stderr); err != nil {
			return err
		}
		if images[p.String()], err = o.image(p, base, bin); err != nil {
			return fmt.Errorf("make the image for %s: %w", p, err)
		}
		if err := o.writeSBOM(p, bin, images[p.String()]); err != nil {
			return fmt.Errorf("write what the programs for %s are made of: %w", p, err)
		}
	}
	archive := filepath.Join(o.output, "image.tar")
	digest, err := o.writeArchive(images, filepath.Join(work, "layout"), archive)
	if err != nil {
		return fmt.Errorf("write %s: %w", archive, err)
	}
	fmt.Fprintf(stderr, "image: %s is written, for %s\n", archive, strings.Join(names(o.platforms), " and "))
	fmt.Fprintln(stdout, digest)
	return nil
}

func names(platforms []v1.Platform) []string {
	var all []string
	for _, p := range platforms {
		all = append(all, p.String())
	}
	return all
}
