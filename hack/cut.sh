#!/usr/bin/env bash
# Cuts a release in the working tree: from then on the steps of the schema that are there now are never changed, and the harness of
# upgrades starts from the commit that holds this. It commits, tags and publishes nothing.
#
#   hack/cut.sh v0.1.0
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
version=${1:-}

[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "usage: hack/cut.sh vMAJOR.MINOR.PATCH" >&2 && exit 2; }
grep -q '^## Unreleased$' CHANGELOG.md || { echo "CHANGELOG.md has no section \"## Unreleased\": write down what changes first" >&2 && exit 1; }
! grep -q "^## $version " CHANGELOG.md || { echo "CHANGELOG.md has a section for $version already: it was cut" >&2 && exit 1; }

{
	echo "# Steps of the schema that were released: they are never changed (docs/decisions/0050). hack/cut.sh writes this file."
	echo "# The last release is $version."
	sha256sum authserver/store/{postgres,sqlite}/migrations/*.sql
} >test/upgrade/released.sha256.new
# What was released before stays as it was, or the cut is refused.
while read -r line; do
	grep -qxF -- "$line" test/upgrade/released.sha256.new || {
		echo "A released step of the schema was changed: ${line##* }. Bring it back, and add a further step." >&2
		rm test/upgrade/released.sha256.new
		exit 1
	}
done < <(grep -v '^#' test/upgrade/released.sha256 || true)
mv test/upgrade/released.sha256.new test/upgrade/released.sha256
sed -i "s/^version: .*/version: ${version#v}/; s/^appVersion: .*/appVersion: \"${version#v}\"/" charts/gatehouse/Chart.yaml charts/gatehouse-crds/Chart.yaml
sed -i "s/^## Unreleased\$/## Unreleased\n\n## $version ($(date -u +%F))/" CHANGELOG.md

cat <<END
Cut $version: CHANGELOG.md, both charts, and the checksums of the schema in test/upgrade/released.sha256.
Next: .ci/run, commit all of it as one commit, git tag -s $version, git push origin main $version. The tag publishes.
hack/release-notes.sh $version prints the notes of the release.
END
