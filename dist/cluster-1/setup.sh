#!/usr/bin/env bash
# Made by mesh-ca synth (cdk8s-mesh-ca) from mesh-ca.yaml. Do not edit: change the config and synthesize again.
#
# Makes the intermediate CA of cluster cluster-1 in Vault, the way in for its cert-manager, and tries both.
# Run it from the folder of mesh-ca.yaml; --plan shows what it would do, --help the rest. Every step can be run again.

readonly about='Makes the intermediate CA of cluster cluster-1 in Vault, the way in for its cert-manager, and tries both.'
readonly cluster=cluster-1
readonly context=cluster-1
readonly server=https://vault.example.com:8200
readonly ca_bundle=''
readonly config_root=''
readonly root_mount=pki
readonly mount=istioca-cluster-1
readonly common_name='cluster-1 Mesh Intermediate CA'
readonly key_mode=internal
readonly sign_fields='{"format":"pem_bundle","ttl":"43800h","max_path_length":0}'
readonly sign_path=istioca-cluster-1/sign/cluster-1
readonly role_is_exact=true
readonly approle_mount=approle
readonly approle_path=auth/approle/role/cert-manager-cluster-1
readonly role_id=cluster-1.cert-manager-cluster-1
readonly token_type=batch
readonly secret_id_seconds=31536000
readonly secret_name=cert-manager-vault-approle
readonly secret_namespace=istio-system
readonly secret_key=secretId
readonly csr_namespace=cert-manager
readonly root_secret=istio-root-ca
readonly root_secret_key=ca.cert.pem
readonly root_file=root
readonly key_type=rsa
readonly key_bits=2048
readonly trial_ttl=1h
readonly step_count=12
readonly needs='{
  "auth/approle/role/cert-manager-cluster-1": ["create","read","update"],
  "auth/approle/role/cert-manager-cluster-1/role-id": ["create","read","update"],
  "auth/approle/role/cert-manager-cluster-1/secret-id": ["list","update"],
  "auth/approle/role/cert-manager-cluster-1/secret-id-accessor/destroy": ["update"],
  "auth/approle/role/cert-manager-cluster-1/secret-id/lookup": ["update"],
  "istioca-cluster-1/config/issuers": ["read","update"],
  "istioca-cluster-1/intermediate/generate/internal": ["update"],
  "istioca-cluster-1/intermediate/set-signed": ["update"],
  "istioca-cluster-1/issuer/+": ["read"],
  "istioca-cluster-1/issuers": ["list"],
  "istioca-cluster-1/keys": ["list"],
  "istioca-cluster-1/roles/cluster-1": ["create","read","update"],
  "pki/config/issuers": ["read"],
  "pki/issuer/+": ["read"],
  "pki/root/sign-intermediate": ["update"],
  "sys/auth": ["read"],
  "sys/auth/approle": ["create","sudo","update"],
  "sys/auth/approle/tune": ["create","sudo","update"],
  "sys/mounts": ["read"],
  "sys/mounts/istioca-cluster-1": ["create","update"],
  "sys/mounts/istioca-cluster-1/tune": ["create","update"],
  "sys/policies/acl/cert-manager-cluster-1": ["create","read","update"]
}'

