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
