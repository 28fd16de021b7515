#!/usr/bin/env bash
# Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.
#
# Takes back what adopt.sh has changed in cluster cluster-1: istiod hands out what it did before.
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

readonly about='Takes back what adopt.sh has changed in cluster cluster-1: istiod hands out what it did before.'
readonly cluster=cluster-1
readonly context=cluster-1
readonly server=https://vault.example.com:8200
readonly vault_namespace=''
readonly server_name=''
readonly ca_bundle=''
readonly config_root=''
readonly root_mount=pki
readonly root_ref=default
readonly istio_namespace=istio-system
readonly istiod_deployments=istiod
readonly ca_address=cert-manager-istio-csr.cert-manager.svc:443
readonly our_part='our overlay out of the ControlPlane'
readonly csr=cert-manager-istio-csr
readonly csr_release=cert-manager-istio-csr
readonly csr_namespace=cert-manager
readonly step_count=3
readonly needs='{
  "undo/trust": {},
  "undo/istiod": {},
  "undo/trusted": {}
}'

steps() {
  step undo/trust 'Put Secret istio-system/cacerts back as it was, or take it away where there was none'
  unless put_back
  run put_roots_back

  step undo/istiod 'Restart istiod'
  unless undone
  run restart

  step undo/trusted 'See the former roots in istio-ca-root-cert of every namespace, and forget the rest'
  unless forgotten
  run forget_adoption
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

# --- what a cluster's scripts share

# find_root: sets `root` to what Vault holds; 1, and says so among what is missing, where it holds none.
find_root() {
  local rc=0
  # shellcheck disable=SC2034 # not every script goes on with it
  root=$(root_from_vault) || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) || missing+=("the root CA in Vault's mount $root_mount: run dist/root/setup.sh first")
  return "$rc"
}

kube() { with_plain_errors kubectl --context "$context" "$@"; }

# need_namespaces NAME...: that they are there.
need_namespaces() {
  local namespace found
  found=$(kube get namespace "$@" -o name 2>"$work/error") && return 0
  for namespace in "$@"; do
    grep -xF "namespace/$namespace" >/dev/null <<<"$found" ||
      missing+=("the namespace $namespace in the cluster of context $context: $(grep -F "\"$namespace\"" "$work/error" || last_error)")
  done
}

# may WORDS...: whether the one who runs this may do that in the cluster.
may() {
  [[ $(kube auth can-i "$@" 2>&1) == yes ]] || missing+=("the right to $* in context $context")
}

# secret_value NAMESPACE NAME KEY: prints a value of a Secret; 1 where there is none.
secret_value() {
  local secret
  secret=$(kube get secret "$2" -n "$1" -o json --ignore-not-found) || return 2
  [[ -n $secret ]] || return 1
  printf '%s' "$secret" | jq -er --arg key "$3" '.data[$key] // empty | @base64d' || return 1
}

# secret_annotation NAMESPACE NAME ANNOTATION: prints it; nothing where there is none.
secret_annotation() {
  kube get secret "$2" -n "$1" -o json --ignore-not-found | jq -r --arg key "$3" '.metadata.annotations[$key] // ""' || return 2
}

# the annotation that says which cluster of the config a Secret was made for.
readonly MAKER=cdk8s-mesh-ca/cluster

# apply_secret NAMESPACE NAME KEY [ANNOTATION VALUE]: makes the Secret, its value from standard input, through pipes only. The annotation says
# something of the value, where VALUE is not empty: both change in one call.
apply_secret() {
  jq -Rs --arg namespace "$1" --arg name "$2" --arg key "$3" --arg maker "$MAKER" --arg cluster "$cluster" \
    --arg annotation "${4:-}" --arg said "${5:-}" '{
    apiVersion: "v1", kind: "Secret", type: "Opaque",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"},
      annotations: ({($maker): $cluster} + if $said == "" then {} else {($annotation): $said} end)},
    data: {($key): @base64}}' | kube apply --server-side --force-conflicts --field-manager=cdk8s-mesh-ca -f -
}


# --- a mesh that runs: what its istiod signs with, what everybody trusts, and since when --------------------------------------------------

