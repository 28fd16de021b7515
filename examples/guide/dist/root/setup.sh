#!/usr/bin/env bash
# Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.
#
# Brings the root CA into Vault's mount pki.
# Run it from the folder of mesh-ca.yaml; --plan shows what it would do, --help the rest. Every step can be run again.
# WARNING: root.source: "import" keeps the root's private key in Vault, where a Vault administrator can sign any CA with it; for production, write "offline" with a policy CA in policyCas, as HashiCorp and Istio recommend

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

readonly about='Brings the root CA into Vault'\''s mount pki.'
readonly server=https://vault.example.com:8200
readonly vault_namespace=''
readonly server_name=''
readonly ca_bundle=''
readonly config_root=''
readonly root_mount=pki
readonly root_ref=default
readonly token_policy=mesh-ca-setup-root
readonly root_source=import
readonly root_common_name='Mesh Root CA'
readonly root_subject=''
readonly longest_below=157680000
readonly planned_mounts=istioca
readonly stored_leaves='{"istioca":2592000}'
readonly cas='[]'
readonly step_count=5
readonly needs='{
  "root/mount": {"look":{"sys/mounts":["read"],"pki/certs":["list"],"pki/cert/+":["read"],"pki/issuers":["list"],"pki/issuer/+":["read"],"istioca/certs":["list"],"istioca/cert/+":["read"],"istioca/issuers":["list"],"istioca/issuer/+":["read"]},"act":{"sys/mounts/pki":["create","update"]},"sends":{"sys/mounts/pki":[{"type":["pki"],"description":["cdk8s-mesh-ca: the root CA"]}]},"ca":true},
  "root/tune": {"look":{"sys/mounts":["read"]},"act":{"sys/mounts/pki/tune":["create","update"]},"sends":{"sys/mounts/pki/tune":[{"max_lease_ttl":["87600h"]}]}},
  "root/import": {"look":{"pki/config/issuers":["read"],"pki/issuer/+":["read"],"pki/issuers":["list"],"pki/keys":["list"],"pki/roles":["list"],"sys/mounts":["read"],"pki/config/acme":["read"],"pki/config/est":["read"],"pki/config/crl":["read"]},"act":{"pki/config/ca":["update"]},"sends":{"pki/config/ca":[{"pem_bundle":[]}]},"ca":true},
  "root/urls": {"look":{"pki/config/urls":["read"],"sys/mounts":["read"]},"act":{"pki/config/urls":["create","update"]},"sends":{"pki/config/urls":[{"issuing_certificates":[[]],"crl_distribution_points":[[]],"ocsp_servers":[[]],"enable_templating":[false]}]}},
  "root/write": {}
}'

steps() {
  step root/mount 'Enable a PKI secrets engine at pki'
  fields '{
    "type": "pki",
    "description": "cdk8s-mesh-ca: the root CA"
  }'
  unless mount_is pki pki
  run write_fields sys/mounts/pki

  step root/tune 'Let pki issue for at least 87600h'
  fields '{
    "max_lease_ttl": "87600h"
  }'
  unless mount_allows pki 315360000
  run write_fields sys/mounts/pki/tune

  # The key goes to Vault through a pipe. A mount that holds another CA ends the script.
  step root/import 'Import the root CA into pki'
  unless root_present
  run import_root

  # None is planned: Envoy and istiod check no revocation by them, and a client that does and does not reach Vault would refuse
  # every certificate. A leaf ends within hours; a CA is taken away by emergency.sh.
  step root/urls 'Have pki write no URLs of CAs, CRLs and OCSP into what it signs'
  fields '{
    "issuing_certificates": [],
    "crl_distribution_points": [],
    "ocsp_servers": [],
    "enable_templating": false
  }'
  unless own_mount_has pki pki/config/urls
  run write_fields pki/config/urls

  # root.certificate of mesh-ca.yaml may name it from then on.
  step root/write 'Write the public certificate to ./root.pem'
  unless root_written
  run write_root
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

# --- who did what: Vault's audit devices --------------------------------------------------------------------------------------------

