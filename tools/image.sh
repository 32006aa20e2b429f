#!/usr/bin/env bash
# Build Turnout's image from the Containerfile, with buildah or docker, whichever is there (buildah first).
#
#   tools/image.sh [TAG]        TAG: turnout:VERSION by default
#
#   BASE=IMAGE                  another base than the Containerfile's; needs python3 (3.11 to 3.13) with its venv module
#   BUILDER=buildah|docker      say which
#   PIP_INDEX_URL, PIP_TRUSTED_HOST   handed to the build where they are set
set -euo pipefail
cd "$(dirname "$0")/.."

version="$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)"
tag="${1:-turnout:$version}"
revision="$(git rev-parse HEAD 2>/dev/null || echo unknown)"

fail() {
    echo "tools/image.sh: $*" >&2
    exit 1
}

builder="${BUILDER:-}"
if [ -z "$builder" ]; then
    for found in buildah docker; do
        if command -v "$found" >/dev/null; then
            builder="$found"
            break
        fi
    done
fi
case "$builder" in
    buildah) command -v buildah >/dev/null || fail "buildah is not installed (Debian: apt-get install buildah)" ;;
    docker)
        command -v docker >/dev/null || fail "docker is not installed"
        docker info >/dev/null 2>&1 || fail "docker is installed, but its daemon does not answer; start it, or install buildah"
        ;;
    "") fail "an image needs buildah or docker, and neither is installed (Debian: apt-get install buildah)" ;;
    *) fail "BUILDER is buildah or docker, not $builder" ;;
esac

arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision")
for name in BASE PIP_INDEX_URL PIP_TRUSTED_HOST; do
    if [ -n "${!name:-}" ]; then
        arguments+=(--build-arg "$name=${!name}")
    fi
done

case "$builder" in
    buildah) buildah build --file Containerfile --ignorefile .dockerignore "${arguments[@]}" --tag "$tag" . ;;
    docker) docker build --file Containerfile "${arguments[@]}" --tag "$tag" . ;;
esac
echo "$tag"
