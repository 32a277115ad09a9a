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

# What was released before stays as it was, and new steps come after it, or the cut is refused.
refuse() { echo "$1" >&2 && exit 1; }
number() { # of a step by its path, as both stores order the steps
	[[ ${1##*/} =~ ^([0-9]+)_ ]] || refuse "The name of the step $1 does not begin with a number and an underscore."
	echo $((10#${BASH_REMATCH[1]}))
}
declare -A newest=() released=()
while read -r line; do
	step=${line##* } folder=${line##* }
	folder=${folder%/*}
	[[ -e $step ]] || refuse "A released step of the schema is gone: $step. Bring it back, and add a further step."
	[[ $(sha256sum "$step") == "$line" ]] || refuse "A released step of the schema was changed: $step. Bring it back, and add a further step."
	n=$(number "$step")
	released[$step]=1
	((n <= ${newest[$folder]:-0})) || newest[$folder]=$n
done < <(grep -v '^#' test/upgrade/released.sha256 || true)
steps=(authserver/store/{postgres,sqlite}/migrations/*.sql)
for step in "${steps[@]}"; do
	n=$(number "$step")
	[[ ${released[$step]:-} || $n -gt ${newest[${step%/*}]:-0} ]] ||
		refuse "The step $step is new and does not come after the released step ${newest[${step%/*}]}: databases have run that one. Give the new one a higher number."
done
{
	echo "# Steps of the schema that were released: they are never changed (docs/decisions/0050). hack/cut.sh writes this file."
	echo "# The last release is $version."
	sha256sum "${steps[@]}"
} >test/upgrade/released.sha256.new
mv test/upgrade/released.sha256.new test/upgrade/released.sha256
sed -i "s/^version: .*/version: ${version#v}/; s/^appVersion: .*/appVersion: \"${version#v}\"/" charts/gatehouse/Chart.yaml charts/gatehouse-crds/Chart.yaml
sed -i "s/^## Unreleased\$/## Unreleased\n\n## $version ($(date -u +%F))/" CHANGELOG.md

cat <<END
Cut $version: CHANGELOG.md, both charts, and the checksums of the schema in test/upgrade/released.sha256.
Next: .ci/run, commit all of it as one commit, git tag -s $version, git push origin main $version. The tag publishes.
hack/release-notes.sh $version prints the notes of the release.
END
