# --- a cluster -------------------------------------------------------------------------------------------------------------------

exported_key_file=
take_over=false
options_usage=' [--take-over]'
options_help='  --take-over         write over what has a planned name and is of another maker
'
if [[ $key_mode == exported ]]; then
  options_usage+=' [--exported-key FILE]'
  options_help+='  --exported-key FILE a new file for the key of the intermediate CA, which the config exports; needed once
'
fi

# option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of ours.
option() {
  taken=1
  if [[ $1 == --take-over ]]; then
    take_over=true
  elif [[ $1 == --exported-key && $key_mode == exported ]]; then
    (($# >= 2)) || bad_usage "$1 needs a file"
    exported_key_file=$2
    taken=2
  else
    return 1
  fi
}

kube() { kubectl --context "$context" "$@"; }

before_steps() {
  local namespace
  need_programs jq openssl kubectl
  stop_if_missing
  look_for_root_pem
  need_vault
  for namespace in "$secret_namespace" "$csr_namespace"; do
    kube get namespace "$namespace" -o name >/dev/null 2>"$work/error" ||
      missing+=("the namespace $namespace in the cluster of context $context: $(last_error)")
  done
  if ((${#missing[@]} == 0)); then
    [[ $(kube auth can-i patch "secret/$secret_name" -n "$secret_namespace" 2>&1) == yes ]] ||
      missing+=("the right to patch secret/$secret_name in namespace $secret_namespace of context $context")
  fi
  ((${#missing[@]} > 0)) || look_around
}

# look_around: what is there already is looked at before anything is changed, and what is of another maker is not taken for ours.
look_around() {
  local rc=0
  root=$(root_from_vault) || rc=$?
  case $rc in
    0) ;;
    1)
      missing+=("the root CA in Vault's mount $root_mount: run dist/root/setup.sh first")
      return 0
      ;;
    *) exit 1 ;;
  esac
  [[ -n $known_root ]] ||
    note "no root.certificate in the config and no ./root.pem here, so the root in $root_mount is taken as it is: $(described "$root")"
  rc=0
  find_intermediate || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 1)); then
    lives_for "$intermediate_seconds" "$root" "the root in $root_mount" || exit 1
    [[ $take_over == true ]] || need_free_names
    need_key_file
  fi
  [[ $take_over == true || $secret_delivery != script ]] || need_own_secret
}

# need_free_names: the CA is the first thing that is made, so without it whatever has a planned name is of another maker.
need_free_names() {
  local pair
  keys_of "$mount/roles" && not_ours "the mount $mount, with its role ${listed[0]}" intermediate.mount
  keys_of "$mount/issuers" && not_ours "the mount $mount, with its issuers" intermediate.mount
  for pair in "$policy_path policy.name" "$approle_path appRole.name"; do
    found_at "${pair% *}" && not_ours "${pair% *}" "${pair##* }"
  done
  return 0
}

# found_at PATH: whether Vault holds anything there.
found_at() {
  local rc=0
  get "$1" >/dev/null || rc=$?
  ((rc <= 1)) || exit 1
  return "$rc"
}

not_ours() { missing+=("another name than $1, which is there already and not of this CA: set $2 in the config; or --take-over"); }

# need_own_secret: two entries of the config may mean one cluster by two contexts, and would take each other's Secret.
need_own_secret() {
  local maker
  maker=$(kube get secret "$secret_name" -n "$secret_namespace" -o json --ignore-not-found |
    jq -r --arg key "$MAKER" '"cluster " + (.metadata.annotations[$key] // "")') || exit 1
  case $maker in
    '' | "cluster $cluster") return 0 ;;
    # one that was put there by hand serves, where it holds a secret ID of this AppRole.
    'cluster ') secret_id_works 3>/dev/null && return 0 || maker='another maker' ;;
  esac
  missing+=("another name than $secret_namespace/$secret_name for the Secret: context $context has one of $maker; set secret.name in the config; or --take-over")
}

# need_key_file: an exported key is handed out once, so the file for it is wanted before the key is made.
need_key_file() {
  [[ $key_mode == exported && $mode == run ]] || return 0
  if [[ -z $exported_key_file ]]; then
    missing+=('a file for the exported key of the intermediate CA: --exported-key FILE')
  elif [[ -e $exported_key_file ]]; then
    missing+=("a new file for the exported key: $exported_key_file is there already, and is not overwritten")
  fi
}

# --- the intermediate CA

# find_intermediate: sets `issuer` and `intermediate` where the mount's default issuer is the planned CA, with its key, signed by the root.
find_intermediate() {
  local rc=0
  issuer=$(issuer_of "$mount") || rc=$?
  ((rc == 0)) || return "$rc"
  is_planned_ca "$issuer" || return 2
  intermediate=$(jq -r .data.certificate <<<"$issuer" | first_certificate)
}

# intermediate_present: the same, and says what a reader should know of it.
intermediate_present() {
  local rc=0
  find_intermediate || rc=$?
  ((rc == 0)) || return "$rc"
  note "the intermediate is $(described "$intermediate"), until $(end_of <<<"$intermediate")"
  report_differences
  report_other_signers
}

# is_planned_ca ISSUER: says what is wrong where it is not.
is_planned_ca() {
  local certificate cn reason
  certificate=$(jq -r .data.certificate <<<"$1" | first_certificate) || return 1
  cn=$(subject_cn <<<"$certificate")
  if [[ $cn != "$common_name" ]]; then
    reason="holds another CA ($(described "$certificate")) than the planned '$common_name'"
  elif [[ -z $(jq -r '.data.key_id // ""' <<<"$1") ]]; then
    reason="holds the certificate of '$cn' without its key"
  elif ! verified "$root" "$certificate"; then
    reason="holds a CA that does not verify to the root in $root_mount ($(last_error))"
  else
    return 0
  fi
  complain "$mount $reason: CA material is never replaced here; choose another mount in the config"
  return 1
}

# report_differences: a CA that was made with other settings than those of today is kept.
report_differences() {
  local text path
  text=$(openssl x509 -noout -text <<<"$intermediate")
  grep -E "Public-Key: \($intermediate_bits bit" <<<"$text" >/dev/null ||
    note "its key has not the $intermediate_bits bits of the plan; it is kept"
  path=$(sed -n 's/.*CA:TRUE, pathlen:\([0-9]*\).*/\1/p' <<<"$text")
  [[ ${path:--1} == "$max_path_length" ]] ||
    note "its path length is ${path:-without a bound}, the plan says $max_path_length; it is kept"
}

# report_other_signers: what else the mount can sign with: further issuers; keys without a certificate, which a stopped run leaves; further
# roles, which sign with this CA what the plan knows nothing of. They are named, and left alone.
report_other_signers() {
  local used id other
  used=" $(jq -r .data.key_id <<<"$issuer")"
  keys_of "$mount/issuers" || true
  for id in "${listed[@]}"; do
    [[ $id != "$(jq -r .data.issuer_id <<<"$issuer")" ]] || continue
    other=$(get "$mount/issuer/$id") || return 2
    # the root's certificate stands here too, without its key.
    [[ -n $(jq -r '.data.key_id // ""' <<<"$other") ]] || continue
    used+=" $(jq -r .data.key_id <<<"$other")"
    note "issuer $id can sign here too, besides the default: $(described "$(jq -r .data.certificate <<<"$other" | first_certificate)")"
  done
  keys_of "$mount/keys" || true
  for id in "${listed[@]}"; do
    [[ " $used " == *" $id "* ]] || note "key $id has no certificate, a stopped run left it; to remove it: $cli delete $mount/key/$id"
  done
  keys_of "$mount/roles" || true
  for id in "${listed[@]}"; do
    [[ $mount/roles/$id == "$role_path" ]] ||
      note "role $mount/roles/$id signs with this CA too, and is not of the plan; to remove it: $cli delete $mount/roles/$id"
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
  set_first_issuer "$(jq -r '.data.mapping | to_entries[] | select(.value != "") | .key' <<<"$imported" | tail -n 1)"
  intermediate_present || die "$mount does not hold the CA that was just imported"
}

# set_first_issuer ID: set-signed makes the first issuer of a mount its default. Where there is one by now, another run at the same time made
# it, and it stays.
set_first_issuer() {
  local config
  config=$(get "$mount/config/issuers")
  [[ -n $(jq -r '.data.default // ""' <<<"$config") ]] || jq -n --arg id "$1" '{default: $id}' | put "$mount/config/issuers"
}

# --- what lies in the cluster

# secret_value NAMESPACE NAME KEY: prints a value of a Secret; 1 where there is none.
secret_value() {
  local secret
  secret=$(kube get secret "$2" -n "$1" -o json --ignore-not-found) || return 2
  [[ -n $secret ]] || return 1
  printf '%s' "$secret" | jq -er --arg key "$3" '.data[$key] // empty | @base64d' || return 1
}

# the annotation that says which cluster of the config a Secret was made for.
readonly MAKER=cdk8s-mesh-ca/cluster

# apply_secret NAMESPACE NAME KEY: makes the Secret, its value from standard input, through pipes only.
apply_secret() {
  jq -Rs --arg namespace "$1" --arg name "$2" --arg key "$3" --arg maker "$MAKER" --arg cluster "$cluster" '{
    apiVersion: "v1", kind: "Secret", type: "Opaque",
    metadata: {$name, $namespace, labels: {"app.kubernetes.io/managed-by": "cdk8s-mesh-ca"}, annotations: {($maker): $cluster}},
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
  local found rc=0 print prints
  [[ -n ${intermediate:-} || $root_file == root ]] || return 1
  found=$(secret_value "$csr_namespace" "$root_secret" "$root_secret_key") || rc=$?
  ((rc == 0)) || return "$rc"
  print=$(root_file | fingerprint)
  prints=$(each_certificate fingerprint <<<"$found")
  if ! grep -xF "$print" >/dev/null <<<"$prints"; then
    complain "Secret $csr_namespace/$root_secret holds another CA than the planned one (SHA-256 $print). Workloads trust what it holds; where none does yet: kubectl --context $context delete secret $root_secret -n $csr_namespace"
    return 2
  fi
  prints=$(grep -vxF "$print" <<<"$prints") || return 0
  note "it holds other CAs too, which the workloads trust as much: SHA-256 ${prints//$'\n'/, }"
}

deliver_root() { root_file | apply_secret "$csr_namespace" "$root_secret" "$root_secret_key"; }

# secret_id_works: whether the cluster's secret ID is known to Vault and has time left.
secret_id_works() {
  local secret_id found due rc=0
  secret_id=$(secret_value "$secret_namespace" "$secret_name" "$secret_key") || rc=$?
  ((rc == 0)) || return "$rc"
  # the value comes from a Secret that anybody may have edited: it travels as JSON, never as a word.
  found=$(printf '%s' "$secret_id" | jq -Rs '{secret_id: .}' | put "$approle_path/secret-id/lookup" 2>"$work/error") || rc=$?
  if ((rc != 0)) && ! grep -Eq 'Code: 404|role .* does not exist|missing secret_id|failed to find' "$work/error"; then
    complain "cannot look up the secret ID: $(last_error)"
    return 2
  fi
  # of one that it does not know, Vault says nothing.
  if ((rc != 0)) || [[ -z $found || $(jq -r '.data.secret_id_accessor // ""' <<<"$found") == '' ]]; then
    note "the cluster's secret ID is not one that Vault knows"
    return 1
  fi
  accessor=$(jq -r .data.secret_id_accessor <<<"$found")
  # Vault writes its own time zone.
  due=$(jq --argjson ttl "$secret_id_seconds" '
    def instant: capture("^(?<time>[0-9T:-]{19})([.][0-9]+)?(?<zone>Z|(?<sign>[+-])(?<h>[0-9]{2}):(?<m>[0-9]{2}))$")
      | (.time + "Z" | fromdateiso8601)
        - (if .zone == "Z" then 0 else ((.h | tonumber) * 3600 + (.m | tonumber) * 60) * (if .sign == "-" then -1 else 1 end) end);
    (.data.expiration_time | instant) as $ends
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
  keys_of "$approle_path/secret-id" || true
  for other in "${listed[@]}"; do [[ $other == "$accessor" ]] || others+=("$other"); done
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
  answer=$(sign "$2") || die "trial: Vault refuses $1 ($2): $(last_error)"
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
      die "trial: $what ($names) was refused, but not for its name: $(last_error)"
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