# what the cluster is asked to remember, a ConfigMap beside istiod. Every time in it is the API server's own.
readonly EVIDENCE=cdk8s-mesh-ca-adopt
readonly ROOT_MAP=istio-ca-root-cert
evidence_map=

options_usage=
options_help=
taken=0
option() { return 1; }

look_for_evidence() { evidence_map=$(kube get configmap "$EVIDENCE" -n "$istio_namespace" -o json --ignore-not-found) || exit 1; }
evidence() { [[ -z $evidence_map ]] || jq -r --arg key "$1" '.data[$key] // ""' <<<"$evidence_map"; }

# note_down DATA: lays these words beside the evidence that there is; null takes one away.
note_down() {
  if [[ -z $evidence_map ]]; then
    jq -n --argjson data "$1" --arg name "$EVIDENCE" --arg namespace "$istio_namespace" --arg maker "$MAKER" --arg cluster "$cluster" '{
      apiVersion: "v1", kind: "ConfigMap",
      metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"}, annotations: {($maker): $cluster}},
      data: ($data | with_entries(select(.value != null)))}' | kube create -f -
  else
    kube patch configmap "$EVIDENCE" -n "$istio_namespace" --type=merge --patch "$(jq -n --argjson data "$1" '{$data}')"
  fi
  look_for_evidence
}

# server_time: the API server's own, which it gives to what it is asked to make and does not keep.
server_time() { kube create configmap "$EVIDENCE-time" -n "$istio_namespace" --dry-run=server -o json | jq -er .metadata.creationTimestamp; }

# later TIME SECONDS: so long after it.
later() { jq -nr --arg time "$1" --argjson seconds "$2" '$time | fromdateiso8601 + $seconds | todateiso8601'; }

in_hours() { jq -nr --argjson seconds "$1" '$seconds | if . % 3600 == 0 then "\(. / 3600)h" else "\(. / 60 | ceil)m" end'; }

