# --- which CAs the planned mounts have signed ---------------------------------------------------------------------------------------------

# report_unknown_cas: names each CA certificate that the root's mount, the policy CAs' mounts or the clusters' mounts have signed, that can still be
# used, and that is none of the planned mounts' issuers. Vault keeps what it has signed at MOUNT/cert/SERIAL.
report_unknown_cas() {
  local known one
  known=$(known_cas) || exit 1
  for one in ${root_mount:+"$root_mount"} $planned_mounts; do report_signed "$one" || exit 1; done
}

# known_cas: prints the issuers of the planned mounts that have a key, of all generations, by short fingerprints: anybody can import the
# certificate of another CA, but not its key. After "retired." it prints those that setup.sh --retire has recorded.
known_cas() {
  local mount id answers=''
  for mount in ${root_mount:+"$root_mount"} $planned_mounts; do
    keys_of "$mount/issuers" || true
    for id in "${listed[@]}"; do answers+=$(get "$mount/issuer/$id")$'\n' || return 2; done
    evidence_keys "$mount" | grep '^retired[.]' || true
  done
  jq -r '.data | select((.key_id // "") != "") | .certificate' <<<"$answers" | each_certificate short_fingerprint
}

# report_signed MOUNT: reads each certificate, and looks at each CA among them. Each is read by an OpenSSL of its own: a certificate can hold any
# text, so it must not be found in the text of several.
report_signed() {
  local one
  local -a serials certificates
  keys_of "$1/certs" || return 0
  serials=("${listed[@]}")
  read_each "${serials[@]/#/$1/cert/}" || return 2
  mapfile -d '' -t certificates < <(each_answer jq -j '.data | (if (.revocation_time // 0) == 0 then "" else "revoked\n" end) + .certificate + "\u0000"')
  for one in "${certificates[@]}"; do ! can_sign "$one" || report_if_unknown "$1" "$one"; done
}

# can_sign CERTIFICATE: whether it is a CA, also by what old verifiers take for one: no basic constraints, and the key usage of a CA.
can_sign() {
  local found
  found=$(openssl x509 -noout -ext basicConstraints,keyUsage <<<"$1" 2>/dev/null) || true
  [[ $found == *CA:TRUE* || ($found != *'Basic Constraints'* && $found == *'Certificate Sign'*) ]]
}

# report_if_unknown MOUNT CERTIFICATE: a mount that these scripts did not enable may sign CAs for others, so there it is no drift. What is said to
# be retired, or is revoked, is named all the same: the mesh reads no list of revoked CAs, and whoever can tune a mount can write such a record.
report_if_unknown() {
  local print serial report=stray
  print=$(short_fingerprint <<<"$2")
  ! grep -xF -- "$print" >/dev/null <<<"$known" || return 0
  openssl x509 -noout -checkend 0 <<<"$2" >/dev/null || return 0
  # a self-signed one is no CA below ours: report_other_roots names it for as long as its key is here.
  ! verified "$2" "$2" || return 0
  if grep -xF -- "retired.$print" >/dev/null <<<"$known"; then
    note "$1 has signed the CA $(described "$2"), which is recorded as retired; the mesh trusts it until $(end_of <<<"$2")"
    return 0
  elif [[ $2 == revoked* ]]; then
    note "$1 has signed the CA $(described "$2"), which is not of the plan and is revoked; the mesh reads no CRL, so it trusts that CA until $(end_of <<<"$2")"
    return 0
  fi
  serial=$(serial_of "$2")
  is_marked sys/mounts "$1" || report=note
  "$report" "$1 has signed a CA that is not of the plan: $(described "$2"), serial $serial, valid from $(openssl x509 -noout -startdate <<<"$2" | sed 's/.*=//') until $(end_of <<<"$2"). Find out who requested it: the audit log has the serial. To revoke it: $cli write $1/revoke serial_number=$serial"
}