steps() {
  step intermediate/mount 'Enable a PKI secrets engine at istioca-cluster-1'
  unless mount_is istioca-cluster-1 pki
  run vault secrets enable -path=istioca-cluster-1 pki

  step intermediate/tune 'Let istioca-cluster-1 issue for at most 43800h'
  unless max_lease_ttl_is istioca-cluster-1 43800h
  run vault secrets tune -max-lease-ttl=43800h istioca-cluster-1

  # Key, signature and import are one step: a rerun never replaces a CA that a mesh trusts.
  # internal: the key never leaves Vault.
  step intermediate/issue 'Issue the CA of istioca-cluster-1 from the root CA in pki'
  fields '{
    "common_name": "cluster-1 Mesh Intermediate CA",
    "ttl": "43800h",
    "key_type": "rsa",
    "key_bits": 3072
  }'
  unless intermediate_present
  run issue_intermediate

  # It signs istiod's and istio-csr's own names and the workloads' SPIFFE IDs, and nothing else.
  step role/write 'Write the PKI role istioca-cluster-1/roles/cluster-1'
  fields '{
    "issuer_ref": "default",
    "allowed_domains": [
      "istiod.istio-system.svc",
      "cert-manager-istio-csr.cert-manager.svc"
    ],
    "allowed_domains_template": false,
    "allow_any_name": false,
    "allow_bare_domains": true,
    "allow_subdomains": false,
    "allow_glob_domains": false,
    "allow_wildcard_certificates": false,
    "allow_localhost": false,
    "allow_ip_sans": false,
    "allowed_uri_sans": [
      "spiffe://cluster.local/ns/*/sa/*"
    ],
    "allowed_uri_sans_template": false,
    "allowed_other_sans": [],
    "enforce_hostnames": true,
    "require_cn": false,
    "use_csr_common_name": true,
    "use_csr_sans": true,
    "server_flag": true,
    "client_flag": true,
    "code_signing_flag": false,
    "email_protection_flag": false,
    "basic_constraints_valid_for_non_ca": false,
    "key_usage": [
      "DigitalSignature",
      "KeyAgreement",
      "KeyEncipherment"
    ],
    "ext_key_usage": [],
    "key_type": "rsa",
    "key_bits": 2048,
    "ttl": "1h",
    "max_ttl": "1h",
    "no_store": true,
    "generate_lease": false
  }'
  unless same_fields istioca-cluster-1/roles/cluster-1
  run write_fields istioca-cluster-1/roles/cluster-1

  # cert-manager may ask for a signature, and nothing else.
  step policy/write 'Write the policy cert-manager-cluster-1'
  fields '{
    "policy": "path \"istioca-cluster-1/sign/cluster-1\" { capabilities = [\"update\"] }"
  }'
  unless same_fields sys/policies/acl/cert-manager-cluster-1
  run write_fields sys/policies/acl/cert-manager-cluster-1

  step approle/mount 'Enable the AppRole auth method at approle'
  unless auth_is approle approle
  run vault auth enable -path=approle approle

  # Without it Vault cuts a secret ID to its default of 768 hours, without a word. A mount that allows more is left alone.
  step approle/tune 'Let secret IDs of approle live for 8760h'
  unless auth_allows approle 31536000
  run vault auth tune -max-lease-ttl=8760h approle

  # cert-manager logs in anew for each signature: a count of uses would end the mesh at that count.
  step approle/write 'Write the AppRole cert-manager-cluster-1'
  fields '{
    "token_policies": [
      "cert-manager-cluster-1"
    ],
    "token_ttl": "1h",
    "token_max_ttl": "4h",
    "token_type": "batch",
    "secret_id_ttl": "8760h",
    "secret_id_num_uses": 0,
    "bind_secret_id": true
  }'
  unless same_fields auth/approle/role/cert-manager-cluster-1
  run write_fields auth/approle/role/cert-manager-cluster-1

  # A name, not a secret; decided in the plan, so that the Issuer is complete before this runs.
  step approle/role-id 'Give it the role ID cluster-1.cert-manager-cluster-1'
  fields '{
    "role_id": "cluster-1.cert-manager-cluster-1"
  }'
  unless same_fields auth/approle/role/cert-manager-cluster-1/role-id
  run write_fields auth/approle/role/cert-manager-cluster-1/role-id

  step cluster/root-ca 'Deliver the root certificate to Secret cert-manager/istio-root-ca'
  unless root_delivered
  run deliver_root

  # Through pipes only. It is done where the cluster's secret ID is known to Vault and has a third of its time left.
  step cluster/secret-id 'Make a secret ID and deliver it to Secret istio-system/cert-manager-vault-approle'
  unless secret_id_works
  run deliver_secret_id

  # An Issuer that says Ready proves one login at some time; only a signature proves the rest.
  # Words: the names in the CSR; for a refusal, what its message must say.
  step trial 'Try it as cert-manager and istio-csr will: log in, sign at istioca-cluster-1/sign/cluster-1'
  run trial_login
  run signs istiod CN=istiod.istio-system.svc,DNS:istiod.istio-system.svc,URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account
  run signs 'istio-csr'\''s own server' DNS:cert-manager-istio-csr.cert-manager.svc
  run signs 'a workload' URI:spiffe://cluster.local/ns/mesh-ca-trial/sa/default
  run refuses 'a workload of another trust domain' URI:spiffe://other.cluster.local/ns/mesh-ca-trial/sa/default 'URI Subject Alternative'
  run refuses 'another service' DNS:mesh-ca-trial.default.svc 'name mesh-ca-trial[.]default[.]svc not allowed'
  run refuses 'a subdomain of istio-csr'\''s name' DNS:mesh-ca-trial.cert-manager-istio-csr.cert-manager.svc 'name mesh-ca-trial[.]cert-manager-istio-csr[.]cert-manager[.]svc not allowed'
  run refuses 'an IP address' IP:10.0.0.1 'IP Subject Alternative'
  run refuses localhost DNS:localhost 'name localhost not allowed'
  run refuses 'a wildcard' 'DNS:*.cert-manager-istio-csr.cert-manager.svc' 'name [*][.]cert-manager-istio-csr[.]cert-manager[.]svc not allowed'
  run refuses 'a foreign common name' CN=mesh-ca-trial.default.svc,DNS:istiod.istio-system.svc,URI:spiffe://cluster.local/ns/istio-system/sa/istiod-service-account 'name mesh-ca-trial[.]default[.]svc not allowed'
  run trial_end
}

