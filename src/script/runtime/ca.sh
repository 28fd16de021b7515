# --- a CA that is made here, on a mount of its own

exported_key_file=

# use_ca MOUNT: what the plan says of the CA of this mount.
use_ca() {
  local -a of
  mapfile -t of < <(jq -r --arg mount "$1" '.[] | select(.mount == $mount)
    | .common_name, .key, .key_type, .key_bits, .max_path_length, .seconds, .signer, .signer_ref, .sign_path, (.sign | tojson), .key_name, .subject, .permitted' <<<"$cas")
  mount=$1 common_name=${of[0]} key_mode=${of[1]} ca_type=${of[2]} ca_bits=${of[3]} max_path_length=${of[4]} ca_seconds=${of[5]}
  signer=${of[6]} signer_ref=${of[7]} signer_path=${of[8]} sign_fields=${of[9]} key_name=${of[10]} ca_subject=${of[11]} ca_permitted=${of[12]}
}

# the issuers of a mount that have a key, the default first: what is asked of each, by its place, and all of it in Vault's words. Read once,
# until something is written.
signer_ids=()
signer_names=()
signer_keys=()
signer_certificates=()
signer_chains=()
signers=()
signers_of=
default_id=
follows_latest=
# the planned CA, as it was found among them.
found_issuer=
found_ca=
forget_signers() { signers_of='' found_ca=''; }

# read_signers: sets them for the CA's mount; 1 where there is no such mount.
read_signers() {
  local id answer answers='' rc=0
  [[ $signers_of != "$mount" ]] || return 0
  answer=$(get "$mount/config/issuers") || rc=$?
  ((rc == 0)) || return "$rc"
  pick '.data | .default // "", .default_follows_latest_issuer // false' <<<"$answer" || return 2
  # shellcheck disable=SC2034 # the generations of a cluster's CA ask for it
  default_id=${picked[0]} follows_latest=${picked[1]}
  keys_of "$mount/issuers" || true
  for id in "${listed[@]}"; do answers+=$(get "$mount/issuer/$id")$'\n' || return 2; done
  # the certificates above stand here too, without their keys.
  # shellcheck disable=SC2016 # it is jq's
  pick -s --arg id "$default_id" 'map(select((.data.key_id // "") != "")) | sort_by(.data.issuer_id != $id)[]
    | (.data | .issuer_id, .issuer_name // "", .key_id, .certificate, (.ca_chain // [] | join("\n"))), .' <<<"$answers" || return 2
  signer_ids=() signer_names=() signer_keys=() signer_certificates=() signer_chains=() signers=()
  set -- "${picked[@]}"
  while (($# > 0)); do
    signer_ids+=("$1") signer_names+=("$2") signer_keys+=("$3") signer_certificates+=("$4") signer_chains+=("$5") signers+=("$6")
    shift 6
  done
  # what is not there, another run may make at any time.
  ((${#signers[@]} == 0)) || signers_of=$mount
}

# find_ca MOUNT: sets `issuer` and `ca` where the mount holds the planned CA, with its key, below the root.
find_ca() {
  local rc=0
  if [[ -n ${generation:-} && -n $found_ca && $mount == "$1" && $signers_of == "$1" ]]; then
    issuer=$found_issuer ca=$found_ca
    return 0
  fi
  use_ca "$1"
  # a cluster's mount may hold further CAs of ours: there the default need not be the planned one.
  if [[ -n ${generation:-} ]]; then find_generation || rc=$?; else issuer=$(issuer_of "$mount") || rc=$?; fi
  ((rc == 0)) || return "$rc"
  is_planned_ca "$issuer" || return 2
  found_issuer=$issuer found_ca=$ca
}

# look_at_ca MOUNT: the same; where it is to be made, what will sign it has to be fit for that, where it is there already: `signer_ca`.
look_at_ca() {
  local found rc=0 path fits=1
  find_ca "$1" || rc=$?
  ((rc != 0)) || need_known_ca "$ca" "$issuer"
  ((rc == 1)) || return "$rc"
  signer_ca=$root
  if [[ $signer != "$root_mount" ]]; then
    rc=0
    signer_ca=
    found=$(issuer_of "$signer" "$signer_ref") || rc=$?
    ((rc <= 1)) || return 2
    ((rc == 1)) || signer_ca=$(jq -r .data.certificate <<<"$found" | first_certificate) || return 2
  fi
  [[ -n $signer_ca ]] || return 1
  # what an offline root signs is looked at when it comes.
  if [[ -n $signer ]]; then
    lives_for "$ca_seconds" "$signer_ca" "the CA in $signer" || fits=
    may_sign_for "$ca_seconds" "$signer" "$signer_ref" 'the CA' || fits=
    [[ -n $fits ]] || return 2
  fi
  path=$(path_of "$signer_ca")
  if ((path != -1 && path <= (max_path_length > 0 ? max_path_length : 0))); then
    complain "${signer:-the root} ($(described "$signer_ca")) allows $path CAs below it, and $mount needs $(((max_path_length > 0 ? max_path_length : 0) + 1)): use a root that allows more, or fewer policyCas"
    return 2
  fi
  return 1
}

# need_known_ca CERTIFICATE ISSUER: that a CA of this mount is one that these scripts made, or that somebody accepted.
need_known_ca() {
  is_known_ca "$mount" "$1" ||
    need_proof 'a proof of who made' "the CA in $mount, $(described "$1"): $(how_to_accept_ca "$mount" "$mount/issuer/$(jq -r .data.issuer_id <<<"$2")")"
}

# need_free_mount MOUNT KEY: without the planned CA, what else its mount holds is not managed by these scripts. In a mount that they enabled, a
# stopped run leaves a key; it is never used, and report_other_signers names it.
need_free_mount() {
  local rc=0
  keys_of "$1/roles" && not_ours "the mount $1, with its role ${listed[0]}" "$2"
  keys_of "$1/issuers" && not_ours "the mount $1, with its issuers" "$2"
  is_marked sys/mounts "$1" || rc=$?
  ((rc <= 1)) || exit 1
  ((rc == 0)) || ! keys_of "$1/keys" || not_ours "the mount $1, with its key ${listed[0]}" "$2"
  return 0
}

# ca_present MOUNT: whether it is there; says what a reader should know of it.
ca_present() {
  local rc=0
  find_ca "$1" || rc=$?
  ((rc == 0)) || return "$rc"
  [[ -z ${generation:-} ]] || has_its_name || return 1
  still_signs || return 2
  note "the CA is $(described "$ca"), until $(end_of <<<"$ca")"
  report_differences
  [[ -z ${generation:-} ]] || { report_end && report_signer; }
  report_other_signers
}

# how another CA is made in the place of one; of a policy CA, whose mount holds one alone.
another_ca='choose another mount for it in policyCas of mesh-ca.yaml, raise intermediate.generation of each cluster below it, synthesize, and run dist/root/setup.sh and then the setup.sh of each cluster'

# still_signs: whether Vault lets the planned CA sign; says what is wrong, and the way on.
still_signs() {
  local reason
  reason=$(unfit "$mount" "$issuer") || return 2
  [[ -n $reason ]] || return 0
  complain "the CA $(described "$ca") in $mount $reason; for another CA: $another_ca"
  return 1
}

# is_planned_ca ISSUER: says what is wrong where it is not, else sets `ca` to its certificate.
is_planned_ca() {
  local certificate cn reason weak way=''
  pick '.data | .certificate, (.ca_chain // [] | join("\n")), .key_id // ""' <<<"$1" || return 1
  certificate=$(first_certificate <<<"${picked[0]}") || return 1
  cn=$(subject_cn <<<"$certificate")
  if [[ $cn != "$common_name" ]]; then
    reason="holds another CA ($(described "$certificate")) than the planned '$common_name'"
  elif [[ -z ${picked[2]} ]]; then
    reason="holds the certificate of '$cn' without its key"
  elif ! verified "$root" "$certificate" "${picked[1]}"; then
    reason="holds a CA that does not verify to the root $root_place ($(unverified))"
    [[ -z ${generation:-} ]] || way=', or raise intermediate.generation, where the root is another one now'
  elif weak=$(weakness <<<"$certificate") && [[ -n $weak ]]; then
    reason="holds a CA ($(described "$certificate")) that $weak"
  else
    ca=$certificate
    return 0
  fi
  complain "$mount $reason: CA material is never replaced here; choose another mount in the config$way"
  return 1
}

# report_differences: a CA that was made with other settings than those of today is kept.
report_differences() {
  local path names
  x509 -noout -text <<<"$ca" | has_planned_key || note "its key is not $ca_type with $ca_bits bits, as the plan says; it is kept"
  report_subject "$ca" "$ca_subject"
  path=$(path_of "$ca")
  [[ $path == "$max_path_length" ]] ||
    note "its path length is ${path/#-1/without a bound}, the plan says $max_path_length; it is kept"
  names=$(permitted_of <<<"$ca")
  [[ $names == "$ca_permitted" ]] || note "of names it may sign ${names:-any}, the plan says ${ca_permitted:-any}; it is kept"
}

# permitted_of: the name constraints of the certificate on standard input, as the plan writes them. Names that it excludes are marked, since the
# plan has none.
permitted_of() {
  x509 -noout -ext nameConstraints 2>/dev/null |
    sed -n '/^ *Permitted:$/d; /^ *Excluded:$/,$ s/^ *\([A-Za-z ]*:.\)/excluded \1/p; s/^ *\([A-Za-z ]*:.\)/\1/p' | sort | paste -sd, -
}

# report_other_signers: what else the mount can sign with: further issuers; keys without a certificate, which a stopped run leaves; further
# roles, which sign with this CA what the plan knows nothing of. They are named, and left alone.
report_other_signers() {
  local used id planned i
  pick '.data | .key_id, .issuer_id' <<<"$issuer" || return 2
  used=" ${picked[0]}" planned=${picked[1]}
  read_signers || return 2
  for i in "${!signers[@]}"; do
    id=${signer_ids[i]}
    [[ $id != "$planned" ]] || continue
    used+=" ${signer_keys[i]}"
    # of those of other generations the step issuer/retire speaks.
    [[ -z ${generation:-} ]] || ! is_own "$i" || continue
    stray_issuer "$mount" "$id" "${signer_certificates[i]}"
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
  report_pki_settings "$mount"
}

# has_planned_key: whether the text of a certificate or of a request, on standard input, shows a key as the plan has it.
has_planned_key() {
  local text algorithm=rsaEncryption
  text=$(cat)
  [[ $ca_type == rsa ]] || algorithm='id-ecPublicKey'
  grep "Public Key Algorithm: $algorithm" <<<"$text" >/dev/null && grep "Public-Key: ($ca_bits bit" <<<"$text" >/dev/null
}

# request_ca: sets `csr`. The key is made in the same run: nothing in Vault proves that a key which is there already was made by an earlier
# run. Only intermediate.reuseKey takes the key of a CA that was verified.
request_ca() {
  local response key_file former_key='' rc=0
  ((${generation:-1} == 1)) || prepare_generation
  if [[ $key_mode == exported ]]; then
    response=$(put "$mount/intermediate/generate/exported" <<<"$wanted")
    # opened once, as a new file: nobody can put another file or a symbolic link in its place in between.
    set -o noclobber
    { exec {key_file}>"$exported_key_file"; } 2>/dev/null || die "cannot write $exported_key_file: the key that it was for is not used"
    set +o noclobber
    printf '%s' "$response" | jq -r .data.private_key >&"$key_file" || {
      # what is cut off is no key, and would be in the way of the next run.
      rm -f -- "$exported_key_file"
      die "cannot write $exported_key_file: the key that it was for is not used"
    }
    exec {key_file}>&-
    note "the key of the CA is in $exported_key_file: keep it in a safe place"
    csr=$(printf '%s' "$response" | jq -r .data.csr)
    return 0
  fi
  if [[ -n $former_key ]]; then
    key_id=$former_key
    request_with_key "$key_id"
    return 0
  fi
  # the planned name can be taken once, so of two runs at the same time one fails here.
  get "$mount/key/$key_name" >/dev/null || rc=$?
  ((rc <= 1)) || exit 1
  if ((rc == 0)); then
    note "a key named $key_name is in $mount already, and it is not used: nothing proves who made it"
    key_name+=-$(openssl rand -hex 4)
  fi
  response=$(jq --arg key "$key_name" '. + {key_name: $key}' <<<"$wanted" | put "$mount/intermediate/generate/internal")
  pick '.data | .csr, .key_id' < <(printf '%s' "$response")
  # shellcheck disable=SC2034 # an offline request records the ID.
  csr=${picked[0]} key_id=${picked[1]}
}

# request_with_key KEY: sets `csr` to a request of a key that is in the mount. Vault takes no type and bits for it.
request_with_key() {
  csr=$(jq --arg key "$1" 'del(.key_type, .key_bits) + {key_ref: $key}' <<<"$wanted" | put "$mount/intermediate/generate/existing" | jq -r .data.csr)
  openssl req -noout -text <<<"$csr" | has_planned_key ||
    die "the key $1 in $mount is not $ca_type with $ca_bits bits, as the plan says: plan it so, or have another key made"
}

public_key_of_request() { openssl req -noout -pubkey; }

# issue_ca MOUNT: key, signature and import are one step, so that a rerun never replaces a CA that a mesh trusts.
issue_ca() {
  local csr bundle rc=0
  use_ca "$1"
  if ((${generation:-1} > 1)); then
    # one that a stopped run has left needs its name alone.
    prepare_generation
    find_ca "$1" || rc=$?
    ((rc <= 1)) || exit 1
    if ((rc == 0)); then
      name_issuer "$issuer" "${issuer_name:-}"
      # what is wrong with it is said already; another one is not made in its place.
      ca_present "$1" || exit 1
      return 0
    fi
  fi
  request_ca
  bundle=$(jq -n --arg csr "$csr" --argjson sign "$sign_fields" '{$csr} + $sign' | put "$signer_path" | jq -r .data.certificate)
  verified "$root" "$(first_certificate <<<"$bundle")" "$bundle" || die "what $signer signed does not verify to the root"
  import_ca "$bundle"
}

# import_ca BUNDLE: the CA first, then what is above it. `csr` is the request that it was signed for: the CA that the mount holds then must have
# the same key.
import_ca() {
  local imported rc=0
  forget_signers
  find_ca "$mount" || rc=$?
  ((rc != 0)) || die "$mount holds the planned CA by now ($(described "$ca")), and this run did not import it: another run made it at the same time, or somebody else did"
  ((rc == 1)) || exit 1
  remember_ca "$mount" "$(first_certificate <<<"$1")"
  imported=$(vault write -format=json "$mount/intermediate/set-signed" certificate=- <<<"$1")
  set_first_issuer "$(jq -r '.data.mapping | to_entries[] | select(.value != "") | .key' <<<"$imported" | tail -n 1)"
  forget_signers
  find_ca "$mount" || die "$mount does not hold the CA that was just imported"
  [[ $(x509 -noout -pubkey <<<"$ca") == "$(public_key_of_request <<<"$csr")" ]] ||
    die "the CA in $mount ($(described "$ca")) does not have the key that this run requested a certificate for: somebody else put it there at the same time. Do not use it"
  ((${generation:-1} == 1)) || name_issuer "$issuer" "${issuer_name:-}"
  ca_present "$mount" || die "$mount does not hold the CA that was just imported"
}

# set_first_issuer ID: set-signed makes the first issuer of a mount its default. Where there is one by now, another run at the same time made
# it, and it stays.
set_first_issuer() {
  local config
  config=$(get "$mount/config/issuers")
  [[ -n $(jq -r '.data.default // ""' <<<"$config") ]] || jq -n --arg id "$1" '{default: $id}' | put "$mount/config/issuers"
}
