// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// writeSBOM writes what the programs in a folder are built from, as each of them tells by itself, beside the archive.
func (o options) writeSBOM(p v1.Platform, bin string, image v1.Image) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	modules := map[string]*debug.Module{}
	for _, name := range programs {
		info, err := buildinfo.ReadFile(filepath.Join(bin, name))
		if err != nil {
			return err
		}
		modules["std"] = &debug.Module{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			modules[m.Path] = m
		}
	}
	document := o.document(p, digest, modules)
	to, err := os.Create(filepath.Join(o.output, "image."+p.OS+"-"+p.Architecture+".cdx.json"))
	if err != nil {
		return err
	}
	defer to.Close()
	if err := cdx.NewBOMEncoder(to, cdx.BOMFileFormatJSON).SetPretty(true).Encode(document); err != nil {
		return err
	}
	return to.Close()
}

// document lists modules, and the authorities and time zones of the base. It bears neither a time nor a random number.
func (o options) document(p v1.Platform, digest v1.Hash, modules map[string]*debug.Module) *cdx.BOM {
	var components []cdx.Component
	for _, m := range modules {
		component := cdx.Component{
			Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, BOMRef: purl(m.Path, m.Version), PackageURL: purl(m.Path, m.Version),
		}
		if m.Sum != "" {
			component.Properties = &[]cdx.Property{{Name: "gatehouse:go.sum", Value: m.Sum}}
		}
		components = append(components, component)
	}
	slices.SortFunc(components, func(a, b cdx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &cdx.Component{
		Type: cdx.ComponentTypeContainer, Name: "gatehouse", Version: o.version, BOMRef: digest.String(),
		Description: "Image for " + p.String() + ", digest " + digest.String(),
		Licenses:    &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}}
	bom.Components = &components
	return bom
}

// purl is a package URL (https://github.com/package-url/purl-spec, type golang).
func purl(path, version string) string { return "pkg:golang/" + path + "@" + version }
