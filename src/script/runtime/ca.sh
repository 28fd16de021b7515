# --- a CA that is made here, on a mount of its own

# use_ca MOUNT: what the plan says of the CA of this mount.
use_ca() {
  local -a of
  mapfile -t of < <(jq -r --arg mount "$1" '.[$mount] | .common_name, .key, .key_bits, .max_path_length, .seconds, .signer, .sign_path, (.sign | tojson)' <<<"$cas")
  mount=$1 common_name=${of[0]} key_mode=${of[1]} ca_bits=${of[2]} max_path_length=${of[3]} ca_seconds=${of[4]}
  signer=${of[5]} signer_path=${of[6]} sign_fields=${of[7]}
}

# find_ca MOUNT: sets `issuer` and `ca` where the mount's default issuer is the planned CA, with its key, below the root.
find_ca() {
  local rc=0
  use_ca "$1"
  issuer=$(issuer_of "$mount") || rc=$?
  ((rc == 0)) || return "$rc"
  is_planned_ca "$issuer" || return 2
  ca=$(jq -r .data.certificate <<<"$issuer" | first_certificate)
}

# ca_present MOUNT: the same, and says what a reader should know of it.
ca_present() {
  local rc=0
  find_ca "$1" || rc=$?
  ((rc == 0)) || return "$rc"
  note "the CA is $(described "$ca"), until $(end_of <<<"$ca")"
  report_differences
  report_other_signers
}

# is_planned_ca ISSUER: says what is wrong where it is not.
is_planned_ca() {
  local certificate chain cn reason
  certificate=$(jq -r .data.certificate <<<"$1" | first_certificate) || return 1
  chain=$(jq -r '.data.ca_chain // [] | .[]' <<<"$1") || return 1
  cn=$(subject_cn <<<"$certificate")
  if [[ $cn != "$common_name" ]]; then
    reason="holds another CA ($(described "$certificate")) than the planned '$common_name'"
  elif [[ -z $(jq -r '.data.key_id // ""' <<<"$1") ]]; then
    reason="holds the certificate of '$cn' without its key"
  elif ! verified "$root" "$certificate" "$chain"; then
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
  text=$(openssl x509 -noout -text <<<"$ca")
  grep -E "Public-Key: \($ca_bits bit" <<<"$text" >/dev/null ||
    note "its key has not the $ca_bits bits of the plan; it is kept"
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
    stray "issuer $id can sign here too, besides the default: $(described "$(jq -r .data.certificate <<<"$other" | first_certificate)")"
  done
  keys_of "$mount/keys" || true
  for id in "${listed[@]}"; do
    [[ " $used " == *" $id "* ]] || stray "key $id has no certificate, a stopped run left it; to remove it: $cli delete $mount/key/$id"
  done
  keys_of "$mount/roles" || true
  for id in "${listed[@]}"; do
    [[ $mount/roles/$id == "${role_path:-}" ]] ||
      stray "role $mount/roles/$id signs with this CA too, and is not of the plan; to remove it: $cli delete $mount/roles/$id"
  done
}

# issue_ca MOUNT: key, signature and import are one step, so that a rerun never replaces a CA that a mesh trusts.
issue_ca() {
  local response csr bundle imported
  use_ca "$1"
  response=$(put "$mount/intermediate/generate/$key_mode" <<<"$wanted")
  csr=$(printf '%s' "$response" | jq -r .data.csr)
  if [[ $key_mode == exported ]]; then
    (set -o noclobber && : >"$exported_key_file") || die "cannot write $exported_key_file: the key that it was for is not used"
    printf '%s' "$response" | jq -r .data.private_key >"$exported_key_file" || {
      # what is cut off is no key, and would be in the way of the next run.
      rm -f -- "$exported_key_file"
      die "cannot write $exported_key_file: the key that it was for is not used"
    }
    note "the key of the CA is in $exported_key_file: keep it in a safe place"
  fi
  response=
  bundle=$(jq -n --arg csr "$csr" --argjson sign "$sign_fields" '{$csr} + $sign' | put "$signer_path" | jq -r .data.certificate)
  ca=$(first_certificate <<<"$bundle")
  verified "$root" "$ca" "$bundle" || die "what $signer signed does not verify to the root"
  imported=$(vault write -format=json "$mount/intermediate/set-signed" certificate=- <<<"$bundle")
  set_first_issuer "$(jq -r '.data.mapping | to_entries[] | select(.value != "") | .key' <<<"$imported" | tail -n 1)"
  ca_present "$mount" || die "$mount does not hold the CA that was just imported"
}

# set_first_issuer ID: set-signed makes the first issuer of a mount its default. Where there is one by now, another run at the same time made
# it, and it stays.
set_first_issuer() {
  local config
  config=$(get "$mount/config/issuers")
  [[ -n $(jq -r '.data.default // ""' <<<"$config") ]] || jq -n --arg id "$1" '{default: $id}' | put "$mount/config/issuers"
}
