#!/usr/bin/env bash
# Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.
#
# Takes back what setup.sh made for the root CA in Vault's mount pki, the last first. What was there before stays.
# Run it from the folder of mesh-ca.yaml; --plan shows what it would do, --help the rest. Every step can be run again.

[ -n "${BASH_VERSION:-}" ] || {
  printf '%s: error: it is for Bash: bash %s\n' "$0" "$0" >&2
  exit 2
}

# What the caller's shell exports must not change what this script does: the modes and functions of Bash, and settings of the programs that it calls.
set +o posix +o allexport +o noglob +o noclobber +o keyword +o verbose
shopt -u extdebug failglob lastpipe nocasematch nullglob xpg_echo
for name in $(compgen -A function); do unset -f "$name"; done
# A variable of this script that is exported already would hand its value, e.g. a key, to every program. Programs read lower case names for proxies only.
for name in $(compgen -e); do
  case $name in
    *_proxy) ;;
    [abcdefghijklmnopqrstuvwxyz]*) unset "$name" ;;
  esac
done
export -n SHELLOPTS BASHOPTS
unset name BASH_COMPAT BASH_ENV CDPATH ENV GLOBIGNORE POSIXLY_CORRECT GREP_COLOR GREP_COLORS GREP_OPTIONS OPENSSL_CONF
unset VAULT_DETAILED VAULT_FORMAT VAULT_MFA VAULT_WRAP_TTL BAO_DETAILED BAO_FORMAT BAO_MFA BAO_WRAP_TTL KUBECTL_KYAML

readonly about='Takes back what setup.sh made for the root CA in Vault'\''s mount pki, the last first. What was there before stays.'
readonly server=https://vault.example.com:8200
readonly vault_namespace=''
readonly server_name=''
readonly ca_bundle=''
readonly config_root=''
readonly root_mount=pki
readonly root_ref=default
readonly token_policy=mesh-ca-teardown-root
readonly ca_mounts=pki
readonly ca_names='[{"mount":"istioca-cluster-1","names":["cluster-1 Mesh Intermediate CA"],"prefix":"cluster-1-g"}]'
readonly cluster_mounts=cluster-1:istioca-cluster-1
readonly taken_back='the root CA is taken back'
readonly made_anew='setup.sh makes it anew: what trusts the old one trusts the new one only where it is the same'
readonly step_count=3
readonly needs='{
  "root/write": {"look":{"pki/config/issuers":["read"],"pki/issuer/+":["read"],"istioca-cluster-1/config/issuers":["read"],"istioca-cluster-1/issuers":["list"],"istioca-cluster-1/issuer/+":["read"],"istioca-cluster-1/keys":["list"],"istioca-cluster-1/key/+":["read"]}},
  "root/import": {"look":{"pki/config/issuers":["read"],"pki/issuers":["list"],"pki/issuer/+":["read"],"pki/keys":["list"],"pki/key/+":["read"]},"act":{"pki/issuer/+":["delete"],"pki/key/+":["update","delete"]},"sends":{"pki/key/+":[{"key_name":["cdk8s-mesh-ca-removed-*"]}]}},
  "root/mount": {"look":{"sys/mounts":["read"],"pki/config/issuers":["read"],"pki/issuers":["list"],"pki/issuer/+":["read"],"pki/keys":["list"],"pki/key/+":["read"],"pki/roles":["list"]},"act":{"sys/mounts/pki":["delete"]}}
}'

steps() {
  # Another root that is made here would be held against it.
  step root/write 'Remove ./root.pem'
  unless root_pem_gone
  run remove_root_pem

  # One by one, since the mount may hold others.
  step root/import 'Remove the CA of pki, and lose its key'
  unless ca_gone pki
  run remove_ca pki

  step root/mount 'Disable the PKI secrets engine at pki'
  unless mount_gone sys/mounts pki
  run vault secrets disable pki
}

# ---------------------------------------------------------------------------------------------------------------------------------
# From here on the text is the same in every setup script: what the words above mean. The values are all above.
# ---------------------------------------------------------------------------------------------------------------------------------

set -o errexit -o nounset -o pipefail
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
  printf '%s: error: it needs Bash 4.4 or later, this is %s\n' "$0" "$BASH_VERSION" >&2
  exit 2
fi
umask 077
export LC_ALL=C VAULT_CLI_NO_COLOR=1

usage() { plain "$(usage_text)"; }
usage_text() {
  printf 'usage: bash %s [--plan | %s--print-policy]%s\n\n%s\n\n' "$0" "${repair_example:+--check | --repair STEP | }" "$options_usage" "$about"
  printf '  --plan              print each step and whether it is done; change nothing\n'
  if [[ -n $repair_example ]]; then
    printf '  --check             compare Vault and the cluster with the plan, field by field, by reading alone; exit 3 where they differ\n'
    printf '  --repair STEP       put back what one step makes, e.g. %s, and nothing else\n' "$repair_example"
  fi
  printf '  --print-policy      print the Vault policy of a token that runs this script; it asks no server\n'
  [[ $needs != *'"ca":true'* ]] || printf '  --print-policy --ca  print what a run needs besides to make a CA, and to decide what it signs and who logs in: at the first run, for a
                      new generation, and where one of these has changed\n'
  if [[ -n $repair_example ]]; then
    printf '  --print-policy --check, --print-policy --repair STEP\n                      print the policy of such a run: it reads all, and writes nothing, or what the step writes\n'
  fi
  printf '%s' "$options_help"
  printf '  --insecure-skip-tls-verify\n                      go on although VAULT_SKIP_VERIFY or the kubeconfig turns the verification of TLS off; unsafe\n'
  printf '  --help              print this\n\n'
  printf 'It uses VAULT_TOKEN, or the login of the CLI, and VAULT_ADDR where it is set, else %s.\n' "$server"
  printf 'MESH_CA_CLI names the program: vault (the default) or bao. Every step can be run again, by one run at a time.\n'
}

say() { plain "$*" >&3; }
note() { say "      note: $*"; }
complain() { plain "$0: error: $*" >&2; }
last_error() { tr '\n' ' ' <"$work/error"; }
die() {
  complain "$*"
  exit 1
}
# give_up WHAT: ends a step that another run would end in the same way.
give_up() {
  doing=false
  die "$*"
}
# whether the end is for what was asked, not for what went wrong.
refused=false
# refuse WHAT: what was asked is wrong, and nothing was changed.
refuse() {
  complain "$*"
  refused=true
  exit 2
}
bad_usage() {
  complain "$*"
  printf '\n' >&2
  usage >&2
  refused=true
  exit 2
}

# --- steps -----------------------------------------------------------------------------------------------------------------------

step_number=0
step_id=
state=todo
wanted='{}'
doing=false
to_do=()
# of those, what --repair can put back: what stops a run is no step's to mend.
repairable=()
# what else --check has found, beside steps that differ.
strays=()
drifted=false
# the steps that this run is about, by their names; none: all of them.
only=
total=$step_count
# what a step that is done is called.
settled=
# what somebody has to do outside of Vault before it goes on.
waiting=false
# the one step that --repair names; none: this repairs nothing.
repair=
# whether --print-policy prints the rights of the steps that make a CA, which it leaves out otherwise.
print_ca=false
# a step that is done only where an option asks for it; its policy is printed only then.
unasked=
# a step that the help names for --repair; none: this script has neither --check nor --repair.
repair_example=

# step ID TITLE: begins a step.
step() {
  step_id=$1
  state=todo
  wanted='{}'
  settled='done already'
  if [[ -n $only && " $only " != *" $1 "* ]]; then
    state=skipped
    return
  fi
  step_number=$((step_number + 1))
  say "[$step_number/$total] $1: $2"
}

# choose_steps NAME...: from here on it is about these alone.
choose_steps() {
  only="$*"
  total=$#
}

# fields JSON: what the step compares and writes.
fields() { wanted=$1; }

# unless CHECK ARGUMENT...: the step is done where the check succeeds. A check says 0 done, 1 not done; what it can't tell ends the script.
unless() {
  local rc=0
  [[ $state != skipped ]] || return 0
  "$@" || rc=$?
  ((rc != 1)) || repairable+=("$step_id")
  # what stops a script is a difference like others to one that compares, unless it is a server that does not answer.
  if ((rc > 1)) && [[ $mode == check && ! -e $work/unanswered ]]; then rc=1; fi
  case $rc in
    0) state=complete && say "      $([[ $mode == check ]] && printf 'as planned' || printf '%s' "$settled")" ;;
    1)
      to_do+=("$step_id")
      case $mode in
        plan) say '      to do' ;;
        check) say '      DIFFERS' ;;
      esac
      ;;
    *) die "step $step_number ($step_id) could not be checked, and was not begun" ;;
  esac
}

# stray WHAT: notes what is beside the plan. No step makes or removes it; a check counts it.
stray() {
  note "$*"
  strays+=("$*")
}

