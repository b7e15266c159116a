#!/usr/bin/env bash
# Puts a nats-server of 2.11 or newer where the tests and `--nats auto` find it, without root and without
# containers. Does nothing if CAUSEWAY_NATS_SERVER, the PATH or .cache/nats-server already has one.
# On Debian the package comes from the newest suite of the mirror that this machine already uses, checked by
# apt against Debian's archive keys; elsewhere from the official release, checked against the SHA-256 pinned
# below, or, where none is pinned, against the SHA256SUMS file of the same release.
set -euo pipefail

floor_minor=11
release=2.15.1
# Digests of nats-server-v<release>-<os>-<arch>.tar.gz. None is pinned yet: they could not be checked against
# the release where this script was written, and a digest is not to be guessed. Add `linux-amd64) echo <hex> ;;`.
pinned_sha256() {
  case $1 in
    *) echo "" ;;
  esac
}

root=$(cd "$(dirname "$0")/.." && pwd)
cache=$root/.cache/nats-server
target=$cache/nats-server
fail() { echo "setup-nats: $*" >&2; exit 1; }

recent() { # path: prints its version and succeeds if it is new enough
  local version major minor
  version=$("$1" --version 2>/dev/null | sed -n 's/^nats-server: v\([0-9][0-9.]*\).*/\1/p') || return 1
  major=${version%%.*}
  minor=${version#*.}; minor=${minor%%.*}
  [[ $major =~ ^[0-9]+$ && $minor =~ ^[0-9]+$ ]] || return 1
  if (( major > 2 || (major == 2 && minor >= floor_minor) )); then echo "$version"; else return 1; fi
}

for candidate in "${CAUSEWAY_NATS_SERVER:-}" "$(command -v nats-server || true)" "$target"; do
  [[ -n $candidate ]] || continue
  if version=$(recent "$candidate"); then
    echo "setup-nats: using $candidate ($version)"
    exit 0
  fi
  [[ $candidate != "${CAUSEWAY_NATS_SERVER:-}" ]] || fail "CAUSEWAY_NATS_SERVER=$candidate is no nats-server of 2.$floor_minor or newer"
done

mkdir -p "$cache"
work=$(mktemp -d "$cache/setup.XXXXXX")
trap 'rm -rf "$work"' EXIT

install_binary() { # path: moved into place in one step, so that a half-written file is never found
  recent "$1" >/dev/null || fail "the fetched nats-server does not run here or is older than 2.$floor_minor"
  mv -f "$1" "$target"
  echo "setup-nats: installed $target ($(recent "$target"))"
}

debian_mirror() { # the first Debian archive (never security) in this machine's apt sources, .list or deb822 .sources
  local file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] && sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]+)?(https?:[^[:space:]]+).*/\2/p' "$file"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    [[ -f $file ]] && sed -nE 's/^URIs:[[:space:]]*//p' "$file" | tr -s ' \t' '\n'
  done
  return 0
}

from_debian() {
  local mirror keyring=/usr/share/keyrings/debian-archive-keyring.gpg options
  mirror=$(debian_mirror | grep -E '/debian/?$' | head -n 1) || true
  [[ -n $mirror ]] || fail "no Debian mirror in this machine's apt sources"
  [[ -r $keyring ]] || fail "$keyring is missing: install debian-archive-keyring"
  mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/parts"
  echo "deb [signed-by=$keyring] $mirror sid main" >"$work/sources.list"
  options=(
    -o "Dir::Etc::SourceList=$work/sources.list" -o "Dir::Etc::SourceParts=$work/parts"
    -o "Dir::State=$work" -o "Dir::State::Lists=$work/lists" -o "Dir::State::status=/var/lib/dpkg/status"
    -o "Dir::Cache=$work/cache" -o "APT::Sandbox::User=$(id -un)"
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
    -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= -o DPkg::Post-Invoke= -o Acquire::Retries=2
  )
  apt-get "${options[@]}" -qq update >"$work/log" 2>&1 || fail "apt-get update from $mirror failed: $(tail -n 1 "$work/log")"
  (cd "$work" && apt-get "${options[@]}" -qq download nats-server) >>"$work/log" 2>&1 \
    || fail "apt-get download nats-server failed: $(tail -n 1 "$work/log")"
  dpkg-deb -x "$work"/nats-server_*.deb "$work/package"
  install_binary "$work/package/usr/sbin/nats-server"
}

sha256_of() {
  if command -v sha256sum >/dev/null; then sha256sum "$1" | cut -d ' ' -f 1
  else shasum -a 256 "$1" | cut -d ' ' -f 1; fi
}

from_release() {
  local os arch name url expected
  os=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "no release is known for $(uname -m); set CAUSEWAY_NATS_SERVER" ;;
  esac
  command -v curl >/dev/null || fail "curl is needed to fetch the release"
  name=nats-server-v$release-$os-$arch
  url=https://github.com/nats-io/nats-server/releases/download/v$release
  curl -fsL --retry 2 -o "$work/$name.tar.gz" "$url/$name.tar.gz" || fail "could not fetch $url/$name.tar.gz"
  expected=$(pinned_sha256 "$os-$arch")
  if [[ -z $expected ]]; then
    curl -fsL --retry 2 -o "$work/SHA256SUMS" "$url/SHA256SUMS" || fail "could not fetch $url/SHA256SUMS"
    expected=$(awk -v name="$name.tar.gz" '$2 == name || $2 == "*" name { print $1 }' "$work/SHA256SUMS")
  fi
  [[ -n $expected && $(sha256_of "$work/$name.tar.gz") == "$expected" ]] || fail "$name.tar.gz does not match its SHA-256"
  tar -xzf "$work/$name.tar.gz" -C "$work"
  install_binary "$work/$name/nats-server"
}

if [[ -r /etc/debian_version ]] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && [[ -n $(debian_mirror | grep -E '/debian/?$' || true) ]]; then
  from_debian
else
  from_release
fi