# ---------------------------------------------------------------------------------------------------------------------------------
# From here on the text is the same in every setup script: what the words above mean. The values are all above.
# ---------------------------------------------------------------------------------------------------------------------------------

set -o errexit -o nounset -o pipefail
umask 077
export LC_ALL=C VAULT_CLI_NO_COLOR=1
# what a user may have set for himself, and what would change the answers that are read here.
unset VAULT_FORMAT VAULT_WRAP_TTL BAO_FORMAT BAO_WRAP_TTL

usage() {
  printf 'usage: bash %s [--plan]%s\n\n%s\n\n' "$0" "$options_usage" "$about"
  printf '  --plan              print each step and whether it is done; change nothing\n'
  printf '%s' "$options_help"
  printf '  --help              print this\n\n'
  printf 'It uses VAULT_TOKEN, or the login of the CLI, and VAULT_ADDR where it is set, else %s.\n' "$server"
  printf 'MESH_CA_CLI names the program: vault (the default) or bao. Every step can be run again.\n'
}

say() { printf '%s\n' "$*" >&3; }
note() { printf '      note: %s\n' "$*" >&3; }
die() {
  printf '%s: error: %s\n' "$0" "$*" >&2
  exit 1
}
bad_usage() {
  printf '%s: error: %s\n\n' "$0" "$*" >&2
  usage >&2
  exit 2
}

# --- steps -----------------------------------------------------------------------------------------------------------------------

known_root=$config_root
known_root_source='the root.certificate of the config'
step_number=0
state=todo
wanted='{}'

# step ID TITLE: begins a step.
step() {
  step_number=$((step_number + 1))
  state=todo
  wanted='{}'
  say "[$step_number/$step_count] $1: $2"
}

# fields JSON: what the step compares and writes.
fields() { wanted=$1; }

# unless CHECK ARGUMENT...: the step is done where the check succeeds. A check says 0 done, 1 not done; what it can't tell ends the script.
unless() {
  local rc=0
  "$@" || rc=$?
  case $rc in
    0) state=complete && say '      done already' ;;
    1) [[ $mode == run ]] || say '      to do' ;;
    *) die "the check '$1' of step $step_number failed (rc $rc); nothing was changed by this step" ;;
  esac
}

# run COMMAND ARGUMENT...: does it, where the step is not done.
run() {
  [[ $state == todo && $mode == run ]] || return 0
  "$@" >/dev/null
}

# --- Vault -----------------------------------------------------------------------------------------------------------------------

vault() { command "$cli" "$@"; }

# vault as the holder of another token.
vault_as() {
  local -x VAULT_TOKEN=$1 BAO_TOKEN=$1
  shift
  vault "$@"
}

# get PATH: prints what Vault holds there, as JSON; 1 where there is nothing. A Vault that can't answer ends the script: it is not "nothing".
get() { ask read "$1"; }

# keys PATH: prints the keys below a path, one a line.
keys() {
  local list rc=0
  list=$(ask list "$1") || rc=$?
  ((rc == 0)) || return "$rc"
  jq -r '.[]' <<<"$list"
}

ask() {
  local answer rc=0
  answer=$(vault "$1" -format=json "$2" 2>"$work/error") || rc=$?
  if ((rc == 0)); then
    printf '%s\n' "$answer"
  elif [[ $answer == '{}' ]] || grep -Eq 'No value found|Code: 404|no handler for route' "$work/error"; then
    return 1
  else
    printf '%s: error: cannot read %s: %s\n' "$0" "$2" "$(tr '\n' ' ' <"$work/error")" >&2
    return 2
  fi
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
  [[ -n $type ]] || return 1
  [[ $type == "$3" ]] || {
    printf '%s: error: %s is a mount of type %s, the plan wants %s: choose another mount in the config\n' "$0" "$2" "$type" "$3" >&2
    return 2
  }
}

# max_lease_ttl_is MOUNT DURATION
max_lease_ttl_is() {
  local table
  table=$(get sys/mounts) || return 2
  table=$(jq --arg mount "$1/" '{data: ((.data // .)[$mount].config // empty)}' <<<"$table") || return 2
  [[ -n $table ]] || return 1
  compare "$table" "$(jq -n --arg ttl "$2" '{max_lease_ttl: $ttl}')"
}

# auth_allows MOUNT SECONDS: whether an auth mount lets what it makes live for so long. 0 is the server's default, 768 hours.
auth_allows() {
  local table max
  table=$(get sys/auth) || return 2
  max=$(jq -r --arg mount "$1/" '((.data // .)[$mount].config.max_lease_ttl // 0) | if . == 0 then 768 * 3600 else . end' <<<"$table") || return 2
  # the shell's arithmetic would run what a server writes there.
  [[ $max =~ ^[0-9]+$ ]] || return 2
  ((max >= $2))
}

