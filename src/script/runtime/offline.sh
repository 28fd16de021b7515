# --- a CA that an offline root signs -----------------------------------------------------------------------------------------------------

signed_file=
options_usage+=' [--signed FILE]'
options_help+='  --signed FILE       the CA that the offline root has signed, PEM, and those between both, if any. Until it is there the script
                      ends with 4, and says what to have signed
'

# offline_option OPTION...: sets `taken` to the number of words that it took; 1 where it is none of an offline root.
offline_option() {
  [[ $1 == --signed ]] || return 1
  (($# >= 2)) || bad_usage "$1 needs a file"
  [[ -r $2 ]] || bad_usage "$1: cannot read '$2'"
  signed_file=$2
  taken=2
}

# the files beside the config that the signature is made with.
request_file() { printf '%s' "${mount//\//_}.csr"; }
extension_file() { printf '%s' "${mount//\//_}.ext"; }

# requested MOUNT: whether what is to be signed is there; so it is where the signed CA is.
requested() {
  local rc=0
  find_ca "$1" || rc=$?
  ((rc == 1)) || return "$rc"
  [[ -f $(request_file) && -f $(extension_file) ]] || return 1
  waiting_key
}

# waiting_key: sets `key_id` to the key that the request beside the config was made with; 1 where the mount does not hold it any more. The file
# alone proves that an earlier run made the key: whoever writes to Vault can leave a key under any name.
key_id=
waiting_key() {
  local rc=0
  key_id=$(sed -n 's/^# key \([0-9a-f-]*\)$/\1/p' "$(request_file)" | head -n 1)
  # a request of an earlier version of this script does not name its key.
  get "$mount/key/${key_id:-$key_name}" >/dev/null || rc=$?
  key_id=${key_id:-$key_name}
  return "$rc"
}

# write_request MOUNT: makes the key and its request, unless the request beside the config is of a key that waits in the mount. A request of
# another key stays as it is, and is refused.
write_request() {
  local csr former_key='' rc=0
  use_ca "$1"
  if [[ -f $(request_file) ]]; then
    waiting_key || rc=$?
    ((rc <= 1)) || exit 1
    ((rc == 0)) || refuse_request
    ((${generation:-1} == 1)) || prepare_generation
    same_request
  else
    request_ca
    keep_file "$(request_file)" <<<"# key $key_id
$csr"
  fi
  extensions | keep_file "$(extension_file)"
}

# extensions: prints what the certificate has to allow, in OpenSSL's words.
extensions() {
  local path=''
  ((max_path_length == -1)) || path=",pathlen:$max_path_length"
  printf 'basicConstraints=critical,CA:TRUE%s\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n' "$path"
  [[ -z $ca_permitted ]] || printf 'nameConstraints=critical,permitted;%s\n' "${ca_permitted//,/,permitted;}"
}

# keep_file FILE: writes standard input, where there is no such file.
keep_file() {
  local text
  text=$(cat)
  [[ ! -f $1 ]] || return 0
  printf '%s\n' "$text" | write_beside "$1" || die "cannot write $1 in $PWD: $(last_error)"
}

# take_signed MOUNT: takes in what the root has signed, or says what it has to sign, and waits.
take_signed() {
  local csr certificate chain former_key=''
  use_ca "$1"
  ((${generation:-1} == 1)) || prepare_generation
  waiting_key || refuse_request
  same_request
  [[ $(<"$(extension_file)") == "$(extensions)" ]] ||
    die "$(extension_file) is not what the plan says: move it away with $(request_file), and run this again"
  [[ -n $signed_file ]] || wait_for_signature
  chain=$(<"$signed_file")
  certificate=$(first_certificate <<<"$chain") || die "--signed holds no PEM certificate"
  refuse_unfit
  import_ca "$(each_certificate x509 <<<"$chain")
$root"
}

# same_request: sets `csr` to the request of the waiting key; ends the script where the request beside the config is another one.
same_request() {
  request_with_key "$key_id"
  [[ $(public_key_of_request <"$(request_file)") == "$(public_key_of_request <<<"$csr")" && $(subject_of_request <"$(request_file)") == "$(subject_of_request <<<"$csr")" ]] ||
    refuse_request
}
refuse_request() { die "$(request_file) is not the request of the key that waits in $mount: move it away with $(extension_file), and run this again for a new key and request"; }

subject_of_request() { openssl req -noout -subject -nameopt RFC2253 | sed 's/^subject=//'; }

# sha256: the digest of standard input, in hexadecimal digits.
sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }

# wait_for_signature: the digests are those of what Vault and the plan say, not of the files; on the other machine they are taken of the files.
wait_for_signature() {
  local days=$((ca_seconds / 86400))
  say "      to be signed: $(request_file), by the root $(described "$root")"
  say "      SHA-256 of the request's public key: $(public_key_of_request <<<"$csr" | openssl pkey -pubin -outform DER | sha256)"
  say "      SHA-256 of $(extension_file): $(extensions | sha256)"
  say '      check both on the machine of the root before you sign; another value means that a file was swapped on the way:'
  say "        openssl req -in $(request_file) -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"
  say "        openssl dgst -sha256 -r $(extension_file)"
  say "      with OpenSSL, where the key of the root is (ca.key) and its certificate (ca.crt); the line is one command:"
  say "        openssl x509 -req -in $(request_file) -CA ca.crt -CAkey ca.key -extfile $(extension_file) -days $((days > 0 ? days : 1)) -sha256 -set_serial \"0x\$(openssl rand -hex 16)\" -out $(request_file | sed 's/csr$/crt/')"
  say "      then: bash $0 --signed $(request_file | sed 's/csr$/crt/')"
  say "waiting for a signature: nothing was begun that has to be taken back"
  doing=false
  waiting=true
  exit 4
}

# refuse_unfit: what was signed has to be what was asked for.
refuse_unfit() {
  local path weak what
  what="the certificate of --signed ($(described "$certificate"))"
  [[ $(x509 -noout -pubkey <<<"$certificate") == "$(public_key_of_request <<<"$csr")" ]] ||
    die "$what is not of the key that waits in $mount: have $(request_file) signed"
  [[ $(x509 -noout -subject -nameopt RFC2253 <<<"$certificate" | sed 's/^subject=//') == "$(subject_of_request <<<"$csr")" ]] ||
    die "$what has another name than was asked for, $(subject_of_request <<<"$csr"): have it signed with the name of $(request_file)"
  x509 -noout -ext basicConstraints <<<"$certificate" 2>/dev/null | grep CA:TRUE >/dev/null ||
    die "$what is no CA certificate: have it signed with the extensions of $(extension_file)"
  x509 -noout -ext keyUsage <<<"$certificate" 2>/dev/null | grep 'Certificate Sign' >/dev/null ||
    die "$what may not sign certificates (key usage): have it signed with the extensions of $(extension_file)"
  # those between it and the root too.
  weak=$(each_certificate weakness <<<"$chain")
  [[ -z $weak ]] || die "a certificate of --signed $weak"
  path=$(path_of "$certificate")
  [[ $path == "$max_path_length" ]] ||
    die "$what has the path length ${path/#-1/without a bound}, the plan says $max_path_length: have it signed with the extensions of $(extension_file)"
  [[ -z $ca_permitted || $(permitted_of <<<"$certificate") == "$ca_permitted" ]] ||
    die "$what has other name constraints than the plan says, $ca_permitted: have it signed with the extensions of $(extension_file)"
  x509 -noout -checkend 0 <<<"$certificate" >/dev/null || die "$what has ended: $(end_of <<<"$certificate")"
  lives_for "$seconds_below" "$certificate" "$what" || exit 1
  if (($(second_of_end <<<"$certificate") > $(second_of_end <<<"$root"))); then
    die "$what ends ($(end_of <<<"$certificate")) after the root does ($(end_of <<<"$root")): have it signed for less"
  fi
  verified "$root" "$certificate" "$chain" || die "$what does not verify to the root $(described "$root"): $(unverified)"
}