# what every question about the mesh is asked with.
read -r -d '' mesh_questions <<'JQ' || true
def objects: .items // [.] | .[];
def is_ca: .data // {} | has("ca-key.pem") or has("tls.key");
# the names that istiod looks for, in its order; the Secret that it makes for itself has the root as the CA. The key is never let out.
def ca:
  (.data | has("tls.crt")) as $tls | (.metadata.name == "cacerts") as $plugged
  | (if $tls then ["ca.crt", "tls.crt", "tls.crt"] elif $plugged then ["root-cert.pem", "ca-cert.pem", "cert-chain.pem"]
    else ["ca-cert.pem", "ca-cert.pem", "cert-chain.pem"] end) as [$roots, $certificate, $chain]
  | ([.metadata.managedFields[]? | select(.manager == "cdk8s-mesh-ca") | .time] | max // null) as $ours
  | {name: .metadata.name, key: $roots, maker: (.metadata.annotations[$ARGS.named.maker] // ""),
    written: ($ours // ([.metadata.managedFields[]?.time] | max) // .metadata.creationTimestamp),
    keeper: ([.metadata.ownerReferences[]?.kind, (.metadata.annotations // {} | keys[] | select(test("^(cert-manager.io/certificate-name|reconcile.external-secrets.io|argocd.argoproj.io)")))] | join(", ")),
    roots: (.data[$roots] // "" | @base64d), certificate: (.data[$certificate] // "" | @base64d), chain: (.data[$chain] // "" | @base64d)};
def discovery: .spec.template.spec.containers[]? | select(.name == "discovery");
def signs: [discovery | .env[]? | select(.name == "ENABLE_CA_SERVER") | .value] | (last // "true") != "false";
def rolled_out:
  (.spec.replicas // 1) as $replicas | (.metadata.generation // 1) as $generation | .status // {}
  | (.observedGeneration // 0) >= $generation and ([.updatedReplicas, .replicas, .availableReplicas] | all(. == $replicas));
# a sidecar or a gateway, which may be an initContainer, and what it was told.
def proxy: [.spec.containers[]?, .spec.initContainers[]?] | map(select(.name == "istio-proxy"))[0] // empty;
def told($name): [.env[]? | select(.name == $name) | .value] | last // "";
# as Go writes a duration; Istio takes 24h where it is not set, or is none.
def seconds: [scan("([0-9.]+)(h|ms|m|s)") | (.[0] | tonumber) * {h: 3600, m: 60, s: 1, ms: 0.001}[.[1]]] | add // 86400 | ceil;
def sidecars:
  [objects | select(.status.phase | IN("Succeeded", "Failed") | not) | (.metadata | {namespace, name, creationTimestamp}) as $pod
  | proxy | $pod + {seconds: (told("SECRET_TTL") | seconds), address: told("CA_ADDR")}];
# by what they are asked with.
def signs_itself: [objects | select(.kind == "Deployment" and (.metadata.name | IN($ARGS.named.deployments | split(" ")[]))) | signs] | if . == [] then empty else any end;
def names: objects | select(.kind == "Deployment") | .metadata.name;
def made_after:
  [objects] | (map(select(.kind == "Pod")) | length > 0 and all(.metadata.creationTimestamp > $ARGS.named.since))
  and (map(select(.kind == "Deployment")) | all(rolled_out));
def old: map(select(.creationTimestamp <= $ARGS.named.since));
def elsewhere: map(select(.address != $ARGS.named.address));
def asking: map(select(.address == $ARGS.named.address));
def places: [.[].namespace] | group_by(.) | map("\(.[0]) (\(length))") | join(", ");
JQ

ask_mesh() {
  local question=$1
  shift
  jq -r --arg maker "$MAKER" "$@" "$mesh_questions $question"
}

# look_at_ca: sets `ca` to what istiod signs with, or '' where there is no such Secret. The objects go straight into jq.
look_at_ca() {
  ca=$(kube get secret cacerts istio-ca-secret -n "$istio_namespace" --ignore-not-found --show-managed-fields -o json |
    ask_mesh '[objects | select(is_ca) | ca] | sort_by(.name)[0] // empty | tojson') || die "Secrets cacerts and istio-ca-secret of namespace $istio_namespace cannot be read"
}
of_ca() { jq -r --arg key "$1" '.[$key]' <<<"$ca"; }

# look_at_istiod: sets `deployments` to every revision's Deployment and pods, and `signs` to whether a planned one is a CA by itself.
look_at_istiod() {
  deployments=$(kube get deployments,pods -n "$istio_namespace" -l app=istiod -o json) || exit 1
  signs=$(ask_mesh signs_itself --arg deployments "$istiod_deployments" <<<"$deployments")
}

# look_at_sidecars: sets `sidecars` to all of them: where, since when, for how long they ask, and whom.
look_at_sidecars() {
  sidecars=$(kube get pods -A -o json | ask_mesh 'sidecars | tojson') || die "the pods of context $context cannot be listed"
}

# prints_in TEXT: the fingerprints of its certificates, one a line, sorted.
prints_in() { each_certificate fingerprint <<<"$1" | sort -u; }
# beside PRINTS OTHERS: which of the first are not among the second.
beside() { comm -23 <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

# where_not PRINTS: the namespaces whose istio-ca-root-cert lacks one of these roots, or holds another where STRICT is given; each text once.
where_not() {
  local prints=$1 strict=${2:-} maps text places found
  maps=$(kube get configmaps -A --field-selector="metadata.name=$ROOT_MAP" -o json) || return 2
  while read -r text places; do
    found=$(base64 -d <<<"$text" | each_certificate fingerprint | sort -u)
    [[ -z $(beside "$prints" "$found") && (-z $strict || -z $(beside "$found" "$prints")) ]] || printf '%s\n' "$places"
  done < <(jq -r '[.items[] | {namespace: .metadata.namespace, text: (.data["root-cert.pem"] // "" | @base64)}] | group_by(.text)[]
    | "\(.[0].text) \([.[].namespace] | join(", "))"' <<<"$maps")
  [[ $(jq '.items | length' <<<"$maps") != 0 ]] || printf 'every namespace\n'
}

# wait_for_roots PRINTS [STRICT]: istiod writes them within seconds of its start.
wait_for_roots() {
  local lacking='' i
  for ((i = 0; i < 60; i++)); do
    lacking=$(where_not "$@") || exit 1
    [[ -n $lacking ]] || return 0
    sleep 2
  done
  die "after two minutes $ROOT_MAP is not as it must be in: ${lacking//$'\n'/, }. Look at the log of istiod in $istio_namespace; is another program writing it?"
}

# restart_istiod SINCE: every revision's istiod, one after the other; until no pod is left that was made before.
restart_istiod() {
  local since=$1 name i
  until [[ $(server_time) > $since ]]; do sleep 1; done
  while IFS= read -r name; do
    kube rollout restart "deployment/$name" -n "$istio_namespace"
    kube rollout status "deployment/$name" -n "$istio_namespace" --timeout=10m
  done < <(ask_mesh names <<<"$deployments")
  for ((i = 0; i < 60; i++)); do
    look_at_istiod
    ! made_after "$since" || return 0
    sleep 2
  done
  die "pods of istiod are left in $istio_namespace that were made before $since"
}

# made_after TIME: whether every istiod is of after it, and serves.
made_after() { ask_mesh made_after -e --arg since "$1" <<<"$deployments" >/dev/null; }

# --- the way back: istiod hands out what it handed out before -----------------------------------------------------------------------------

before_steps() {
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_evidence
  look_at_istiod
  look_at_sidecars
  if [[ -z $evidence_map ]]; then
    say "there is nothing to put back: adopt.sh has left no ConfigMap $istio_namespace/$EVIDENCE"
    exit 0
  fi
  look_around
}

# look_around: what was switched goes back first, or workloads would hold certificates that nobody trusts.
look_around() {
  local asks
  [[ $signs == true ]] ||
    missing+=("an istiod that signs by itself: take $our_part, and wait until $istio_namespace/${istiod_deployments// /, } is rolled out")
  asks=$(ask_mesh 'asking | places' --arg address "$ca_address" <<<"$sidecars")
  [[ -z $asks ]] || missing+=("workloads that do not ask $ca_address: restart, after istiod signs again: $asks")
  [[ -z $(kube get deployment "$csr" -n "$csr_namespace" -o name --ignore-not-found) ]] ||
    missing+=("no istio-csr, which writes both roots: helm --kube-context $context uninstall $csr_release -n $csr_namespace")
  former=$(evidence former)
}

# put_back: whether Secret cacerts is as it was.
put_back() {
  look_at_ca
  case $former in
    '') return 0 ;;
    none) [[ -z $ca || $(of_ca name) != cacerts || $(of_ca maker) != "$cluster" ]] ;;
    *) [[ $(of_ca roots) == "$(evidence former-roots)" ]] ;;
  esac
}

put_roots_back() {
  note_down '{"trusted-since": null, "undo": "begun"}'
  if [[ $former == none ]]; then
    kube delete secret cacerts -n "$istio_namespace"
  else
    jq -n --arg key "$former" --arg roots "$(evidence former-roots)" --arg maker "$MAKER" \
      '{metadata: {annotations: {($maker): null}}, data: {($key): ($roots + "\n" | @base64)}}' |
      kube patch secret cacerts -n "$istio_namespace" --type=merge --field-manager=cdk8s-mesh-ca --patch-file=/dev/stdin
  fi
}

# undone: whether istiod was restarted after that; where nothing was begun, it need not be.
undone() { [[ $(evidence undo) != begun ]]; }

restart() {
  restart_istiod "$(server_time)"
  note_down '{"undo": "restarted"}'
}

# forgotten: the evidence goes last, when every namespace trusts what it did before.
forgotten() { [[ -z $evidence_map ]]; }

forget_adoption() {
  local prints
  look_at_ca
  prints=$(prints_in "$(of_ca roots)")
  wait_for_roots "$prints" strict
  kube delete configmap "$EVIDENCE" -n "$istio_namespace"
  evidence_map=
}

after_steps() { say "cluster $cluster trusts what it did before adopt.sh. Setup.sh's work in Vault is left: nothing asks it"; }

main "$@"