# same_fields PATH: whether Vault holds the step's fields there.
same_fields() {
  local found rc=0
  found=$(get "$1") || rc=$?
  ((rc == 0)) || return "$rc"
  compare "$found" "$wanted"
}

# compare FOUND WANTED: field by field; says what differs. Vault keeps durations as seconds.
compare() {
  local differences
  differences=$(jq -r --argjson wanted "$2" '
    def seconds: capture("^(?<n>[0-9]+)(?<unit>[hms]?)$") | (.n | tonumber) * ({h: 3600, m: 60, s: 1, "": 1}[.unit]);
    def same($found; $wanted):
      if ($found | type) == "number" and ($wanted | type) == "string" then $found == ($wanted | seconds)
      elif ($wanted | type) == "array" then ($found // [] | sort) == ($wanted | sort)
      # what an older server does not know of, it does not do.
      elif $found == null then $wanted == false or $wanted == ""
      else $found == $wanted end;
    .data as $found | $wanted | to_entries[] | select(same($found[.key]; .value) | not)
    | "\(.key): is \($found[.key] | tojson), planned \(.value | tojson)"' <<<"$1") || return 2
  [[ -n $differences ]] || return 0
  while IFS= read -r line; do note "$line"; done <<<"$differences"
  return 1
}

write_fields() { put "$1" <<<"$wanted"; }

# --- certificates ----------------------------------------------------------------------------------------------------------------

# first_certificate: the first PEM certificate of standard input.
# it reads to the end, so that what feeds it never meets a closed pipe.
first_certificate() { awk '/-----BEGIN CERTIFICATE-----/ {on = !seen} on {print} /-----END CERTIFICATE-----/ {on = 0; seen = 1}'; }
fingerprint() { openssl x509 -noout -fingerprint -sha256 | sed 's/.*=//'; }
subject_cn() { openssl x509 -noout -subject -nameopt multiline,utf8,-esc_msb | sed -n 's/^ *commonName *= //p'; }

# verified ROOT CERTIFICATE [CHAIN]: whether it verifies to that root, by OpenSSL, without what else the machine trusts.
verified() {
  printf '%s\n' "$1" >"$work/root.pem"
  printf '%s\n' "$2" >"$work/certificate.pem"
  printf '%s\n' "${3:-$1}" >"$work/chain.pem"
  SSL_CERT_FILE=$work/none SSL_CERT_DIR=$work/none \
    openssl verify -no-CApath -CAfile "$work/root.pem" -untrusted "$work/chain.pem" "$work/certificate.pem" >"$work/error" 2>&1
}

# issuer_of MOUNT: prints the default issuer of a mount as JSON; 1 where it has none.
issuer_of() {
  local config id rc=0
  config=$(get "$1/config/issuers") || rc=$?
  ((rc == 0)) || return "$rc"
  id=$(jq -r '.data.default // ""' <<<"$config")
  [[ -n $id ]] || return 1
  get "$1/issuer/$id"
}

# root_from_vault: prints the root certificate that Vault holds, after comparing it with the one that is known.
root_from_vault() {
  local issuer certificate rc=0
  issuer=$(issuer_of "$root_mount") || rc=$?
  ((rc == 0)) || return "$rc"
  certificate=$(jq -r .data.certificate <<<"$issuer" | first_certificate)
  if [[ -n $known_root ]] && ! same_as_known "$certificate"; then
    printf '%s: error: %s holds another CA (%s, SHA-256 %s) than %s: nothing was changed\n' "$0" "$root_mount" \
      "$(subject_cn <<<"$certificate")" "$(fingerprint <<<"$certificate")" "$known_root_source" >&2
    return 2
  fi
  [[ -n $(jq -r '.data.key_id // ""' <<<"$issuer") ]] || {
    printf '%s: error: %s holds the root certificate without its key: import both\n' "$0" "$root_mount" >&2
    return 2
  }
  printf '%s\n' "$certificate"
}

# same_as_known PEM: whether a certificate is one of those of the known root file, which may hold two during a rotation.
same_as_known() {
  local print
  print=$(fingerprint <<<"$1")
  known_fingerprints | grep -xF "$print" >/dev/null
}
known_fingerprints() { each_certificate fingerprint <<<"$known_root"; }

# each_certificate COMMAND: runs it with each certificate of standard input.
each_certificate() {
  local line block=''
  while IFS= read -r line; do
    case $line in
      '-----BEGIN CERTIFICATE-----') block=$line$'\n' ;;
      '-----END CERTIFICATE-----') printf '%s' "$block$line"$'\n' | "$@" && block='' ;;
      *) [[ -z $block ]] || block+=$line$'\n' ;;
    esac
  done
}

# --- before the first step -------------------------------------------------------------------------------------------------------

missing=()

need_programs() {
  local program
  for program in "$cli" "$@"; do
    command -v "$program" >/dev/null || missing+=("the program $program")
  done
}

