#!/usr/bin/env bash
# Prints the notes of a release: how to get it, then its section of CHANGELOG.md.
#
#   IMAGE=registry.example.com/gatehouse:v0.1.0 hack/release-notes.sh v0.1.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:?the version, such as v0.1.0}

section=$(awk -v heading="## $version" '/^## / { on = index($0 " ", heading " ") == 1; next } on' CHANGELOG.md)
[[ $section ]] || { echo "CHANGELOG.md has no section for $version: hack/cut.sh makes it" >&2 && exit 1; }
cat <<END
**Upgrade**: make a backup, then the kinds, then the programs: docs/upgrade.md says how, and what can be rolled back. docs/versions.md says what a version promises.

| what | where |
|---|---|
| image | ${IMAGE:-dist/image.tar}, amd64 and arm64; \`image.tar\` is the same as an OCI archive, \`*.cdx.json\` are its parts (SBOM) |
| files for kubectl | \`crds.yaml\`, then \`install.yaml\`: replace https://auth.example.com in it by your issuer first, and apply both with \`kubectl apply --server-side -f\` |
| plugin for kubectl | \`kubectl-gatehouse_OS_ARCH.tar.gz\`; \`kubectl krew install --manifest=gatehouse.yaml\` takes the right one |
| charts | \`charts/gatehouse-crds\` and \`charts/gatehouse\` at the tag |

## What changes
$section
END