# look_at_audit: warns where Vault keeps no record of what it does. To look takes sudo, which no step needs: a token without it is not asked
# for it, and does not try, since a refused request is what an audit log is watched for.
look_at_audit() {
  local table
  [[ -n $capabilities && -z $repair ]] || return 0
  # Vault has sys/audit in its root namespace alone.
  if [[ -n $vault_namespace ]]; then
    note "the audit devices of Vault belong to its root namespace, which a token of $vault_namespace does not see: ask somebody who does whether there is one"
    return 0
  fi
  if ! jq -e '(.data // .)["sys/audit"] // [] | . == ["root"] or ["read", "sudo"] - . == []' <<<"$capabilities" >/dev/null; then
    note 'this token may not see whether Vault has an audit device (read and sudo on sys/audit): ask somebody who may'
  elif ! table=$(vault read -format=json sys/audit 2>"$work/error"); then
    note "whether Vault has an audit device could not be read: $(last_error)"
  elif ! jq -e '.data // {} | length > 0' <<<"$table" >/dev/null; then
    note "WARNING: Vault has no audit device, so nobody can tell later who had what signed. To enable one: $cli audit enable file file_path=…"
  fi
}

# --- settings of a mount that let more in than the plan, or show more ---------------------------------------------------------------------

# report_tuning sys/mounts|sys/auth MOUNT: names what a mount is tuned with beside its lifetimes, with what takes each back.
report_tuning() {
  local table key value tune=sys/mounts/$2/tune
  [[ $1 == sys/mounts ]] || tune=sys/auth/$2/tune
  table=$(get "$1") || return 2
  while IFS=$'\t' read -r key value; do
    [[ -z $key ]] ||
      stray "the mount $2 is tuned with $key $value, which is not of the plan; to take it back: $cli write $tune $key=$([[ $key != listing_visibility ]] || printf hidden)$([[ $key != token_type ]] || printf default-service)"
  done < <(jq -r --arg mount "$2/" '(.data // .)[$mount] // {} | (.config // {}) + {plugin_version, options} | to_entries[]
    | select(.key | IN("default_lease_ttl", "max_lease_ttl", "force_no_cache", "user_lockout_config", "trim_request_trailing_slashes") | not)
    | select(.value | . == null or . == false or . == 0 or . == "" or . == [] or . == {} or . == [""] or . == "hidden" or . == "default-service" | not)
    | "\(.key)\t\(.value | tojson)"' <<<"$table")
}

# report_pki_settings MOUNT: names what serves certificates beside the PKI role, and what keeps revocations from being seen.
report_pki_settings() {
  local what found setting planned rc
  report_tuning sys/mounts "$1" || return 2
  # three more reads for each mount, so a run that sets up does without them.
  [[ $mode == check ]] || return 0
  for what in acme est crl; do
    rc=0
    # an older Vault has neither ACME nor EST.
    found=$(get "$1/config/$what") || rc=$?
    ((rc <= 1)) || return 2
    ((rc == 0)) || continue
    while IFS=$'\t' read -r setting planned; do
      [[ -z $setting ]] || stray "$1/config/$what has $setting, which is not of the plan; to take it back: $cli write $1/config/$what $planned"
    done < <(jq -r '.data | {acme: {enabled: false}, est: {enabled: false}, crl: {disable: false, ocsp_disable: false}}[$ARGS.named.what] as $plan
      | . as $found | $plan | to_entries[] | select($found[.key] != null and $found[.key] != .value) | "\(.key)=\($found[.key])\t\(.key)=\(.value)"' --arg what "$what" <<<"$found")
  done
}

# --- many paths of Vault: the CLI reads one at a time -------------------------------------------------------------------------------------

# how many are read at the same time.
readonly AT_ONCE=8

# read_each PATH...: reads them, the answer to the first into $work/each.0; a path where nothing is gives an empty file. Says how far it is, where
# it takes more than a second.
read_each() {
  local i=0 pid rc start=$SECONDS total=$#
  local -a running
  rm -f -- "$work"/each.*
  while ((i < total)); do
    running=()
    while ((${#running[@]} < AT_ONCE && i < total)); do
      i=$((i + 1))
      ask read "${!i}" >"$work/each.$((i - 1))" &
      running+=("$!")
    done
    for pid in "${running[@]}"; do
      rc=0
      wait "$pid" || rc=$?
      ((rc <= 1)) || return 2
    done
    ((SECONDS == start)) || { start=$SECONDS && say "      read: $i of $total"; }
  done
}

# each_answer COMMAND...: runs it with the files that read_each wrote.
each_answer() { find "$work" -name 'each.*' -exec "$@" {} +; }

# --- the CAs that these scripts have made --------------------------------------------------------------------------------------------------

# Nothing in Vault proves who made a CA: whoever can write there can import one with its key, under any name. So each run that makes a CA adds its
# certificate to a file beside the config, as root.pem is for the root, and a CA that is in no such file is not used. The files are public: keep
# them in Git, beside the config.
# A mount's name can hold "_", and no "+".
ca_file() { printf '%s' "${1//\//+}.ca.pem"; }

# known_in MOUNT: prints the fingerprints of the CAs that the file of this mount has.
known_in() {
  local file
  file=$(ca_file "$1")
  [[ -f $file ]] || return 0
  kept cas "$1" each_certificate fingerprint <"$file"
}

# is_known_ca MOUNT CERTIFICATE
is_known_ca() {
  local print
  print=$(fingerprint <<<"$2") && grep -xF -- "$print" >/dev/null <<<"$(known_in "$1")"
}

# remember_ca MOUNT CERTIFICATE: adds it to the file. A run does so before the CA is in Vault, so that one that is stopped in between can go on.
remember_ca() {
  local file before=''
  ! is_known_ca "$1" "$2" || return 0
  file=$(ca_file "$1")
  [[ ! -f $file ]] || before=$(each_certificate x509 <"$file")
  printf '%s\n' ${before:+"$before"} "$2" | write_beside "$file" || die "cannot write $file in $PWD, which has to name the CA: $(last_error)"
  forget
  say "      written: $PWD/$file; keep it in Git beside the config"
}

# how_to_accept_ca MOUNT PATH: how a CA that no file names is accepted, after its fingerprint was compared.
how_to_accept_ca() {
  printf 'no file beside the config names it, so nothing proves who made it. If you know its SHA-256 from the run that made it, accept it: %s read -field=certificate %s | openssl x509 >>%s; then run this again. If nobody knows it, somebody else put it there' \
    "$cli" "$2" "$(ca_file "$1")"
}

# need_proof WHAT OF: a run that would use what nothing beside the config proves is refused, a plan says so, and to a check it is drift.
need_proof() {
  case $mode in
    check) stray "$2" ;;
    plan) note "a run would be refused: $2" ;;
    *) missing+=("$1 $2") ;;
  esac
}

# --- which CAs the planned mounts have signed ---------------------------------------------------------------------------------------------

# report_unknown_cas: names each certificate that the root's mount, the policy CAs' mounts or the clusters' mounts have signed, that can still be used,
# and that neither a file beside the config names nor the planned role of a cluster signs. Vault keeps what it has signed at MOUNT/cert/SERIAL.
report_unknown_cas() {
  local file one known=''
  for file in ./*.ca.pem; do
    [[ ! -f $file ]] || known+=$(each_certificate fingerprint <"$file")$'\n'
  done
  for one in ${root_mount:+"$root_mount"} $planned_mounts; do report_signed "$one" || exit 1; done
}

# report_signed MOUNT: reads each certificate, and looks at it. Each is read by an OpenSSL of its own: a certificate can hold any text, so it must
# not be found in the text of several.
report_signed() {
  local one longest
  local -a serials certificates
  keys_of "$1/certs" || return 0
  serials=("${listed[@]}")
  read_each "${serials[@]/#/$1/cert/}" || return 2
  mapfile -d '' -t certificates < <(each_answer jq -j '.data | (if (.revocation_time // 0) == 0 then "" else "revoked\n" end) + .certificate + "\u0000"')
  # only the planned role of a cluster that has Vault store certificates leaves any here.
  longest=$(jq -r --arg mount "$1" '.[$mount] // 0' <<<"$stored_leaves") || return 2
  for one in "${certificates[@]}"; do
    if can_sign "$one"; then
      report_if_unknown "$1" "$one" 'a CA'
    elif ((longest == 0)) || ! lives_at_most "$longest" "$one"; then
      report_if_unknown "$1" "$one" 'a certificate that no planned role signs, and'
    fi
  done
}

# can_sign CERTIFICATE: whether it is a CA, also by what old verifiers take for one: no basic constraints, and the key usage of a CA.
can_sign() {
  local found
  found=$(x509 -noout -ext basicConstraints,keyUsage <<<"$1" 2>/dev/null) || true
  [[ $found == *CA:TRUE* || ($found != *'Basic Constraints'* && $found == *'Certificate Sign'*) ]]
}

# lives_at_most SECONDS CERTIFICATE: Vault lets a certificate begin half a minute before it is signed.
lives_at_most() {
  x509 -noout -startdate -enddate <<<"$2" | jq -eRn --argjson most "$1" \
    '[inputs | sub("^[^=]*="; "") | strptime("%b %d %H:%M:%S %Y GMT") | mktime] | length == 2 and .[1] - .[0] <= $most + 60' >/dev/null
}

# report_if_unknown MOUNT CERTIFICATE WHAT: the mount of an existing root may sign CAs for others, so there it is no drift. A revoked CA is: the mesh
# reads no list of revoked CAs, and trusts it on.
report_if_unknown() {
  local serial advice report=stray
  x509 -noout <<<"$2" 2>/dev/null || {
    stray "$1 has signed a certificate that OpenSSL does not read: look at each that $cli list $1/certs names"
    return 0
  }
  ! grep -xF -- "$(fingerprint <<<"$2")" >/dev/null <<<"$known" || return 0
  x509 -noout -checkend 0 <<<"$2" >/dev/null || return 0
  # a self-signed one is no CA below ours: report_other_roots names it for as long as its key is here.
  ! verified "$2" "$2" || return 0
  serial=$(serial_of "$2")
  [[ $1 != "$root_mount" || $root_source != existing ]] || report=note
  if [[ $2 == revoked* ]]; then
    advice="It is revoked, and the mesh reads no CRL, so it trusts it until then: only another root ends that"
  else
    advice="Find out who requested it: the audit log has the serial. To revoke it: $cli write $1/revoke serial_number=$serial"
  fi
  "$report" "$1 has signed $3 that no file beside the config names: $(described "$2"), serial $serial, valid from $(x509 -noout -startdate <<<"$2" | sed 's/.*=//') until $(end_of <<<"$2"). $advice. If you know it: $cli read -field=certificate $1/cert/$serial | openssl x509 >>$(ca_file "$1")"
}

# --- the root CA -----------------------------------------------------------------------------------------------------------------

repair_example=root/tune
[[ $root_source != existing && $root_source != offline ]] || repair_example=root/check
root_cert_file=
root_key_file=
root_key=
options_usage=
options_help=
[[ $root_source != import ]] || options_usage=' [--root-cert FILE --root-key FILE]'
[[ -z $options_usage ]] || options_help='  --root-cert FILE    the root certificate to import, PEM; needed once
  --root-key FILE     its key, PEM, unencrypted; read once, so it can be /dev/stdin; needed once
'

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  if declare -F offline_option >/dev/null && offline_option "$@"; then return 0; fi
  taken=2
  case $1 in
    --root-cert | --root-key)
      [[ $options_usage == *--root-cert* ]] || return 1
      (($# >= 2)) || bad_usage "$1 needs a file"
      [[ -r $2 ]] || bad_usage "$1: cannot read '$2'"
      if [[ $1 == --root-cert ]]; then root_cert_file=$2; else root_key_file=$2; fi
      ;;
    *) return 1 ;;
  esac
}

before_steps() {
  local given=''
  need_programs jq openssl
  stop_if_missing
  if [[ -n $root_cert_file ]]; then
    given=$(first_certificate <"$root_cert_file") || die "--root-cert holds no PEM certificate"
  fi
  if [[ -n $root_key_file ]]; then
    root_key=$(<"$root_key_file")
    [[ -n $root_key ]] || die "--root-key: $root_key_file is empty; where a program was to write the key there, it says above why it did not"
  fi
  look_for_root_pem
  if [[ -n $given ]]; then
    if [[ -n $known_root ]] && ! same_as_known "$given"; then
      die "--root-cert is another CA (SHA-256 $(fingerprint <<<"$given")) than $known_root_source"
    fi
    known_root=$given
    known_root_source=--root-cert
  fi
  need_vault
  ((${#missing[@]} > 0)) || look_around
}

# look_around: what is there already, and what an import brings, is checked before anything is changed.
look_around() {
  local certificate rc=0
  certificate=$(root_from_vault) || rc=$?
  case $rc in
    0)
      # shellcheck disable=SC2034 # what makes CAs reads it.
      root=$certificate
      if [[ $root_source == import && -z $known_root ]]; then
        missing+=("the root certificate to compare with the CA that $root_mount holds ($(described "$certificate")): --root-cert FILE")
      elif [[ $root_source == generate && -z $known_root && $(subject_cn <<<"$certificate") != "$root_common_name" ]]; then
        die "$root_mount holds another CA ($(described "$certificate")) than the plan generates ('$root_common_name'): choose another mount, or source: import"
      elif [[ $root_source == generate && -z $known_root ]]; then
        [[ $mode == check ]] || die "$root_mount holds a root CA already, $(described "$certificate"): $(how_to_accept_root). If nobody knows it, remove it or choose another mount"
        stray "nothing beside the config proves who made the root CA in $root_mount, $(described "$certificate")"
      fi
      ;;
    1)
      case $root_source in
        import) need_root_files ;;
        generate)
          [[ -z $known_root || $mode == check ]] || die "$known_root_source is there ($(described "$known_root")), and $root_mount holds no CA: one that is generated now would be another. Move it away, or run this where its config lies"
          [[ $mode == check ]] || need_empty_root_mount
          ;;
        existing) missing+=("the root CA in Vault's mount $root_mount, issuer $root_ref: root.source is existing, and there is none") ;;
      esac
      ;;
    *) [[ $mode == check && ! -e $work/unanswered ]] || exit 1 ;;
  esac
  ((${#missing[@]} > 0)) || look_at_policy_cas
  [[ $mode != check || ${#missing[@]} -gt 0 ]] || report_unknown_cas
}

# need_empty_root_mount: a root is generated in a mount that holds nothing: what is there already could sign beside it.
need_empty_root_mount() {
  local what
  for what in issuers keys roles; do
    ! keys_of "$root_mount/$what" || not_ours "the mount $root_mount, with its ${what%s} ${listed[0]}" root.mount
  done
}

# look_at_policy_cas: those that are there have to be the planned ones; what will sign the others has to be fit for it.
look_at_policy_cas() {
  local one rc
  local -a mounts
  mapfile -t mounts < <(jq -r '.[].mount' <<<"$cas")
  for one in "${mounts[@]}"; do
    rc=0
    look_at_ca "$one" || rc=$?
    ((rc <= 1)) || [[ $mode == check && ! -e $work/unanswered ]] || exit 1
    ((rc != 1)) || need_free_mount "$one" "the mount of that policy CA"
  done
}

not_ours() { missing+=("another name than $1, which is there already and not of this CA: set $2 in the config"); }

need_root_files() {
  local certificate public
  [[ -n $known_root ]] || missing+=('the root certificate: --root-cert FILE')
  [[ -n $root_key ]] || missing+=('the key of the root: --root-key FILE')
  if ((${#missing[@]} > 0)); then
    [[ $mode != run ]] || return 0
    missing=()
    note 'an import needs --root-cert FILE and --root-key FILE'
    return 0
  fi
  certificate=$(first_certificate <<<"$known_root") || die "$known_root_source holds no PEM certificate"
  is_root "$certificate" "$known_root_source" || exit 1
  lives_for "$longest_below" "$certificate" "$known_root_source" || exit 1
  # the key is compared by its public half; it goes through pipes only, and an encrypted one is refused, not asked for.
  public=$(printf '%s\n' "$root_key" | openssl pkey -pubout -passin pass: 2>/dev/null) ||
    die "--root-key is no private key that is not encrypted; for an encrypted one: openssl pkey -in ca.key | bash $0 … --root-key /dev/stdin"
  [[ $public == "$(x509 -noout -pubkey <<<"$certificate")" ]] || die "--root-key is the key of another certificate than $known_root_source"
}

# root_present: whether the mount holds the planned root.
root_present() {
  local certificate rc=0
  certificate=$(root_from_vault) || rc=$?
  ((rc == 0)) || return "$rc"
  # shellcheck disable=SC2034 # what makes CAs reads it.
  root=$certificate
  note "the root is $(described "$certificate"), until $(end_of <<<"$certificate")"
  [[ $root_source != generate ]] || report_subject "$certificate" "$root_subject"
  report_other_roots || return 2
  lives_for "$longest_below" "$certificate" 'the root' 2>/dev/null ||
    note "it ends before a CA below it that is made now would: no further one can be made as planned"
}

# report_other_roots: what else the mount can sign with, where it is ours alone: issuers, keys, and roles.
report_other_roots() {
  local id other default used rc=0
  local -a ids
  is_marked sys/mounts "$root_mount" || rc=$?
  ((rc <= 1)) || return 2
  ((rc == 0)) || return 0
  default=$(get "$root_mount/config/issuers" | jq -r .data.default) || return 2
  used=$(get "$root_mount/issuer/$default" | jq -r '.data.key_id // ""') || return 2
  keys_of "$root_mount/issuers" || true
  ids=("${listed[@]}")
  for id in "${ids[@]}"; do
    [[ $id != "$default" ]] || continue
    other=$(get "$root_mount/issuer/$id") && pick '.data | .certificate, .key_id // ""' <<<"$other" || return 2
    used+=" ${picked[1]}"
    [[ -z ${picked[1]} ]] || stray_issuer "$root_mount" "$id" "${picked[@]}"
  done
  keys_of "$root_mount/keys" || true
  for id in "${listed[@]}"; do
    [[ " $used " == *" $id "* ]] || stray "key $id in $root_mount has no certificate; to remove it: $cli delete $root_mount/key/$id"
  done
  keys_of "$root_mount/roles" || true
  for id in "${listed[@]}"; do
    stray "role $root_mount/roles/$id signs with the root, and is not of the plan; to remove it: $cli delete $root_mount/roles/$id"
  done
  report_pki_settings "$root_mount"
}

# root_fits: whether a root that is not ours to make is there, and may sign what is below it.
root_fits() {
  local rc=0
  root_present || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -z $root_mount ]] || may_sign_for "$longest_below" "$root_mount" "$root_ref" 'the root' || return 2
}

# own_mount_has MOUNT PATH: whether Vault holds the step's fields there. A mount that was there before may serve others, and stays as it is.
own_mount_has() {
  local rc=0
  is_marked sys/mounts "$1" || rc=$?
  ((rc <= 1)) || return "$rc"
  if ((rc == 1)) && description_of sys/mounts "$1" >/dev/null; then
    note "the mount $1 was there before and may serve others: $2 stays as it is"
    return 0
  fi
  same_fields "$2"
}

refuse_root() { die "there is no root $root_place"; }

import_root() {
  printf '%s\n%s\n' "$(first_certificate <<<"$known_root")" "$root_key" | vault write -format=json "$root_mount/config/ca" pem_bundle=-
  root_key=
  root_present || die "$root_mount does not hold the root that was just imported"
}

generate_root() {
  local answer
  # by a name, which Vault gives once: of two runs at once, one makes the root.
  answer=$(jq '. + {issuer_name: "mesh-ca-root"}' <<<"$wanted" | put "$root_mount/root/generate/internal")
  # from the answer itself, and at once: what the mount holds later is compared with it.
  # shellcheck disable=SC2034 # root_from_vault reads both
  known_root=$(jq -r .data.certificate <<<"$answer" | first_certificate) known_root_source='the root that this run generated'
  write_root_pem "$known_root"
  root_present || die "the CA generated in $root_mount is not its default issuer"
}

# root_written, write_root: the public certificate, beside the config.
root_written() {
  local certificate rc=0 prints
  certificate=$(root_from_vault) || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -f root.pem ]] || return 1
  prints=$(each_certificate fingerprint <root.pem)
  grep -xF "$(fingerprint <<<"$certificate")" >/dev/null <<<"$prints" || {
    complain "./root.pem is another CA than $root_mount holds: move it away, or run this where its config lies"
    return 2
  }
}

write_root() {
  local certificate
  certificate=$(root_from_vault)
  write_root_pem "$certificate"
}

# write_root_pem CERTIFICATE
write_root_pem() {
  printf '%s\n' "$1" | write_beside root.pem || die "cannot write root.pem in $PWD: $(last_error)"
  say "      written: $PWD/root.pem"
}

after_steps() { say "the root CA is ready $root_place. next: the clusters' setup.sh"; }

main "$@"
