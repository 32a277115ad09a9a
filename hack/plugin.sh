#!/usr/bin/env bash
# Writes the archives of kubectl gatehouse for PLATFORMS and gatehouse.yaml, krew's manifest with their checksums, into a folder. The same
# source with the same Go gives the same bytes. A platform that is not in PLATFORMS keeps a word in place of its checksum.
#
#   VERSION=v0.1.0 hack/plugin.sh dist
set -euo pipefail
folder=$(realpath -m "${1:?the folder to write into, such as dist}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${VERSION:?the version, such as v0.1.0}
[[ $version =~ ^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$ ]] ||
	{ echo "VERSION=$version is none that krew takes: say one like v0.1.0 or v0.1.0-rc.1" >&2 && exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$folder"
sed "s|VERSION|$version|g; /^#/d" config/krew/gatehouse.yaml >"$work/gatehouse.yaml"
for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64}; do
	os=${platform%/*} arch=${platform#*/} program=kubectl-gatehouse
	[[ $os != windows ]] || program+=.exe
	archive=kubectl-gatehouse_${os}_$arch.tar.gz
	grep -q "/$archive$" "$work/gatehouse.yaml" || { echo "config/krew/gatehouse.yaml has no platform $platform" >&2 && exit 1; }
	mkdir "$work/${os}_$arch"
	CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false \
		-ldflags "-s -w -X github.com/gatehouse-dev/gatehouse/internal/buildinfo.stamp=$version" -o "$work/${os}_$arch/$program" ./cmd/kubectl-gatehouse
	cp LICENSE "$work/${os}_$arch/"
	tar --create --directory "$work/${os}_$arch" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=ustar . |
		gzip --no-name --best >"$work/$archive"
	sum=$(sha256sum "$work/$archive")
	sed -i "s|SHA256_${os}_$arch|${sum%% *}|" "$work/gatehouse.yaml"
	mv "$work/$archive" "$folder/"
done
mv "$work/gatehouse.yaml" "$folder/gatehouse.yaml"