# stray_issuer MOUNT ID CERTIFICATE [KEY]: one that can sign beside the default, with what removes it, and its key where it is its own.
stray_issuer() {
  stray "issuer $2 can sign here too, besides the default: $(described "$(first_certificate <<<"$3")"); to remove it: $cli delete $1/issuer/$2${4:+, then $cli delete $1/key/$4}"
}

# report_drift: the end of --check: 0 where nothing differs, else 3.
report_drift() {
  local way='what is wrong, and the way on, is said above'
  if ((${#to_do[@]} == 0 && ${#strays[@]} == 0)); then
    say 'no drift: all is as planned'
    return 0
  fi
  ((${#strays[@]} == 0)) || say "beside the plan, noted above: ${#strays[@]}"
  ((${#repairable[@]} != 1)) || way="to put it back: bash $0 --repair ${repairable[0]}"
  ((${#repairable[@]} <= 1)) || way="to put all of it right: bash $0; or one step, e.g.: bash $0 --repair ${repairable[0]}"
  ((${#to_do[@]} == 0)) || say "drift: ${#to_do[@]} of $step_count steps differ: ${to_do[*]}. $way"
  drifted=true
  exit 3
}

# run COMMAND ARGUMENT...: does it, where the step is not done.
run() {
  [[ $state == todo && $mode == run ]] || return 0
  if declare -F need_still_open >/dev/null; then need_still_open; fi
  doing=true
  "$@" >/dev/null
  doing=false
}

# finish CODE: the end, whatever brought it about. A program's own code says nothing here: 1 is a failure.
finish() {
  rm -rf -- "$work"
  [[ $drifted == false ]] || exit 3
  [[ $refused == false ]] || exit 2
  [[ $waiting == false ]] || exit 4
  (($1 < 128)) || complain 'stopped. Every step can be run again: run this again to go on'
  (($1 > 0 && $1 < 128)) || exit "$1"
  [[ $doing == false ]] || complain "step $step_number ($step_id) did not get through. Every step can be run again: run this again"
  exit 1
}

# --- Vault -----------------------------------------------------------------------------------------------------------------------

# vault WORDS...: the CLI. What it writes may change anything that was read before.
vault() {
  case $1 in
    read | list | status) ;;
    *) forget ;;
  esac
  with_plain_errors command "$cli" "$@"
}

# in_root_namespace WORDS...: the CLI in Vault's root namespace, whatever the plan's is.
in_root_namespace() {
  local -x VAULT_NAMESPACE='' BAO_NAMESPACE=''
  vault "$@"
}

# vault as the holder of another token.
vault_as() {
  local -x VAULT_TOKEN=$1 BAO_TOKEN=$1
  shift
  vault "$@"
}

# get PATH: prints what Vault holds there, as JSON; 1 where there is nothing. A Vault that can't answer ends the script: it is not "nothing".
get() { known read "$1"; }

# get_anew PATH: the same, always from Vault, and kept nowhere: what holds a secret, or what another run may have made since.
get_anew() { ask read "$1"; }

# keys_of PATH: sets `listed` to the keys below a path; 1 where there are none.
keys_of() {
  local list rc=0
  listed=()
  list=$(known list "$1") || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 1)) || mapfile -t listed < <(jq -r '.[]' <<<"$list")
  ((${#listed[@]} > 0))
}

# known VERB PATH: as `ask`, but for what Vault has answered since this run last wrote: a call of the CLI takes a tenth of a second.
known() { kept "$1" "$2" ask "$1" "$2"; }

# kept WHAT PATH COMMAND...: prints what the command has printed of it since this run last wrote. In files, since subshells ask too. What is
# not there is never known, as another run may make it at any time.
kept() {
  local answer file=$work/known.$1.${2//\//,}
  shift 2
  if [[ -s $file ]]; then
    printf '%s\n' "$(<"$file")"
  else
    answer=$("$@") || return $?
    # on a full disk, it is asked again the next time.
    { printf '%s\n' "$answer" >"$file"; } 2>/dev/null || rm -f -- "$file"
    printf '%s\n' "$answer"
  fi
}

# forget: so that the next question goes to Vault.
# shellcheck disable=SC2317 # it is not called where no Vault is asked
forget() {
  local -a files=("$work"/known.*)
  [[ ! -e ${files[0]} ]] || rm -f -- "${files[@]}"
}

# ask VERB PATH
ask() {
  local answer rc=0
  answer=$(vault "$1" -format=json "$2" 2>"$work/error") || rc=$?
  if ((rc == 0)); then
    printf '%s\n' "$answer"
  elif [[ $answer == '{}' ]] || grep -Eq 'No value found|Code: 404|no handler for route|unable to find PKI (issuer|key) for reference' "$work/error"; then
    return 1
  else
    complain "cannot read $2: $(last_error)$(token_ended)"
    # a subshell may be what asks.
    : >"$work/unanswered"
    return 2
  fi
}

# token_ended: the rights were looked at before the first step, so what is forbidden after that was allowed then.
token_ended() {
  grep -q 'Code: 403' "$work/error" || return 0
  printf '%s' '- the token may have ended, or used up its uses, or its policy was changed: log in again'
}

# put PATH: writes the JSON of standard input; prints Vault's answer. A value never stands in an argument.
put() { vault write -format=json "$1" -; }

# mount_is MOUNT TYPE, auth_is MOUNT TYPE
mount_is() { type_is sys/mounts "$@"; }
auth_is() { type_is sys/auth "$@"; }
type_is() {
  local table type
  table=$(get "$1") || return 2
  type=$(jq -r --arg mount "$2/" '(.data // .)[$mount].type // ""' <<<"$table") || return 2
  [[ -n $type ]] || {
    forget
    return 1
  }
  [[ $type == "$3" ]] || {
    complain "$2 is a mount of type $type, the plan wants $3: choose another mount in the config"
    return 2
  }
}

# max_lease_ttl_is MOUNT DURATION
max_lease_ttl_is() {
  local table
  table=$(get sys/mounts) || return 2
  compare "$table" "{\"max_lease_ttl\": \"$2\"}" "$1"
}

# mount_allows MOUNT SECONDS, auth_allows MOUNT SECONDS: whether it lets what it makes live for so long. A mount that others may use too
# is only ever raised. 0 is the server's default, 768 hours.
mount_allows() { allows sys/mounts "$@"; }
auth_allows() { allows sys/auth "$@"; }
allows() {
  local table
  table=$(get "$1") || return 2
  # in jq: the shell's arithmetic would run what a server writes.
  jq -e --arg mount "$2/" --argjson wanted "$3" '(.data // .)[$mount].config.max_lease_ttl // 0
    | if type != "number" then error("max_lease_ttl is no number") elif . == 0 then 768 * 3600 else . end
    | . >= $wanted' <<<"$table" >/dev/null
}

# same_fields PATH: whether Vault holds the step's fields there.
same_fields() {
  local found rc=0
  found=$(get "$1") || rc=$?
  ((rc == 0)) || return "$rc"
  # how long Vault keeps what has expired lets nobody sign.
  if [[ $1 == */config/auto-tidy ]]; then compare "$found" "$wanted"; else compare "$found" "$wanted" '' "$FIELDS"; fi
}

# Fields that Vault returns beside the planned ones. Each is expected to be empty (null, false, 0, "", [] or {}), or to have the value that stands
# here; null: any value, since it names, repeats or counts, or is another administrator's.
readonly FIELDS='{
  "token_type": "default", "name": null, "display_name": null, "role_id": null, "status": null, "token_reviewer_jwt_set": null, "namespace_in_state": null,
  "policies": null, "ttl": null, "max_ttl": null, "period": null, "num_uses": null, "bound_cidrs": null,
  "access_key": null, "role_arn": null, "identity_token_audience": null, "identity_token_ttl": null, "max_retries": -1,
  "rotation_period": null, "rotation_window": null, "rotation_schedule": null,
  "alias_name_source": "serviceaccount_uid", "disable_iss_validation": true, "ocsp_max_retries": 4,
  "serial_number_source": "json-csr", "not_before_bound": "permit"
}'

# compare FOUND WANTED [MOUNT] [OTHERS]: field by field; says what differs, of a table of mounts in the settings of one. Vault keeps durations as
# seconds. OTHERS: what the fields that are not wanted have; without it they are not looked at.
compare() {
  local differences
  differences=$(jq -r --argjson wanted "$2" --arg mode "$mode" --arg mount "${3:-}" --argjson others "${4:-null}" '
    def unset: . == null or . == false or . == 0 or . == "0" or . == "" or . == [] or . == {};
    def seconds: capture("^(?<n>[0-9]+)(?<unit>[hms]?)$") | (.n | tonumber) * ({h: 3600, m: 60, s: 1, "": 1}[.unit]);
    def same($key; $found; $wanted):
      if ($found | type) == "number" and ($wanted | type) == "string" then $found == ($wanted | seconds)
      elif ($wanted | type) == "array" then ($found // [] | sort) == ($wanted | sort)
      # what an older server does not know of, it does not do.
      elif $found == null then ($wanted | unset) or $key == "not_after_bound"
      else $found == $wanted end;
    def unknown($found): $found | to_entries[] | .key as $key | select($others != null and ($key | in($wanted) | not) and (.value | unset | not))
      | select(($key | in($others) | not) or ($others[$key] != null and $others[$key] != .value));
    (if $mount == "" then .data else (.data // .)["\($mount)/"].config // "none" end) as $found
    | if $found == "none" then "none" else $wanted | to_entries[] | select(same(.key; $found[.key]; .value) | not)
    | if $mode == "check" then "- \(.key): \($found[.key] | tojson)", "+ \(.key): \(.value | tojson)"
      else "note: \(.key): is \($found[.key] | tojson), planned \(.value | tojson)" end end,
    (if $found == "none" then empty else unknown($found) | "field \(.key) has the value \(.value | tojson), which this version does not know" end)' <<<"$1") || return 2
  [[ -n $differences ]] || return 0
  [[ $differences != none ]] || return 1
  while IFS= read -r line; do say "      $line"; done <<<"$differences"
  return 1
}

write_fields() { put "$1" <<<"$wanted"; }

# --- certificates ----------------------------------------------------------------------------------------------------------------

# first_certificate: the first PEM certificate of standard input, as OpenSSL writes it. It reads to the end, so that what feeds it never
# meets a closed pipe.
first_certificate() { awk '/-----BEGIN CERTIFICATE-----/ {on = !seen} on {print} /-----END CERTIFICATE-----/ {on = 0; seen = 1}' | x509 2>/dev/null; }
fingerprint() { x509 -noout -fingerprint -sha256 | sed 's/.*=//'; }
# short_fingerprint: of the certificate of standard input, as the description of a mount records it.
short_fingerprint() { fingerprint | tr -d ':' | cut -c1-16; }
# serial_of CERTIFICATE: as Vault writes it.
serial_of() { x509 -noout -serial <<<"$1" | sed 's/.*=//; s/../&:/g; s/:$//' | tr A-F a-f; }
subject_cn() { x509 -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n 's/^ *commonName *= //p'; }

# report_subject CERTIFICATE PLANNED: says where its name has other fields beside the common name than planned, by OpenSSL's names, a line.
report_subject() {
  local fields
  fields=$(x509 -noout -subject -nameopt multiline,utf8,-esc_msb <<<"$1" | sed -n '/^ *commonName *=/d; s/^ *\([A-Za-z]*\) *= /\1=/p' | sort | paste -sd, -)
  [[ $fields == "$2" ]] || note "its name says ${fields:-nothing} beside the common name, the plan ${2:-nothing}; it is kept"
}
end_of() { x509 -noout -enddate | sed 's/.*=//'; }
# second_of_end: when the certificate of standard input ends, in seconds since 1970.
second_of_end() { end_of | jq -R 'strptime("%b %d %H:%M:%S %Y GMT") | mktime'; }
# described CERTIFICATE: prints its common name and its fingerprint. A quote in the name is replaced, so that no name looks like a fingerprint.
described() {
  local text
  text=$(x509 -noout -subject -nameopt multiline,utf8,-esc_msb -fingerprint -sha256 <<<"$1")
  printf "'%s', SHA-256 %s" "$(sed -n 's/^ *commonName *= //p' <<<"$text" | tr "'\n" '? ' | sed 's/ $//')" "$(sed -n 's/^[Ss][Hh][Aa]256 Fingerprint=//p' <<<"$text")"
}

# each_certificate COMMAND: runs it with each certificate of standard input.
each_certificate() {
  local line block=''
  while IFS= read -r line; do
    line=${line%$'\r'}
    case $line in
      '-----BEGIN CERTIFICATE-----') block=$line$'\n' ;;
      '-----END CERTIFICATE-----') printf '%s' "$block$line"$'\n' | "$@" && block='' ;;
      *) [[ -z $block ]] || block+=$line$'\n' ;;
    esac
  done
}

# verified ROOTS CERTIFICATE [CHAIN]: whether it verifies to one of these roots, by OpenSSL, without what else the machine trusts; with `anytime`
# set, whatever has expired meanwhile.
verified() {
  printf '%s\n' "$1" >"$work/root.pem"
  printf '%s\n' "$2" >"$work/certificate.pem"
  printf '%s\n' "${3:-$2}" >"$work/chain.pem"
  verify_only "$work/root.pem" ${anytime:+-no_check_time} -untrusted "$work/chain.pem" "$work/certificate.pem" >"$work/error" 2>&1
}

# signed_by CERTIFICATE CA: whether this very CA has signed it.
signed_by() {
  printf '%s\n' "$2" >"$work/root.pem" && printf '%s\n' "$1" >"$work/certificate.pem" &&
    verify_only "$work/root.pem" -partial_chain "$work/certificate.pem" >"$work/error" 2>&1
}

# unverified: why OpenSSL did not verify it, in its words, without the names of the files that it was laid into.
unverified() {
  local reason
  reason=$(sed -n 's/^error [0-9]* at [0-9]* depth lookup: *//p' "$work/error" | sort -u | paste -sd, -)
  printf '%s' "${reason:-OpenSSL gives no reason}"
}

# is_root CERTIFICATE WHAT: says what is wrong where it is not one, has ended, or is too weak.
is_root() {
  local weak
  if ! x509 -noout -ext basicConstraints <<<"$1" 2>/dev/null | grep CA:TRUE >/dev/null; then
    complain "$2 is no CA certificate"
  elif ! x509 -noout -checkend 0 <<<"$1" >/dev/null; then
    complain "$2 has ended: $(end_of <<<"$1")"
  elif weak=$(weakness <<<"$1") && [[ -n $weak ]]; then
    complain "$2 $weak"
  elif ! verified "$1" "$1"; then
    complain "$2 is not self-signed, so it is no root"
  else
    return 0
  fi
  return 1
}

# lives_for SECONDS CERTIFICATE WHAT: an issuer must outlive what it signs; Vault would cut that, or refuse it half way.
lives_for() {
  x509 -noout -checkend "$1" <<<"$2" >/dev/null && return 0
  complain "$3 ends ($(end_of <<<"$2")) before what it is to sign for $1 s would: use one that lives longer, or a shorter ttl below it"
  return 1
}

# path_of CERTIFICATE: prints how many CAs may stand below it; -1: any number.
path_of() {
  local path
  path=$(x509 -noout -ext basicConstraints <<<"$1" 2>/dev/null | sed -n 's/.*pathlen:\([0-9]*\).*/\1/p')
  printf '%s' "${path:--1}"
}

# issuer_of MOUNT [REF]: prints an issuer of a mount as JSON, the default one where none is named; 1 where there is none.
issuer_of() {
  local config id rc=0
  if [[ ${2:-default} != default ]]; then
    get "$1/issuer/$2"
    return
  fi
  config=$(get "$1/config/issuers") || rc=$?
  ((rc == 0)) || return "$rc"
  id=$(jq -r '.data.default // ""' <<<"$config") || return 2
  [[ -n $id ]] || {
    forget
    return 1
  }
  get "$1/issuer/$id"
}

# unfit MOUNT ISSUER: prints what keeps Vault from letting it sign certificates, and what would let it; nothing where it may. A revoked one never
# may again.
unfit() {
  jq -r --arg patch "$cli patch $1/issuer" '.data | if .revoked == true then "is revoked"
    elif .usage // "issuing-certificates" | tostring | contains("issuing-certificates") then empty
    else "may not sign: its usage is \(.usage); to let it: \($patch)/\(.issuer_id) usage=\(.usage),issuing-certificates" end' <<<"$2"
}

# may_sign_for SECONDS MOUNT REF WHAT: whether Vault lets an issuer sign, and for so long, which it would cut without a word. Says what is wrong.
may_sign_for() {
  local found reason rc=0
  found=$(issuer_of "$2" "$3") && reason=$(unfit "$2" "$found") || return 2
  if [[ -n $reason ]]; then
    complain "$4 in $2 $reason"
  else
    mount_allows "$2" "$1" || rc=$?
    ((rc == 1)) || return "$rc"
    complain "$2 issues for less than the $1 s of a CA below $4; to raise it: $cli secrets tune -max-lease-ttl=$1s $2"
  fi
  return 1
}

# --- the root --------------------------------------------------------------------------------------------------------------------

# shellcheck disable=SC2034 # not every script looks for it
root=
# where it is, in words; an offline root stands in the config alone.
root_place=${root_mount:+in $root_mount}
root_place=${root_place:-outside of Vault}
known_root=$config_root
known_root_source='the root.certificate of the config'

# look_for_root_pem: what a former run wrote beside the config is known, and nothing else is trusted.
look_for_root_pem() {
  [[ -z $known_root && -f root.pem ]] || return 0
  known_root=$(<root.pem)
  known_root_source=./root.pem
}

# same_as_known PEM: whether a certificate is one of those of the known root file, which may hold two during a rotation.
same_as_known() {
  local print prints
  print=$(fingerprint <<<"$1") || return 1
  prints=$(each_certificate fingerprint <<<"$known_root") || return 1
  grep -xF "$print" >/dev/null <<<"$prints"
}

# how_to_accept_root: how a root that nothing here knows is accepted, after its fingerprint was compared.
how_to_accept_root() {
  printf 'nothing beside the config proves who made it. If its SHA-256 is the one that the run which made it printed (or the one you know), accept it: %s read -field=certificate %s > root.pem; then run this again' \
    "$cli" "$root_mount/issuer/$(issuer_of "$root_mount" "$root_ref" | jq -r .data.issuer_id)"
}

# root_from_vault: prints the root certificate that Vault holds, after comparing it with the known one; 1 where there is none. That of an
# offline root stands in the config. It takes a dozen processes, so what it printed is kept.
root_from_vault() { kept root "$root_mount" compared_root; }
compared_root() {
  local issuer certificate rc=0
  if [[ -z $root_mount ]]; then
    certificate=$(first_certificate <<<"$known_root") || return 2
    is_root "$certificate" "$known_root_source" || return 2
    printf '%s\n' "$certificate"
    return 0
  fi
  issuer=$(issuer_of "$root_mount" "$root_ref") || rc=$?
  ((rc == 0)) || return "$rc"
  pick '.data | .certificate, .key_id // ""' <<<"$issuer" || return 2
  certificate=$(first_certificate <<<"${picked[0]}") || return 2
  if [[ -n $known_root ]] && ! same_as_known "$certificate"; then
    complain "$root_mount holds another CA ($(described "$certificate")) than $known_root_source"
    return 2
  fi
  if [[ -z ${picked[1]} ]]; then
    complain "$root_mount holds the root certificate without its key: import both"
    return 2
  fi
  is_root "$certificate" "the CA in $root_mount ($(described "$certificate"))" || return 2
  printf '%s\n' "$certificate"
}

# --- before the first step -------------------------------------------------------------------------------------------------------

missing=()
# whether rights of the token are among it.
lacks_rights=false
# whether those of the steps that make a CA are.
lacks_ca=false

# by their files: a function here is called `vault`, and would be found in its place.
need_programs() {
  local program
  for program in "$cli" "$@"; do
    type -P "$program" >/dev/null || missing+=("the program $program")
  done
}

# need_room: what is compared is laid into files, and a file that is cut off would be another certificate.
need_room() {
  { printf '%262144s' '' >"$work/room"; } 2>/dev/null || die "there is no room below ${TMPDIR:-/tmp} to work in, and nothing was changed: free some, or set TMPDIR"
  rm -f -- "$work/room"
}

# need_answer [REASON]: that Vault answers and is unsealed; and where a call has failed for a reason, that it is or has an active one.
need_answer() {
  local status active
  # it fails for a sealed Vault too, and then says so; where there is none, it says nothing.
  status=$(vault status -format=json 2>"$work/error") || true
  if [[ -z $status ]]; then
    missing+=("an answer from Vault at $VAULT_ADDR: $(last_error)")
    return 1
  fi
  if [[ $(jq -r .initialized <<<"$status") == false ]]; then
    missing+=("an initialized Vault at $VAULT_ADDR: it is new, run '$cli operator init'")
    return 1
  fi
  if [[ $(jq -r .sealed <<<"$status") == true ]]; then
    missing+=("an unsealed Vault at $VAULT_ADDR: it is sealed, run '$cli operator unseal'")
    return 1
  fi
  # a standby sends on what it is asked, and what the active one refuses has a code.
  [[ -n ${1:-} && $1 != *'Code: 4'* && $(jq -r '.ha_enabled == true and .is_self != true' <<<"$status") == true ]] || return 0
  active=$(jq -r '.leader_address // "" | if . == "" then "no other is" else "\(.) does not answer" end' <<<"$status")
  missing+=("an active Vault: the one at $VAULT_ADDR is a standby, and $active: $1")
  return 1
}

# what Vault says that the token may do, by path; none: it was not asked.
capabilities=

# need_vault: that it answers and is unsealed, and that the token may look at what the steps look at, and do what is to be done.
need_vault() {
  local paths lacks undone='' looking='' reason
  # whether there is an audit device is no need of a step: see audit.sh.
  paths=$(jq '[.[] | .look, .act | values | keys[]] | select(length > 0) | {paths: (. + ["sys/audit"] | unique)}' <<<"$needs") || exit 1
  # an offline root alone needs nothing of Vault.
  [[ -n $paths ]] || return 0
  capabilities=$(put sys/capabilities-self <<<"$paths" 2>"$work/error") || {
    reason=$(last_error)
    need_answer "$reason" || return 0
    missing+=("a token that Vault at $VAULT_ADDR takes, in VAULT_TOKEN or by '$cli login': $reason")
    return 0
  }
  # a repair looks at all, as every run does.
  [[ -n $repair ]] || looking=$only
  mapfile -t missing < <(lacking look "$looking" <<<"$capabilities")
  ((${#missing[@]} == 0)) || lacks_rights=true
  lacks=$(lacking act "$only" <<<"$capabilities") || exit 1
  [[ $mode == run && -n $lacks ]] || return 0
  # what is done already needs no right to do it. Where it may not even look, it can't tell, and all of it is wanted.
  undone=$only
  ((${#missing[@]} > 0)) || undone=$(to_do_steps) || exit 1
  note_lacks_ca "$undone"
  mapfile -t -O "${#missing[@]}" missing < <(lacking act "$undone" <<<"$capabilities")
  ((${#missing[@]} == 0)) || lacks_rights=true
}

# note_lacks_ca STEPS: whether the token lacks what those of these steps need that make a CA.
note_lacks_ca() {
  local steps
  steps=$(jq -r --arg steps "$1" '[to_entries[] | select(.value.ca == true and ($steps == "" or (.key | IN($steps | split(" ")[])))) | .key] | join(" ")' <<<"$needs")
  if [[ -n $steps && -n $(lacking act "$steps" <<<"$capabilities") ]]; then lacks_ca=true; fi
}

# lacking look|act STEPS: what the token lacks of what these steps need to look or to act, a line each; of all steps where none is named. Standard
# input is what Vault says of its capabilities.
lacking() {
  jq -r --argjson needs "$needs" --arg when "$1" --arg steps "$2" --arg unasked "$unasked" '(.data // .) as $has
    | [$needs | to_entries[] | select($when == "look" or .key != $unasked) | select($steps == "" or (.key | IN($steps | split(" ")[]))) | .value[$when] // {} | to_entries[]
      | ($has[.key] // []) as $may | select($may != ["root"] and .value - $may != [])
      | "the capability \(.value - $may | join(", ")) on \(.key) for the token"] | unique[]'
}

step_ids() { jq -r 'keys_unsorted[]' <<<"$needs"; }

# note_lacking: the end of --plan: what the token lacks of what a run would need for what is to do. It may look, so the plan is good all the same.
note_lacking() {
  local lacks
  [[ -n $capabilities ]] || return 0
  lacks=$(lacking act "none ${to_do[*]}" <<<"$capabilities" | sed 's/^/  - /') || return 2
  [[ -n $lacks ]] || return 0
  note_lacks_ca "none ${to_do[*]}"
  say 'a run would be refused with this token, which lacks for what is to do:'
  say "$lacks"
  say "$(say_rights)"
}

# need_step: that there is the step that --repair names.
need_step() {
  local known
  known=$(step_ids | paste -sd ' ')
  [[ " $known " == *" $repair "* ]] || bad_usage "--repair: there is no step '$repair', they are $known"
  choose_steps "$repair"
}

# print_policy: what the steps need, in HCL, sorted by path: for a check, what looking needs; for a repair, that and what the one step does;
# what makes a CA apart from the rest. What Vault's default policy gives (sys/capabilities-self) is left out.
print_policy() {
  type -P jq >/dev/null || die 'this is missing: the program jq'
  # shellcheck disable=SC2016 # it is jq's
  jq -r --arg mode "$mode" --arg only "$only" --arg repair "$repair" --arg unasked "$unasked" --argjson ca "$print_ca" '
    # as an HCL string: in `${` it would begin a template.
    def hcl: if type == "array" then "[\(map(hcl) | join(", "))]" elif type == "string" then tojson | gsub("[$][{]"; "\\u0024{") else tojson end;
    def writes: any(.capabilities[]; IN("create", "update", "patch"));
    def rights($when): . as $step | .value[$when] // {} | to_entries[]
      | {path: .key, capabilities: .value, sends: ($step.value.sends // {})[.key], step: $step.key, when: $when, ca: ($step.value.ca == true)};
    [to_entries[] | rights("look", "act")] as $all
    # what every request to a path has is required; not where the path is read, since Vault would require it there too.
    | ($all | group_by(.path) | map(select(all(.[]; (.capabilities | index("read") | not) and ((writes | not) or .sends != null)))
      | {key: .[0].path, value: ([.[] | select(writes) | .sends[] | keys] | if . == [] then [] else .[1:] as $rest | .[0] | map(select(. as $name | all($rest[]; index($name)))) end)})
      | from_entries) as $required
    | ($only == "" or $repair != "") as $every
    | def chosen: $only == "" or (.step | IN($only | split(" ")[]));
    $all | map(select(
        if $ca then .when == "act" and .ca and .step != $unasked
        elif .when == "look" then $every or chosen
        else $mode != "check" and chosen and .step != $unasked and ($only != "" or (.ca | not)) end))
    | group_by(.path)[] | .[0].path as $path
    | "path \($path | hcl) {" as $head
    | "capabilities = \(map(.capabilities[]) | unique | tojson)" as $capabilities
    | map(select(writes)) as $writes
    | if $writes == [] or any($writes[]; .sends == null) then "\($head) \($capabilities) }"
      else [$writes[].sends[] | to_entries[]] | group_by(.key) as $parameters
      | $head, "  \($capabilities)",
        (if $parameters == [] then "  denied_parameters = {", "    \("*" | hcl) = []", "  }"
        else "  allowed_parameters = {",
          ($parameters[] | "    \(.[0].key | hcl) = \(if any(.[]; .value == []) then [] else map(.value[]) | unique end | hcl)"),
          "  }" end),
        ($required[$path] // [] | select(. != []) | "  required_parameters = \(tojson)"),
        "}" end' <<<"$needs"
}

# to_do_steps: goes through the steps without a word, and prints those that are to do.
to_do_steps() {
  mode=plan
  look_around 3>/dev/null
  stop_if_missing
  steps 3>/dev/null
  printf '%s ' none "${to_do[@]}"
}

# use_namespace VARIABLE: exports the plan's namespace of Vault. Where another one is set, the Issuer would ask elsewhere than the script makes.
use_namespace() {
  local given=${!1:-}
  given=${given#/}
  given=${given%/}
  if [[ -n $given && -z $vault_namespace ]]; then
    die "$1 is set to \"$given\", and the Issuer would ask without a namespace: unset it, or set vault.namespace in the config"
  fi
  [[ -z $given || $given == "$vault_namespace" ]] ||
    die "$1 is set to \"$given\", and the Issuer would ask in \"$vault_namespace\" (vault.namespace): unset it"
  if [[ -n $vault_namespace ]]; then export "$1=$vault_namespace"; else unset "$1"; fi
}

stop_if_missing() {
  ((${#missing[@]} > 0)) || return 0
  complain 'this is missing, and nothing was changed:'
  plain "$(printf '  - %s\n' "${missing[@]}")" >&2
  [[ $lacks_rights == false ]] || plain "$(say_rights)" >&2
  exit 1
}

# say_rights: prints how a token comes to the rights that this run needs. A policy for less than all has a name of its own. A batch token lives for
# the time that it was made for: it cannot be renewed, and makes no other token.
say_rights() {
  local words=--print-policy name=${token_policy:-} within='' policies
  [[ -z $vault_namespace ]] || within="-namespace=$(printf %q "$vault_namespace") "
  if [[ $mode == check ]]; then
    words+=' --check' name+=-check
  elif [[ ${retire:-false} == true ]]; then
    words+=' --retire' name+=-retire
  elif [[ -n ${closed:-} ]]; then
    words+=" $closed" name+="-$closed"
  elif [[ -n $repair ]]; then
    words+=" --repair $repair" name+=-${repair//\//-}
  fi
  policies=-policy=$name
  printf 'an administrator who can write policies gives the rights with:\n'
  printf '    bash %q %s | %s policy write %s%s -\n' "$0" "$words" "$cli" "$within" "$name"
  if [[ $lacks_ca == true && -z $repair ]]; then
    printf '    bash %q --print-policy --ca | %s policy write %s%s-ca -\n' "$0" "$cli" "$within" "${token_policy:-}"
    policies+=" -policy=${token_policy:-}-ca"
  fi
  printf 'then put a token with these policies into VAULT_TOKEN; a token that has the policies already has the new rights at once:\n'
  printf '    %s token create %s-type=batch %s -ttl=1h\n' "$cli" "$within" "$policies"
}

# main ARGUMENT...: reads the arguments, looks for what is needed, goes through the steps.
main() {
  exec 3>&1
  mode=run
  print=false
  local only_looks=''
  cli=${MESH_CA_CLI:-}
  if [[ -z $cli ]]; then
    cli=vault
    type -P vault >/dev/null || ! type -P bao >/dev/null || cli=bao
  fi
  while (($# > 0)); do
    case $1 in
      --plan) mode=plan only_looks+=' --plan' ;;
      --check | --repair)
        [[ -n $repair_example ]] || bad_usage "unknown option '$1'"
        if [[ $1 == --check ]]; then
          mode=check only_looks+=' --check'
        else
          (($# >= 2)) || bad_usage "--repair needs a step, e.g. $repair_example"
          repair=$2
          shift
        fi
        ;;
      --print-policy) print=true ;;
      --ca)
        [[ $needs == *'"ca":true'* ]] || bad_usage "unknown option '$1'"
        print_ca=true
        ;;
      --insecure-skip-tls-verify) insecure_tls=true ;;
      --help | -h) usage && return 0 ;;
      *)
        option "$@" || bad_usage "unknown option '$1'"
        shift $((taken - 1))
        ;;
    esac
    shift
  done

  [[ ${retire:-true} == true ]] || unasked=issuer/retire
  [[ -z $repair ]] || need_step
  [[ $print_ca == false || ($print == true && $mode == run && -z $repair && ${retire:-false} == false) ]] ||
    bad_usage '--ca goes with --print-policy, and with no other option'
  [[ $print == false ]] || { print_policy && return 0; }
  [[ -z $repair || $mode == run ]] || bad_usage '--repair does, and --plan and --check only look: one of them'
  [[ $only_looks != *--plan*--check* && $only_looks != *--check*--plan* ]] || bad_usage '--plan says what is to do, --check what differs: one of them'
  [[ $mode != check || ${retire:-false} == false ]] || bad_usage '--retire does, and --check only looks: one of them; --plan --retire says what would be removed'
  work=$(mktemp -d) || die "cannot make a folder to work in, below ${TMPDIR:-/tmp}: free some room there, or set TMPDIR"
  trap 'finish $?' EXIT
  need_room
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  use_namespace VAULT_NAMESPACE
  use_namespace BAO_NAMESPACE
  # bao reads VAULT_* where its own are unset; vault knows nothing of BAO_*.
  [[ ${cli##*/} == bao ]] || unset BAO_ADDR BAO_TOKEN
  export VAULT_ADDR=${BAO_ADDR:-${VAULT_ADDR:-$server}}
  if [[ -n $ca_bundle && -z ${VAULT_CACERT:-}${VAULT_CAPATH:-}${BAO_CACERT:-}${BAO_CAPATH:-} ]]; then
    printf '%s\n' "$ca_bundle" >"$work/vault-ca.pem"
    export VAULT_CACERT=$work/vault-ca.pem
  fi
  if [[ -n $server_name && -z ${VAULT_TLS_SERVER_NAME:-}${BAO_TLS_SERVER_NAME:-} ]]; then export VAULT_TLS_SERVER_NAME=$server_name; fi
  tls_verdict >&2 || {
    refused=true
    exit 2
  }
  before_steps
  stop_if_missing
  if [[ $VAULT_ADDR == "$server" ]]; then say "Vault: $VAULT_ADDR"; else say "Vault: $VAULT_ADDR, which the clusters reach as $server"; fi
  # an agent is asked in the place of Vault.
  ! is_plain_http "${VAULT_AGENT_ADDR:-$VAULT_ADDR}" ||
    note "Vault is reached without TLS at ${VAULT_AGENT_ADDR:-$VAULT_ADDR}: an attacker on the network can read your token; use an https address"
  # the scripts that set nothing up do not ask.
  if declare -F look_at_audit >/dev/null; then look_at_audit; fi
  steps
  case $mode in
    check)
      if declare -F report_reopened >/dev/null; then report_reopened || exit 1; fi
      report_drift
      ;;
    plan) note_lacking ;;
    run)
      if declare -F reopened >/dev/null; then reopened; fi
      if [[ -z $repair ]]; then after_steps; else say "$repair is as planned"; fi
      ;;
  esac
}

# --- no secret and no control sequence on the screen -------------------------------------------------------------------------------

# Tracing prints the arguments of every command, and thereby secrets. `bash -x`, SHELLOPTS and BASH_ENV turn it on.
if [[ $- == *x* ]]; then
  { set +o xtrace; } 2>/dev/null
  printf 'note: tracing (bash -x) is turned off because it would print secrets\n' >&2
fi

# plain TEXT...: prints text from a server, a certificate, a file or an argument without what a terminal obeys: C0 controls except tab and
# line feed, DEL, C1 controls, and invisible Unicode characters, among them those that change the direction of writing. UTF-8 is matched byte
# by byte, because the locale of the terminal is not known.
plain() {
  local LC_ALL=C text=$*
  text=${text//[$'\001'-$'\010'$'\013'-$'\037'$'\177']/}
  if [[ $text == *[$'\200'-$'\377']* ]]; then
    # Replaced, not removed: what is left could join to another one.
    text=${text//$'\302'[$'\200'-$'\237'$'\255']/?} # U+0080 to U+009F, U+00AD
    text=${text//$'\330\234'/?} # U+061C
    text=${text//$'\342\200'[$'\213'-$'\217'$'\250'-$'\256']/?} # U+200B to U+200F, U+2028 to U+202E
    text=${text//$'\342\201'[$'\240'-$'\257']/?} # U+2060 to U+206F
    text=${text//$'\357\273\277'/?} # U+FEFF
  fi
  printf '%s\n' "$text"
}

# plain_lines: the same for each line of standard input.
plain_lines() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do plain "$line"; done
}

# with_plain_errors COMMAND...: runs a command whose error messages can hold what a server says.
with_plain_errors() {
  # Standard output goes around the filter, on descriptor 9.
  { "$@" 2>&1 >&9 9>&- | plain_lines >&2 9>&-; } 9>&1
}

# x509 ARGUMENT...: `openssl x509`. OpenSSL 3.0 reads all that the machine trusts first, which takes ten times as long as the rest; nothing here asks it
# what it trusts.
# shellcheck disable=SC2317 # a command that runs it may be an argument
x509() { SSL_CERT_FILE=/dev/null/none SSL_CERT_DIR=/dev/null/none openssl x509 "$@"; }

# verify_only ROOTS ARGUMENT...: runs `openssl verify`, which trusts the certificates of the file ROOTS and no others: neither those that the
# machine trusts nor those of the environment. OpenSSL 1.1.1 has no -no-CAstore, so the two variables close the default store. The signature of a
# trusted certificate that names itself as its issuer is checked too: by default OpenSSL does not.
verify_only() {
  local roots=$1
  shift
  SSL_CERT_FILE=/dev/null/none SSL_CERT_DIR=/dev/null/none openssl verify -check_ss_sig -no-CApath -CAfile "$roots" "$@"
}

# write_beside FILE: writes standard input to a file beside the config. The text is complete before it has the name. A user who can write to the
# folder cannot have it written elsewhere: the file is new and is opened once, and what has the name in the end must be that file. 1, and
# last_error says why.
write_beside() (
  if [[ -L $1 || -d $1 ]]; then
    printf '%s is a symbolic link or a directory: remove it\n' "$1" >"$work/error"
    exit 1
  fi
  new=./.mesh-ca.$(openssl rand -hex 8) || exit 1
  umask 022
  set -o noclobber
  { exec {file}>"$new"; } 2>>"$work/error" || exit 1
  set +o noclobber
  trap 'rm -f -- "$new"' EXIT
  trap 'exit 1' INT TERM HUP
  { cat >&"$file" && mv -f -- "$new" "$1"; } 2>"$work/error" || exit 1
  [[ ! -L $1 && $1 -ef /dev/fd/$file ]] || {
    printf 'somebody else replaced %s while it was written\n' "$1" >"$work/error"
    exit 1
  }
)

# --- several values of one answer -----------------------------------------------------------------------------------------------------

# pick [OPTION...] FILTER: sets `picked` to what a filter of jq gives of standard input: several values by one call, which takes a fiftieth of
# a second. jq ends each with a NUL, since what a server says may hold anything else; a NUL in a value is left out.
picked=()
pick() {
  local -a options=("${@:1:$#-1}")
  mapfile -d '' -t picked < <(jq -j "${options[@]}" "${!#}"' | tostring | split("\u0000") | join("") + "\u0000"')
  wait "$!"
}

# --- how strong a CA certificate is -----------------------------------------------------------------------------------------------------

# weakness: prints why the CA certificate of standard input is too weak to trust, in words that follow its name; nothing where it is strong
# enough. Names are left out of what OpenSSL prints, so that none can imitate the lines that are read here.
weakness() {
  local text line algorithm='' bits=0 curve='' signature='' hash='' usage='' in_usage='' why=''
  text=$(x509 -noout -text -certopt no_issuer,no_subject,no_serial,no_validity,no_extensions,no_aux,no_sigdump -ext keyUsage 2>/dev/null)
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"} line=${line%"${line##*[![:space:]]}"}
    case $line in
      'Signature Algorithm: '*) signature=${line#*: } ;;
      'Hash Algorithm: '*) hash=${line#*: } ;;
      'Public Key Algorithm: '*) algorithm=${line#*: } ;;
      *'Public-Key: ('*) bits=${line#*(} bits=${bits%% *} ;;
      'ASN1 OID: '*) curve=${line#*: } ;;
      'X509v3 Key Usage:'*) in_usage=yes ;;
      *) [[ $in_usage != yes ]] || usage=$line in_usage=read ;;
    esac
  done <<<"$text"
  case $algorithm in
    rsaEncryption | rsassaPss) [[ $bits =~ ^[0-9]+$ ]] && ((bits >= 2048)) || why="has an RSA key of $bits bits; use at least 2048 bits" ;;
    id-ecPublicKey)
      [[ $curve =~ ^(prime256v1|secp384r1|secp521r1)$ ]] || why="has a key on the curve ${curve:-without a name}; use P-256, P-384 or P-521"
      ;;
    ED25519) ;;
    *) why="has a key of type ${algorithm:-unknown}; use RSA with at least 2048 bits, or P-256, P-384 or P-521" ;;
  esac
  [[ $signature != rsassaPss ]] || signature+=" and ${hash:-sha1}"
  if [[ -n $why ]]; then
    :
  elif [[ ! $signature =~ ^(sha(256|384|512)WithRSAEncryption|ecdsa-with-SHA(256|384|512)|ED25519|rsassaPss\ and\ sha(256|384|512))$ ]]; then
    why="is signed with ${signature:-an unknown algorithm}; use SHA-256, SHA-384 or SHA-512"
  elif [[ $in_usage == read && $usage != *'Certificate Sign'* ]]; then
    why='has a key usage without keyCertSign, so it must not sign certificates; use a CA certificate that has it'
  fi
  printf '%s' "$why"
}

# --- TLS: Vault comes to trust keys that it is told of, so the servers on both sides must be the right ones -----------------------------

# whether --insecure-skip-tls-verify was given.
insecure_tls=false

# preferences in ~/.kube/kuberc could add --insecure-skip-tls-verify to any call of kubectl.
export KUBERC=off

# is_true VALUE: as Go's strconv.ParseBool, by which Vault's CLI reads a variable.
is_true() { [[ $1 =~ ^(1|t|T|TRUE|true|True)$ ]]; }

# is_plain_http ADDRESS: whether it is HTTP without TLS to another machine.
is_plain_http() {
  local address=${1,,}
  [[ $address == http://* && ! $address =~ ^http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])([:/]|$) ]]
}

# unverified_tls: prints each connection whose other end would not be checked, one a line.
unverified_tls() {
  local name answer api skips
  for name in VAULT_SKIP_VERIFY BAO_SKIP_VERIFY; do
    ! is_true "${!name:-}" ||
      printf '%s is "%s", so nothing checks the certificate of Vault: unset it, and name the CA in VAULT_CACERT or vault.caBundle\n' "$name" "${!name}"
  done
  local vault=${VAULT_AGENT_ADDR:-${BAO_ADDR:-${VAULT_ADDR:-${server:-}}}}
  ! is_plain_http "$vault" ||
    printf 'Vault is reached without TLS at %s: use an https address\n' "$vault"
  [[ -n ${context:-} && -n $(type -P kubectl) && -n $(type -P jq) ]] || return 0
  # where there is no such context, the first call says so.
  answer=$(kubectl --context "$context" config view --minify -o json 2>/dev/null) || return 0
  { IFS= read -r skips && IFS= read -r api; } < <(jq -r '.clusters[0].cluster | .["insecure-skip-tls-verify"] // false, .server // ""' <<<"$answer") || return 0
  [[ $skips != true ]] ||
    printf 'context %s of the kubeconfig has insecure-skip-tls-verify, so nothing checks the certificate of the API server: remove it, and add certificate-authority\n' "$context"
  ! is_plain_http "$api" ||
    printf 'context %s of the kubeconfig reaches the API server without TLS: write its server with https\n' "$context"
}

# tls_verdict: prints what is wrong; 1 where that ends the script. An option lets it pass.
tls_verdict() {
  local found
  found=$(unverified_tls) || return 1
  [[ -n $found ]] || return 0
  if [[ $insecure_tls == true ]]; then
    plain "$0: WARNING: --insecure-skip-tls-verify: an attacker on the network can read your token and change what Vault trusts"
  else
    plain "$0: error: TLS is not verified, and nothing was changed: an attacker on the network could read your token and change what Vault trusts. To continue anyway, pass --insecure-skip-tls-verify"
  fi
  plain "  - ${found//$'\n'/$'\n  - '}"
  [[ $insecure_tls == true ]]
}

# --- what a mount's description says -----------------------------------------------------------------------------------------------

# what the description of each mount begins with that these scripts have enabled; a mount without it was there before.
readonly MARK='cdk8s-mesh-ca: '

# description_of sys/mounts|sys/auth MOUNT: prints it; 1 where there is no such mount.
description_of() {
  local table found
  table=$(get "$1") || return 2
  # the first letter tells one without a description from none.
  found=$(jq -r --arg mount "$2/" '(.data // .)[$mount] // empty | "=\(.description // "")"' <<<"$table") || return 2
  [[ -n $found ]] || return 1
  printf '%s\n' "${found#=}"
}

# is_marked sys/mounts|sys/auth MOUNT: whether these scripts have enabled it; 1 where they have not, or where there is none.
is_marked() {
  local description rc=0
  description=$(description_of "$1" "$2") || rc=$?
  ((rc == 0)) || return "$rc"
  [[ $description == "$MARK"* ]]
}

# Evidence: what a run has to tell a later one, in words KEY=VALUE, between brackets at the end of the description of a secrets engine:
# "cdk8s-mesh-ca: CA of east [east-g1.until=2030-01-31T12:00:00Z]". A mount that is not ours can have such words too; they do not mark it.
# shellcheck disable=SC2016 # it is jq's
readonly EVIDENCE='def evidence: (capture("^(?<text>[^\u0000]*?) ?\\[(?<words>[^ =\\[\\]]+=[^ =\\[\\]]*( [^ =\\[\\]]+=[^ =\\[\\]]*)*)\\]$") // {text: ., words: ""})
  | {text, words: [.words | split(" ")[] | select(. != "") | split("=") | {key: .[0], value: .[1]}] | from_entries};'

# a time, as the words have it.
readonly TIME='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$'
is_time() { [[ $1 =~ $TIME ]]; }

# evidence_in MOUNT: prints its words KEY=VALUE, a line each; 1 where there is no such mount. Ours hold no line break.
evidence_in() { kept evidence "$1" read_evidence "$1"; }
read_evidence() {
  local table rc=0
  table=$(get sys/mounts) || return 2
  # 4: jq had nothing to say.
  jq -er --arg mount "$1/" "$EVIDENCE"' (.data // .)[$mount] // empty | .description // "" | evidence.words
    | to_entries | map("\(.key)=\(.value)" | select(contains("\n") | not)) | join("\n")' <<<"$table" || rc=$?
  case $rc in
    0) ;;
    4) return 1 ;;
    *) return 2 ;;
  esac
}

# evidence_of MOUNT KEY: prints the value of a word; an empty line where there is none.
evidence_of() {
  local lines value=''
  lines=$'\n'$(evidence_in "$1") || return "$?"
  [[ $lines != *$'\n'"$2="* ]] || value=${lines#*$'\n'"$2="}
  printf '%s\n' "${value%%$'\n'*}"
}

# evidence_keys MOUNT: prints the keys, a line each.
evidence_keys() {
  local lines
  lines=$(evidence_in "$1") || return "$?"
  [[ -z $lines ]] || cut -d = -f 1 <<<"$lines"
}

# record MOUNT KEY=VALUE...: writes words beside those that are there, an empty value removes one. It asks Vault to write only what changes.
record() {
  local mount=$1 before after
  shift
  # another run may have recorded something since.
  forget
  before=$(description_of sys/mounts "$mount") || return 2
  after=$(jq -nr --arg before "$before" "$EVIDENCE"' $before | evidence
    | .words += ([$ARGS.positional[] | capture("^(?<key>[^=]+)=(?<value>.*)$")] | from_entries)
    | [.text, ([.words | to_entries[] | select(.value != "") | "\(.key)=\(.value)"] | select(. != []) | "[\(join(" "))]")]
    | map(select(. != "")) | join(" ")' --args "$@") || return 2
  [[ $after == "$before" ]] || jq -n --arg description "$after" '{$description}' | put "sys/mounts/$mount/tune"
}

# vault_time: prints Vault's own time, in seconds since 1970. Vault tells it in its root namespace alone, without looking at the token. Asked
# without these words a standby answers with an error. Where the root namespace is closed (HCP), the token's expiry and its remaining lifetime
# tell the time, to the second.
vault_time() {
  local answer reason
  if answer=$(in_root_namespace read -format=json sys/health standbyok=true perfstandbyok=true 2>"$work/error"); then
    jq -e '(.data // .).server_time_utc | numbers' <<<"$answer" || return 2
    return 0
  fi
  reason=$(last_error)
  answer=$(vault read -format=json auth/token/lookup-self 2>"$work/error") || {
    complain "cannot read Vault's time: $reason; nor what the token says of it: $(last_error)"
    return 2
  }
  jq -e '.data | select((.ttl // 0) > 0) | .ttl as $ttl
    | .expire_time | capture("^(?<time>[0-9-]+T[0-9:]+)([.][0-9]+)?(Z|(?<sign>[+-])(?<h>[0-9]{2}):(?<m>[0-9]{2}))$")
    | (.h // "0" | tonumber * 3600) + (.m // "0" | tonumber * 60) as $zone
    | (.time + "Z" | fromdateiso8601) - (if .sign == "-" then -$zone else $zone end) - $ttl' <<<"$answer" 2>/dev/null || {
    complain "cannot read Vault's time: $reason. A token that expires tells it too, and this one does not: use one that was made with -ttl"
    return 2
  }
}

# is_generation PREFIX NAME: whether an issuer's name is one that these scripts give: the prefix of its cluster, and a number.
is_generation() { [[ $2 == "$1"* && ${2#"$1"} =~ ^[1-9][0-9]{0,2}$ ]]; }

# own_words MOUNT: prints the keys of what these scripts have recorded there.
own_words() { evidence_keys "$1" | grep -E '^(root|leaves[.]until|closed[.][a-z-]+|(trusts|left)[.][0-9A-F]{16}|.+-g[0-9]+[.](until|key))$' || true; }

# nothing_recorded MOUNT, forget_record MOUNT: a mount that stays is left without them.
nothing_recorded() {
  local rc=0
  description_of sys/mounts "$1" >/dev/null || rc=$?
  ((rc != 1)) || return 0
  ((rc == 0)) || return "$rc"
  [[ -z $(own_words "$1") ]]
}
forget_record() {
  local -a words
  mapfile -t words < <(own_words "$1")
  record "$1" "${words[@]/%/=}"
}

# --- taking back what setup.sh made

kept=0
# keep WHAT: names what is not removed, and why.
keep() {
  note "kept: $*"
  settled=kept
  kept=$((kept + 1))
}

# what is kept, and what setup.sh would not write over.
in_the_way=()
# keep_foreign PATH
keep_foreign() {
  keep "$1: the CA of this cluster is not in Vault, so it may be of another maker; to remove it: $cli delete $1"
  in_the_way+=("$1")
}

# whether what has a planned name is what setup.sh made.
ours=true

# gone PATH: whether Vault holds nothing there, or what is of another maker.
gone() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  case $rc in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  [[ $ours == false ]] || return 1
  keep_foreign "$1"
}

# as JSON, since Vault's warnings are for those who did not mean it.
remove() { vault delete -format=json "$1"; }

# typed WHAT NAME OPTION: has a name typed at the terminal; without a terminal the option must have said it. Nothing is changed before.
typed() {
  local answer=''
  [[ -t 0 ]] || refuse "it changes nothing until $1 is named: type it at a terminal, or $3 '$2'"
  printf '%s' "$(plain "type $1, $2, to go on: ")" >&2
  IFS= read -r answer || true
  [[ $answer == "$2" ]] || refuse "'$answer' is not $1, which is '$2': nothing was changed"
}

# --- teardown: what setup.sh made is removed, the last first; what was there before is kept, and named

repair_example=
# the names of the CAs whose keys may be lost, one a line.
losing=
options_usage=" [--lose-ca 'COMMON NAME']"
options_help="  --lose-ca NAME      the common name of a CA whose key is lost with this, once for each; it is asked for at a terminal otherwise
"

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  taken=2
  if [[ $1 == --lose-ca ]]; then
    (($# >= 2)) || bad_usage '--lose-ca needs the common name of the CA'
    losing+=$2$'\n'
  else
    cluster_option "$@"
  fi
}

before_steps() {
  need_programs jq openssl
  need_cluster_programs
  stop_if_missing
  look_for_root_pem
  need_vault
  ((${#missing[@]} > 0)) || look_around
  stop_if_missing
  name_cas
}

after_steps() {
  ((kept == 0)) || say "kept, and named above: $kept"
  if ((${#in_the_way[@]} == 0)); then
    say "$taken_back. $made_anew"
  else
    say "$taken_back. setup.sh does not make it anew beside what is kept and in its way:$(printf ' %s,' "${in_the_way[@]}") unless that is removed, or other names are chosen in the config"
  fi
}

# --- the CAs

# survey MOUNT: sets what a PKI secrets engine holds: `own`, the issuers of the planned CA, of all its generations; `carried`, the certificates above it that came with
# it; `keys`, those of `own`, and those that a stopped run has left; `cas`, the CAs in words; `others`, what is of another maker.
survey() {
  local id issuer certificate whose issuers='[]'
  local -a ids
  own=() carried=() keys=() cas=() others=()
  keys_of "$1/issuers" || true
  ids=("${listed[@]}")
  for id in "${ids[@]}"; do
    issuer=$(get "$1/issuer/$id") || return 2
    certificate=$(jq -r .data.certificate <<<"$issuer" | first_certificate) || return 2
    whose=other
    if [[ -z $(jq -r '.data.key_id // ""' <<<"$issuer") ]]; then
      whose=carried
    elif is_own "$1" "$issuer" "$certificate"; then
      whose=own
      cas+=("$(described "$certificate"), until $(end_of <<<"$certificate")")
    else
      others+=("the CA $(described "$certificate")")
    fi
    issuers=$(jq -c --argjson issuer "$issuer" --arg whose "$whose" '. + [$issuer.data
      | {$whose, id: .issuer_id, key: .key_id, certificate, chain: (.ca_chain // [])}]' <<<"$issuers") || return 2
  done
  mapfile -t own < <(jq -r '.[] | select(.whose == "own").id' <<<"$issuers")
  mapfile -t keys < <(jq -r '[.[] | select(.whose == "other").key] as $others | [.[] | select(.whose == "own").key] - $others | unique[]' <<<"$issuers")
  # without a key it signs nothing; it goes where it came with ours, and stands above nobody else's.
  mapfile -t carried < <(jq -r '[.[] | select(.whose == "own").chain[]] as $own | [.[] | select(.whose == "other").chain[]] as $others
    | .[] | select(.whose == "carried") | select((.certificate | IN($own[])) and (.certificate | IN($others[]) | not)).id' <<<"$issuers")
  keys_of "$1/keys" || true
  ids=("${listed[@]}")
  for id in "${ids[@]}"; do
    jq -e --arg id "$id" 'any(.[]; .key == $id) | not' <<<"$issuers" >/dev/null || continue
    issuer=$(get "$1/key/$id") || return 2
    [[ $(jq -r '.data.key_name // ""' <<<"$issuer") != "$REMOVED$id" ]] || keys+=("$id")
  done
}

# what a key is called that is to go: without its issuer nothing else would tell whose it was.
readonly REMOVED=cdk8s-mesh-ca-removed-

# is_own MOUNT ISSUER CERTIFICATE: whether it is the planned CA of that mount, or another generation of it: by the certificate's name, or by what
# setup.sh calls the issuer; of the root, which may have any name, by what is known of it, or by its being the default.
is_own() {
  local names name
  names=$(jq -c --arg mount "$1" '.[] | select(.mount == $mount)' <<<"$ca_names") || return 2
  if [[ -z $names && -n $known_root ]]; then
    same_as_known "$3"
    return
  elif [[ -z $names ]]; then
    [[ $(get "$1/config/issuers" | jq -r .data.default) == "$(jq -r .data.issuer_id <<<"$2")" ]]
    return
  fi
  pick '.prefix, .names[]' <<<"$names" || return 2
  name=$(jq -r '.data.issuer_name // ""' <<<"$2") || return 2
  [[ -z ${picked[0]} ]] || ! is_generation "${picked[0]}" "$name" || return 0
  name=$(subject_cn <<<"$3")
  for names in "${picked[@]:1}"; do [[ $name != "$names" ]] || return 0; done
  return 1
}

# ca_gone MOUNT, remove_ca MOUNT: whether nothing of the planned CA is left there.
ca_gone() {
  local ca
  survey "$1" || return 2
  for ca in "${cas[@]}"; do note "the CA is $ca"; done
  ((${#own[@]} + ${#keys[@]} == 0))
}
remove_ca() {
  local id
  for id in "${carried[@]}"; do remove "$1/issuer/$id"; done
  # named before its issuer goes, so that a stopped run's is found again.
  for id in "${keys[@]}"; do jq -n --arg key_name "$REMOVED$id" '{$key_name}' | put "$1/key/$id"; done
  for id in "${own[@]}"; do remove "$1/issuer/$id"; done
  for id in "${keys[@]}"; do remove "$1/key/$id"; done
}

# name_cas: names each CA whose key is lost, then has each name said; exit 2 where one is not, and nothing is changed.
name_cas() {
  local mount ca name
  local -a names=() unnamed=()
  for mount in $ca_mounts; do
    survey "$mount" || exit 1
    for ca in "${cas[@]}"; do
      name=${ca#\'}
      names+=("${name%%\', SHA-256*}")
      say "the key of the CA $ca, in $mount, will be lost for good: what it would sign is signed by nobody, and a snapshot of Vault, taken before, is the only way back"
    done
  done
  [[ $mode == run ]] || return 0
  for name in "${names[@]}"; do
    [[ $'\n'$losing != *$'\n'"$name"$'\n'* ]] || continue
    unnamed+=("$name")
    losing+=$name$'\n'
  done
  ((${#unnamed[@]} > 0)) || return 0
  [[ -t 0 ]] || refuse "it changes nothing until the common name of the CA is named: type it at a terminal, or$(printf " --lose-ca '%s'" "${unnamed[@]}")"
  for name in "${unnamed[@]}"; do typed 'the common name of the CA' "$name" --lose-ca; done
}

# --- mounts

# mount_gone sys/mounts MOUNT, mount_gone sys/auth MOUNT ROLES ROLE: whether it is gone, or to be kept.
mount_gone() {
  local rc=0 one
  description_of "$1" "$2" >/dev/null || rc=$?
  case $rc in
    0) ;;
    1) return 0 ;;
    *) return 2 ;;
  esac
  others=()
  if [[ $1 == sys/mounts ]]; then
    survey "$2" || return 2
    add_roles "$2/roles"
    ((${#others[@]} == 0)) || in_the_way+=("the mount $2")
  fi
  is_marked "$1" "$2" || rc=$?
  case $rc in
    0) ;;
    1)
      keep "the mount $2, which was there before"
      return 0
      ;;
    *) return 2 ;;
  esac
  [[ $1 == sys/mounts ]] || add_roles "$3" "$4"
  ((${#others[@]} > 0)) || return 1
  one=$(printf ', %s' "${others[@]}")
  keep "the mount $2, which holds what is not of the plan: ${one#, }"
}

# add_roles PATH [ROLE]: adds to `others` the roles there, but the cluster's own.
add_roles() {
  local one
  keys_of "$1" || true
  for one in "${listed[@]}"; do
    [[ $one == "${2:-}" || $1/$one == "$role_path" ]] || others+=("the role $one")
  done
}

# --- the root

cluster_option() { return 1; }
need_cluster_programs() { return 0; }
role_path=

# look_around: the clusters' CAs come first. What they hold is theirs; that it is there is enough.
look_around() {
  local name mount
  while IFS=: read -r name mount; do
    [[ -n $name ]] || continue
    survey "$mount" || exit 1
    ((${#own[@]} == 0)) || missing+=("a Vault without the CA of cluster $name, in $mount: run dist/$name/teardown.sh first")
  done <<<"$cluster_mounts"
}

# root_pem_gone, remove_root_pem: whether no ./root.pem is there that setup.sh has written.
root_pem_gone() {
  local certificate rc=0
  [[ -f root.pem ]] || return 0
  certificate=$(root_from_vault) || rc=$?
  if ((rc == 0)) && [[ $(each_certificate fingerprint <root.pem) == "$(fingerprint <<<"$certificate")" ]]; then return 1; fi
  keep "./root.pem, which is not the certificate that $root_mount holds"
}
remove_root_pem() { rm -f -- root.pem; }

main "$@"