# need_vault NEEDS: that it answers, is unsealed, and that the token may do what the steps need.
need_vault() {
  local status answer lacking
  # it fails for a sealed Vault too, and then says so; where there is none, it says nothing.
  status=$(vault status -format=json 2>"$work/error") || true
  if [[ -z $status ]]; then
    missing+=("an answer from Vault at $VAULT_ADDR: $(tr '\n' ' ' <"$work/error")")
    return 0
  fi
  if [[ $(jq -r .initialized <<<"$status") == false ]]; then
    missing+=("an initialized Vault at $VAULT_ADDR: it is new, run '$cli operator init'")
    return 0
  fi
  if [[ $(jq -r .sealed <<<"$status") == true ]]; then
    missing+=("an unsealed Vault at $VAULT_ADDR: it is sealed, run '$cli operator unseal'")
    return 0
  fi
  answer=$(jq '{paths: keys}' <<<"$1" | put sys/capabilities-self 2>"$work/error") || {
    missing+=("a token that Vault at $VAULT_ADDR takes, in VAULT_TOKEN or by '$cli login': $(tr '\n' ' ' <"$work/error")")
    return 0
  }
  lacking=$(jq -r --argjson needs "$1" '(.data // .) as $has | $needs | to_entries[]
    | .key as $path | (.value - ($has[$path] // [])) as $lacks
    | select(($has[$path] // []) != ["root"] and ($lacks | length) > 0) | "the capability \($lacks | join(", ")) on \($path) for the token"' <<<"$answer")
  [[ -z $lacking ]] || while IFS= read -r line; do missing+=("$line"); done <<<"$lacking"
}

stop_if_missing() {
  ((${#missing[@]} > 0)) || return 0
  printf '%s: error: this is missing, and nothing was changed:\n' "$0" >&2
  printf '  - %s\n' "${missing[@]}" >&2
  exit 1
}

# main ARGUMENT...: reads the arguments, looks for what is needed, goes through the steps.
main() {
  exec 3>&1
  mode=run
  cli=${MESH_CA_CLI:-}
  if [[ -z $cli ]]; then
    cli=vault
    command -v vault >/dev/null || ! command -v bao >/dev/null || cli=bao
  fi
  while (($# > 0)); do
    case $1 in
      --plan) mode=plan ;;
      --help | -h) usage && return 0 ;;
      *)
        option "$@" || bad_usage "unknown option '$1'"
        shift
        ;;
    esac
    shift
  done

  work=$(mktemp -d)
  trap 'rm -rf -- "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  # bao reads VAULT_* where its own are unset.
  export VAULT_ADDR=${BAO_ADDR:-${VAULT_ADDR:-$server}}
  if [[ -n $ca_bundle && -z ${VAULT_CACERT:-}${VAULT_CAPATH:-}${BAO_CACERT:-}${BAO_CAPATH:-} ]]; then
    printf '%s\n' "$ca_bundle" >"$work/vault-ca.pem"
    export VAULT_CACERT=$work/vault-ca.pem
  fi
  before_steps
  stop_if_missing
  steps
  after_steps
}

# --- a cluster -------------------------------------------------------------------------------------------------------------------

exported_key_file=
options_usage=''
options_help=''
if [[ $key_mode == exported ]]; then
  options_usage=' [--exported-key FILE]'
  options_help='  --exported-key FILE a new file for the key of the intermediate CA, which the config exports; needed once
'
fi

option() {
  [[ $1 == --exported-key && $key_mode == exported ]] || return 1
  (($# >= 2)) || bad_usage "$1 needs a file"
  exported_key_file=$2
}

kube() { kubectl --context "$context" "$@"; }

before_steps() {
  local namespace rc=0
  need_programs jq openssl kubectl
  stop_if_missing
  need_vault "$needs"
  for namespace in "$secret_namespace" "$csr_namespace"; do
    kube get namespace "$namespace" -o name >/dev/null 2>"$work/error" ||
      missing+=("the namespace $namespace in the cluster of context $context: $(tr '\n' ' ' <"$work/error")")
  done
  if ((${#missing[@]} == 0)); then
    [[ $(kube auth can-i patch "secret/$secret_name" -n "$secret_namespace" 2>&1) == yes ]] ||
      missing+=("the right to patch secret/$secret_name in namespace $secret_namespace of context $context")
    root=$(root_from_vault) || rc=$?
    ((rc != 1)) || missing+=("the root CA in Vault's mount $root_mount: run dist/root/setup.sh first")
    ((rc <= 1)) || exit 1
  fi
  ((${#missing[@]} > 0)) || need_key_file
}

# need_key_file: an exported key is handed out once, so the file for it is wanted before the key is made.
need_key_file() {
  local rc=0
  [[ $key_mode == exported && $mode == run ]] || return 0
  intermediate_present >/dev/null 3>&1 || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 1)); then
    if [[ -z $exported_key_file ]]; then
      missing+=('a file for the exported key of the intermediate CA: --exported-key FILE')
    elif [[ -e $exported_key_file ]]; then
      missing+=("a new file for the exported key: $exported_key_file is there already, and is not overwritten")
    fi
  fi
}

# --- the intermediate CA

# intermediate_present: whether the mount's default issuer is the planned CA, with its key, signed by the root.
intermediate_present() {
  local issuer rc=0
  issuer=$(issuer_of "$mount") || rc=$?
  ((rc == 0)) || return "$rc"
  is_planned_ca "$issuer" || return 2
  intermediate=$(jq -r .data.certificate <<<"$issuer" | first_certificate)
  note "the intermediate is '$(subject_cn <<<"$intermediate")', SHA-256 $(fingerprint <<<"$intermediate"), until $(openssl x509 -noout -enddate <<<"$intermediate" | sed 's/.*=//')"
  report_orphan_keys "$(jq -r .data.key_id <<<"$issuer")"
}

# is_planned_ca ISSUER: says what is wrong where it is not.
is_planned_ca() {
  local certificate cn reason
  certificate=$(jq -r .data.certificate <<<"$1" | first_certificate)
  cn=$(subject_cn <<<"$certificate")
  if [[ $cn != "$common_name" ]]; then
    reason="holds another CA ('$cn', SHA-256 $(fingerprint <<<"$certificate")) than the planned '$common_name'"
  elif [[ -z $(jq -r '.data.key_id // ""' <<<"$1") ]]; then
    reason="holds the certificate of '$cn' without its key"
  elif ! verified "$root" "$certificate"; then
    reason="holds a CA that does not verify to the root in $root_mount ($(tr '\n' ' ' <"$work/error"))"
  else
    return 0
  fi
  printf '%s: error: %s %s: CA material is never replaced here; choose another mount in the config\n' "$0" "$mount" "$reason" >&2
  return 1
}

# report_orphan_keys KEY: a run that was stopped between key and certificate leaves a key that signs nothing.
report_orphan_keys() {
  local key issuer used=$1
  local -a all=() orphans=()
  mapfile -t all < <(keys "$mount/keys")
  ((${#all[@]} > 1)) || return 0
  for issuer in $(keys "$mount/issuers"); do
    used+=" $(get "$mount/issuer/$issuer" | jq -r '.data.key_id // ""')"
  done
  for key in "${all[@]}"; do
    [[ " $used " == *" $key "* ]] || orphans+=("$key")
  done
  ((${#orphans[@]} == 0)) || for key in "${orphans[@]}"; do
    note "key $key has no certificate, a stopped run left it; to remove it: $cli delete $mount/key/$key"
  done
}

# issue_intermediate: key, signature and import are one step, so that a rerun never replaces a CA that a mesh trusts.
issue_intermediate() {
  local response csr bundle imported
  response=$(put "$mount/intermediate/generate/$key_mode" <<<"$wanted")
  csr=$(printf '%s' "$response" | jq -r .data.csr)
  if [[ $key_mode == exported ]]; then
    (set -o noclobber && printf '%s' "$response" | jq -r .data.private_key >"$exported_key_file") || die "cannot write $exported_key_file: the key that it was for is not used"
    note "the key of the CA is in $exported_key_file: keep it in a safe place"
  fi
  response=
  bundle=$(jq -n --arg csr "$csr" --argjson sign "$sign_fields" '{$csr} + $sign' | put "$root_mount/root/sign-intermediate" | jq -r .data.certificate)
  intermediate=$(first_certificate <<<"$bundle")
  verified "$root" "$intermediate" || die "what $root_mount signed does not verify to its root"
  imported=$(vault write -format=json "$mount/intermediate/set-signed" certificate=- <<<"$bundle")
  set_default_issuer "$(jq -r '.data.mapping | to_entries[] | select(.value != "") | .key' <<<"$imported" | tail -n 1)"
  intermediate_present || die "$mount does not hold the CA that was just imported"
}

# set_default_issuer ID: set-signed makes the first issuer the default, a later one not.
set_default_issuer() {
  local config
  config=$(get "$mount/config/issuers")
  [[ $(jq -r .data.default <<<"$config") == "$1" ]] || jq -n --arg id "$1" '{default: $id}' | put "$mount/config/issuers"
}

# --- what lies in the cluster

# secret_value NAMESPACE NAME KEY: prints a value of a Secret; 1 where there is none.
secret_value() {
  local secret
  secret=$(kube get secret "$2" -n "$1" -o json --ignore-not-found) || return 2
  [[ -n $secret ]] || return 1
  printf '%s' "$secret" | jq -er --arg key "$3" '.data[$key] // empty | @base64d' || return 1
}

# apply_secret NAMESPACE NAME KEY LABEL: makes the Secret, its value from standard input, through pipes only.
apply_secret() {
  jq -Rs --arg namespace "$1" --arg name "$2" --arg key "$3" '{
    apiVersion: "v1", kind: "Secret", type: "Opaque",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"}},
    data: {($key): @base64}}' | kube apply --server-side --force-conflicts --field-manager=cdk8s-mesh-ca -f -
}

# the certificate that istio-csr hands out as the root.
root_file() {
  case $root_file in
    root) printf '%s\n' "$root" ;;
    intermediate) printf '%s\n' "$intermediate" ;;
  esac
}

# root_delivered: whether the cluster's root file holds the certificate; it may hold others too, during a rotation.
root_delivered() {
  local found rc=0 print
  [[ -n ${intermediate:-} || $root_file == root ]] || return 1
  found=$(secret_value "$csr_namespace" "$root_secret" "$root_secret_key") || rc=$?
  ((rc == 0)) || return "$rc"
  print=$(root_file | fingerprint)
  each_certificate fingerprint <<<"$found" | grep -xF "$print" >/dev/null && return 0
  printf '%s: error: Secret %s/%s holds another CA than the planned one (SHA-256 %s). Workloads trust what it holds; where none does yet: kubectl --context %s delete secret %s -n %s\n' \
    "$0" "$csr_namespace" "$root_secret" "$print" "$context" "$root_secret" "$csr_namespace" >&2
  return 2
}

deliver_root() { root_file | apply_secret "$csr_namespace" "$root_secret" "$root_secret_key"; }

# secret_id_works: whether the cluster's secret ID is known to Vault and has time left.
secret_id_works() {
  local secret_id found due rc=0
  secret_id=$(secret_value "$secret_namespace" "$secret_name" "$secret_key") || rc=$?
  ((rc == 0)) || return "$rc"
  # the value comes from a Secret that anybody may have edited: it travels as JSON, never as a word.
  found=$(printf '%s' "$secret_id" | jq -Rs '{secret_id: .}' | put "$approle_path/secret-id/lookup" 2>"$work/error") || rc=$?
  if ((rc != 0)) && ! grep -Eq 'Code: (404|400|500)|failed to find' "$work/error"; then
    printf '%s: error: cannot look up the secret ID: %s\n' "$0" "$(tr '\n' ' ' <"$work/error")" >&2
    return 2
  fi
  if ((rc != 0)) || [[ -z $found || $(jq -r '.data.secret_id_accessor // ""' <<<"$found") == '' ]]; then
    note "the cluster's secret ID is not one that Vault knows"
    return 1
  fi
  accessor=$(jq -r .data.secret_id_accessor <<<"$found")
  due=$(jq --argjson ttl "$secret_id_seconds" '
    (.data.expiration_time | sub("\\.[0-9]+"; "") | sub("[+-][0-9:]+$"; "Z") | fromdateiso8601) as $ends
    | if $ttl == 0 then $ends >= 0 and $ends <= now else $ends <= now + $ttl / 3 or $ends > now + $ttl + 3600 end' <<<"$found") || return 2
  if [[ $due == true ]]; then
    note "the cluster's secret ID ends $(jq -r 'if .data.secret_id_ttl == 0 then "never" else .data.expiration_time end' <<<"$found"): a new one is due"
    return 1
  fi
  note "the secret ID's end: $(jq -r 'if .data.secret_id_ttl == 0 then "none" else .data.expiration_time end' <<<"$found")"
  report_other_secret_ids
}

# deliver_secret_id: makes a secret ID and pipes it into the cluster. Where that fails, it is destroyed.
deliver_secret_id() {
  local response
  response=$(vault write -format=json -force "$approle_path/secret-id")
  accessor=$(printf '%s' "$response" | jq -r .data.secret_id_accessor)
  if ! printf '%s' "$response" | jq -j .data.secret_id | apply_secret "$secret_namespace" "$secret_name" "$secret_key"; then
    jq -n --arg accessor "$accessor" '{secret_id_accessor: $accessor}' | put "$approle_path/secret-id-accessor/destroy" || true
    die "the secret ID did not reach $secret_namespace/$secret_name; it was destroyed"
  fi
  report_other_secret_ids
}

# report_other_secret_ids: those of stopped runs, of renewals, of others; they are not ours to destroy.
report_other_secret_ids() {
  local other
  local -a others=()
  mapfile -t others < <(keys "$approle_path/secret-id" | grep -vxF "$accessor")
  ((${#others[@]} > 0)) || return 0
  note "secret IDs of the AppRole besides the delivered one, of stopped or earlier runs or of others: ${#others[@]}; to destroy one: $cli write $approle_path/secret-id-accessor/destroy secret_id_accessor=ACCESSOR"
  for other in "${others[@]:0:10}"; do note "  accessor $other"; done
}

# --- the trial: logged in as cert-manager will be

trial_token=
wrongly_signed=0
trial_done=0

trial_login() {
  local secret_id rc=0 response
  secret_id=$(secret_value "$secret_namespace" "$secret_name" "$secret_key") || rc=$?
  if ((rc != 0)); then
    say "      not tried: $secret_namespace/$secret_name is not in the cluster yet. Apply the manifests of 1-issuer, then run this again"
    return 0
  fi
  response=$(printf '%s' "$secret_id" | jq -Rs --arg role_id "$role_id" '{$role_id, secret_id: .}' | put "auth/$approle_mount/login") ||
    die 'the login with the delivered secret ID failed: cert-manager could not log in either'
  trial_token=$(printf '%s' "$response" | jq -r .auth.client_token)
  case $key_type in
    rsa) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$key_bits" -out "$work/trial.key" 2>/dev/null ;;
    ec) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-$key_bits" -out "$work/trial.key" 2>/dev/null ;;
  esac
}

# sign NAMES: asks Vault as cert-manager does, with a CSR as istio-csr makes it. NAMES is [CN=name,]SAN[,SAN…] in OpenSSL's words.
sign() {
  local names=$1 cn=''
  if [[ $names == CN=* ]]; then
    cn=${names%%,*}
    cn=${cn#CN=}
    names=${names#*,}
  fi
  openssl req -new -key "$work/trial.key" -subj "/${cn:+CN=$cn}" -addext "subjectAltName=$names" -out "$work/trial.csr" 2>/dev/null
  jq -n --rawfile csr "$work/trial.csr" --arg cn "$cn" --arg names "$names" --arg ttl "$trial_ttl" '
    def of($kind): [$names | split(",")[] | select(startswith($kind + ":")) | ltrimstr($kind + ":")] | join(",");
    {common_name: $cn, alt_names: of("DNS"), ip_sans: of("IP"), uri_sans: of("URI"), $ttl, $csr, exclude_cn_from_sans: "true"}' |
    vault_as "$trial_token" write -format=json "$sign_path" - 2>"$work/error"
}

# signs WHAT NAMES: it has to be signed, with these names, for client and server, and to verify to the root.
signs() {
  local answer leaf chain
  [[ -n $trial_token ]] || return 0
  answer=$(sign "$2") || die "trial: Vault refuses $1 ($2): $(tr '\n' ' ' <"$work/error")"
  leaf=$(jq -r .data.certificate <<<"$answer")
  chain=$(jq -r '(.data.ca_chain // [.data.issuing_ca])[]' <<<"$answer")
  verified "$root" "$leaf" "$chain" ||
    die "trial: the certificate of $1 does not verify to the root"
  has_names "$leaf" "$2" || die "trial: the certificate of $1 lacks a name of $2"
  openssl x509 -noout -ext extendedKeyUsage <<<"$leaf" 2>/dev/null | grep 'TLS Web Server.*TLS Web Client' >/dev/null ||
    die "trial: the certificate of $1 does not serve for both ends"
  trial_done=$((trial_done + 1))
  say "      signed, verified to the root: $1"
}

has_names() {
  local leaf=$1 names=$2 name found
  found=$(openssl x509 -noout -subject -ext subjectAltName -nameopt multiline <<<"$leaf" | sed 's/commonName *= /CN=/' | tr ',' '\n' | sed 's/^ *//')
  while IFS= read -r name; do
    grep -xF "$name" >/dev/null <<<"$found" || return 1
  done < <(tr ',' '\n' <<<"$names")
}

# refuses WHAT NAMES MESSAGE: it has to be refused, for that reason. Each is a CSR that was just signed, with one name changed.
refuses() {
  local what=$1 names=$2 message=$3
  [[ -n $trial_token ]] || return 0
  if sign "$names" >/dev/null; then
    wrongly_signed=$((wrongly_signed + 1))
    say "      WRONGLY SIGNED: $what ($names)"
  else
    grep -E -- "$message" "$work/error" >/dev/null ||
      die "trial: $what ($names) was refused, but not for its name: $(tr '\n' ' ' <"$work/error")"
    trial_done=$((trial_done + 1))
    say "      refused, as it must be: $what"
  fi
}

trial_end() {
  [[ -n $trial_token ]] || return 0
  # a batch token cannot be revoked, and ends by itself; another one would stay behind with its lease.
  [[ $token_type == batch ]] || vault_as "$trial_token" token revoke -self || note 'the token of the trial could not be revoked'
  trial_token=
  rm -f -- "$work/trial.key"
  ((wrongly_signed == 0)) && return 0
  [[ $role_is_exact == false ]] || die "trial: the role signs $wrongly_signed of the names that it must refuse"
  say "      WARNING: the role signs $wrongly_signed of the names that it should refuse, as the config asks it to (see the warnings above the steps)"
}

after_steps() {
  [[ $mode == plan ]] || ((trial_done == 0)) || say "cluster $cluster is ready in Vault: $trial_done trials passed. next: README.md beside this script"
}

main "$@"
